//! Under runit and under daemontools, each steered as its admins do.

use stafett_test_e2e::{
    Act, Client, Process, Signal, Sink, Site, Step, Supervisor, below, has, message, run, signal, skip, transfer, wait_until,
};
use std::process::Command;
use std::time::Duration;

const SERVICES: [&str; 5] = ["queued", "remote", "send", "smtpd", "tcpserver"];

fn relay(supervisor: Supervisor, sink: &Sink) -> Site {
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.start(supervisor);
    site
}

fn steer(tool: &str, arguments: &str, site: &Site, service: &str) -> String {
    run(Command::new(tool).args(arguments.split(' ')).arg(site.path("service").join(service)).env("SVWAIT", "15"))
}

fn state(tool: &str, site: &Site, service: &str) -> String {
    let mut command = Command::new(tool);
    if tool == "sv" {
        command.arg("status");
    }
    let output = command.arg(site.path("service").join(service)).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn has_state(tool: &str, site: &Site, service: &str, wanted: fn(&str) -> bool) -> bool {
    wait_until(15, || wanted(&state(tool, site, service)))
}

fn is_up(text: &str) -> bool {
    text.contains(": up (pid ") || text.starts_with("run: ")
}

fn is_down(text: &str) -> bool {
    text.contains(": down ") || text.starts_with("down: ")
}

/// Stops and starts each service; mail flows again each time, and nothing is left at the end.
fn steered_by(supervisor: Supervisor, tool: &str, show: &str, down: &str, up: &str, again: &str) {
    let sink = Sink::new();
    let mut site = relay(supervisor, &sink);
    for (number, service) in SERVICES.iter().enumerate() {
        assert!(has_state(show, &site, service, is_up), "{service} is not up: {}", state(show, &site, service));
        steer(tool, down, &site, service);
        assert!(has_state(show, &site, service, is_down), "{service} does not end: {}\n{}", state(show, &site, service), site.logs());
        steer(tool, up, &site, service);
        assert!(has_state(show, &site, service, is_up), "{service} does not start again");
        assert!(site.is_up(15), "no greeting after {service} was down and up:\n{}", site.logs());
        let before = site.resident(&format!("stafett-{service}")).pid;
        steer(tool, again, &site, service);
        let renewed =
            || site.processes(&format!("stafett-{service}")).iter().any(|process| process.pid != before && process.parent() != before);
        assert!(wait_until(15, renewed), "{service} was not restarted\n{}", site.logs());
        assert!(site.is_up(15), "no greeting after a restart of {service}:\n{}", site.logs());
        assert_eq!(retried(&site, &format!("after-{service}")), 250);
        sink.messages(number + 1, 20);
    }
    site.drained(10);
    site.stop();
    assert!(below(site.root()).is_empty());
}

/// Sends until it is taken: a restart may cost one temporary error, no more.
fn retried(site: &Site, subject: &str) -> u16 {
    let mut code = 0;
    wait_until(10, || {
        let mut client = Client::connect(site.port());
        let mut said = |line: &str| {
            client.send(line.as_bytes());
            code = client.reply().code;
            (200..400).contains(&code)
        };
        let all = said("")
            && said("HELO again.test\r\n")
            && said("MAIL FROM:<a@sender.test>\r\n")
            && said("RCPT TO:<b@taken.test>\r\n")
            && said("DATA\r\n");
        all && {
            client.send(&message(subject).replace_dots());
            code = client.reply().code;
            code == 250
        }
    });
    code
}

trait Dots {
    fn replace_dots(&self) -> Vec<u8>;
}

impl Dots for Vec<u8> {
    fn replace_dots(&self) -> Vec<u8> {
        (String::from_utf8_lossy(self).replace("\r\n.", "\r\n..") + ".\r\n").into_bytes()
    }
}

#[test]
fn under_runit() {
    if has("runsvdir").is_none() {
        return skip("under_runit", "runit is not installed");
    }
    steered_by(Supervisor::Runit, "sv", "sv", "down", "up", "term");
}

#[test]
fn under_daemontools() {
    if has("svscan").is_none() {
        return skip("under_daemontools", "daemontools is not installed");
    }
    steered_by(Supervisor::Daemontools, "svc", "svstat", "-d", "-u", "-t");
}

#[test]
fn hup_reads_control_and_keeps_the_process() {
    let sink = Sink::new();
    let site = relay(Supervisor::Runit, &sink);
    for service in ["queued", "remote", "send", "smtpd"] {
        let before = site.resident(&format!("stafett-{service}")).pid;
        signal(before, Signal::SIGHUP);
        std::thread::sleep(Duration::from_millis(50));
        assert_eq!(site.resident(&format!("stafett-{service}")).pid, before, "{service} has ended on HUP");
    }
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("after-hup"));
    sink.messages(1, 10);
}

#[test]
fn an_idle_session_is_told_421_and_a_running_message_finishes_when_smtpd_ends() {
    let sink = Sink::new();
    let site = relay(Supervisor::Runit, &sink);
    let mut idle = Client::greeted(site.port());
    let mut busy = Client::greeted(site.port());
    busy.command("MAIL FROM:<a@sender.test>").must(250);
    busy.command("RCPT TO:<b@taken.test>").must(250);
    busy.command("DATA").must(354);
    busy.send(b"Subject: half\r\n\r\nfirst half\r\n");
    let mut quick = Client::greeted(site.port());
    signal(site.resident("stafett-smtpd").pid, Signal::SIGTERM);
    // who goes on at once is not disturbed
    quick.command("NOOP").must(250);
    quick.command("QUIT").must(221);
    idle.expect(421);
    assert!(idle.is_closed());
    busy.send(b"second half\r\n.\r\n");
    busy.expect(250);
    let arrived = &sink.messages(1, 15)[0];
    assert!(arrived.without_trace().ends_with(b"first half\r\nsecond half\r\n"));
}

#[test]
fn a_restart_of_smtpd_is_not_noticed_by_new_clients() {
    let sink = Sink::new();
    let site = relay(Supervisor::Runit, &sink);
    for _ in 0..3 {
        signal(site.resident("stafett-smtpd").pid, Signal::SIGTERM);
        let mut client = Client::connect(site.port());
        client.expect(220);
        client.command("QUIT").must(221);
        assert!(site.is_up(15));
    }
    // What lies unread in the socket of an smtpd that ends goes to its successor.
    let resident = site.resident("stafett-smtpd");
    // Before it stands still it may be about to take what comes, and would greet a client whom it must let go at once.
    resident.stop();
    let mut client = Client::connect(site.port());
    std::thread::sleep(Duration::from_millis(100));
    signal(resident.pid, Signal::SIGTERM);
    signal(resident.pid, Signal::SIGCONT);
    client.expect(220);
    client.command("QUIT").must(221);
}

#[test]
fn a_restart_of_queued_costs_a_temporary_error_at_most() {
    let sink = Sink::new();
    let site = relay(Supervisor::Runit, &sink);
    let mut client = Client::greeted(site.port());
    client.deliver("a@sender.test", &["b@taken.test"], &message("before"));
    signal(site.resident("stafett-queued").pid, Signal::SIGKILL);
    let mut code = 0;
    let taken = wait_until(15, || {
        client.command("MAIL FROM:<a@sender.test>");
        client.command("RCPT TO:<b@taken.test>");
        code = client.command("DATA").code;
        if code == 354 {
            client.send(&message("after").replace_dots());
            code = client.reply().code;
        }
        assert!(code == 250 || (400..500).contains(&code), "{code}");
        client.command("RSET");
        std::thread::sleep(Duration::from_millis(100));
        code == 250
    });
    assert!(taken, "still {code} after queued was restarted\n{}", site.logs());
    sink.messages(2, 15);
}

#[test]
fn term_of_send_lets_running_deliveries_finish() {
    let sink = Sink::scripted(|step, _| match step {
        Step::Dot(_) => Act::Wait(Duration::from_secs(1)),
        _ => Act::Accept,
    });
    let site = relay(Supervisor::Runit, &sink);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("running"));
    assert!(sink.wait(10, |seen| seen.commands.iter().any(|(_, line)| line == "DATA")));
    let first: Process = site.resident("stafett-send");
    signal(first.pid, Signal::SIGTERM);
    site.logged("send", "status: exiting");
    site.drained(15);
    assert_eq!(sink.seen().arrived.len(), 1, "the message was sent again after a clean end");
}
