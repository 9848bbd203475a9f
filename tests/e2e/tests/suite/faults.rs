//! Killed programs, vanished sockets, peers that hang or leave: a clear error, and nothing lost.

use stafett_test_e2e::{Act, Client, Load, Process, Signal, Sink, Site, Step, Supervisor, kill, message, signal, transfer, wait_until};
use std::collections::BTreeMap;
use std::io::Write;
use std::net::Shutdown;
use std::time::Duration;

/// Whether this is the step at which something happens.
type At = fn(&Step) -> bool;

/// How often each subject has arrived.
fn arrivals(sink: &Sink) -> BTreeMap<String, usize> {
    let mut counts = BTreeMap::new();
    for arrived in &sink.seen().arrived {
        *counts.entry(arrived.field("Subject").unwrap()).or_insert(0) += 1;
    }
    counts
}

/// Kills the programs of this name three times under load; what was promised arrives, and what arrives twice was announced.
fn killed_under_load(name: &str) {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let load = Load::start(site.port(), 4, name);
    assert!(load.wait(20, 20), "the load does not flow:\n{}", site.logs());
    for round in 0..3_u64 {
        std::thread::sleep(Duration::from_millis(137 + 211 * round));
        let victims = site.processes(name);
        if victims.is_empty() {
            assert!(wait_until(10, || !site.processes(name).is_empty()), "{name} does not come back:\n{}", site.logs());
        }
        for victim in site.processes(name) {
            kill(victim.pid);
        }
    }
    assert!(wait_until(20, || site.is_up(1)), "no greeting after {name} was killed:\n{}", site.logs());
    let before = load.promised().len();
    assert!(load.wait(before + 10, 20), "the load does not flow again:\n{}", site.logs());
    let promised = load.stop();
    deliver_the_rest(&site, &sink, &promised);
    let log = site.log("send");
    for (subject, count) in arrivals(&sink) {
        assert!(count == 1 || log.contains("possible duplicate"), "{subject} has arrived {count} times and no log says so");
        assert!(promised.contains(&subject) || subject.starts_with(name));
    }
    let doubles: usize = arrivals(&sink).values().map(|count| count - 1).sum();
    let announced = log.matches("possible duplicate").count();
    assert!(doubles <= announced, "{doubles} duplicates have arrived, {announced} were announced");
}

fn deliver_the_rest(site: &Site, sink: &Sink, promised: &std::collections::BTreeSet<String>) {
    let missing = || {
        let counts = arrivals(sink);
        promised.iter().filter(|subject| !counts.contains_key(*subject)).cloned().collect::<Vec<_>>()
    };
    let complete = wait_until(30, || {
        for send in site.processes("stafett-send") {
            signal(send.pid, Signal::SIGALRM);
        }
        std::thread::sleep(Duration::from_millis(200));
        missing().is_empty() && site.queue_files().is_empty()
    });
    assert!(complete, "promised and lost: {:?}\nstill queued: {:?}\n{}", missing(), site.queue_files(), site.logs());
}

#[test]
fn tcpserver_killed() {
    killed_under_load("stafett-tcpserver");
}

#[test]
fn smtpd_killed() {
    killed_under_load("stafett-smtpd");
}

#[test]
fn queued_killed() {
    killed_under_load("stafett-queued");
}

#[test]
fn send_killed() {
    killed_under_load("stafett-send");
}

#[test]
fn remote_killed() {
    killed_under_load("stafett-remote");
}

#[test]
fn everything_killed_at_once() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let load = Load::start(site.port(), 4, "all");
    assert!(load.wait(30, 20));
    let ours = |process: &Process| process.name.starts_with("stafett-");
    for _ in 0..2 {
        for process in stafett_test_e2e::below(site.root()).iter().filter(|process| ours(process)) {
            kill(process.pid);
        }
        let before = load.promised().len();
        assert!(load.wait(before + 20, 30), "the load does not flow again:\n{}", site.logs());
    }
    let promised = load.stop();
    deliver_the_rest(&site, &sink, &promised);
}

#[test]
fn a_crash_between_delivery_and_mark_is_announced() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let send = site.resident("stafett-send").pid;
    // The next host takes the message; send dies before it learns so.
    sink.now(move |step, _| {
        if matches!(step, Step::Dot(_)) {
            kill(send);
        }
        Act::Accept
    });
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("twice"));
    sink.messages(1, 15);
    sink.now(|_, _| Act::Accept);
    let again = wait_until(20, || {
        site.processes("stafett-send").iter().for_each(|send| signal(send.pid, Signal::SIGALRM));
        std::thread::sleep(Duration::from_millis(100));
        site.queue_files().is_empty()
    });
    assert!(again, "{:?}\n{}", site.queue_files(), site.logs());
    if sink.seen().arrived.len() > 1 {
        site.logged("send", "possible duplicate");
    }
}

#[test]
fn sockets_that_are_gone_cost_a_temporary_error_and_come_back() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    for service in ["smtpd", "queue", "send", "remote"] {
        std::fs::remove_file(site.path("run").join(service).join("socket")).unwrap();
    }
    let mut client = Client::connect(site.port());
    // The listener holds its connection to smtpd, so it may greet; a message is refused for now, or taken and kept.
    let greeting = client.reply().code;
    assert!(matches!(greeting, 220 | 421), "{greeting}");
    if greeting == 220 {
        client.command("HELO client.test").must(250);
        client.command("MAIL FROM:<a@sender.test>");
        client.command("RCPT TO:<b@taken.test>");
        let code = match client.command("DATA").code {
            354 => {
                client.send(b"Subject: socketless\r\n\r\nx\r\n.\r\n");
                client.reply().code
            }
            code => code,
        };
        assert!(code == 250 || (400..500).contains(&code), "{code}");
    }
    for name in ["queued", "send", "remote", "smtpd"] {
        signal(site.resident(&format!("stafett-{name}")).pid, Signal::SIGTERM);
    }
    assert!(site.is_up(20), "{}", site.logs());
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("back"));
    assert!(sink.wait(15, |seen| seen.arrived.iter().any(|one| one.field("Subject").as_deref() == Some("back"))), "{}", site.logs());
}

#[test]
fn connections_past_the_limits_are_told_so_or_wait() {
    let sink = Sink::new();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("concurrencyincoming", "5\n");
    site.control("concurrencyperip", "3\n");
    site.start(Supervisor::Runit);
    std::thread::sleep(Duration::from_millis(200));
    let mut held: Vec<Client> = (0..3).map(|_| Client::greeted(site.port())).collect();
    let mut over = Client::connect(site.port());
    over.expect(421);
    assert!(over.is_closed());
    held.pop().unwrap().command("QUIT").must(221);
    assert!(site.is_up(5), "no room after one has left");
    site.logged("tcpserver", "status: 3/5");
}

#[test]
fn clients_that_vanish_or_hang_at_each_step_leave_nothing() {
    let sink = Sink::new();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("timeoutsmtpd", "1\n");
    site.start(Supervisor::Runit);
    let steps = [
        "",
        "EHLO client.test\r\n",
        "MAIL FROM:<a@sender.test>\r\n",
        "RCPT TO:<b@taken.test>\r\n",
        "DATA\r\n",
        "Subject: half\r\n\r\n",
        "text\r\n.",
    ];
    let mut hanging = Vec::new();
    for count in 1..=steps.len() {
        for leaves in [true, false] {
            let mut client = Client::connect(site.port());
            client.expect(220);
            for (index, step) in steps[..count].iter().enumerate() {
                client.send(step.as_bytes());
                if (1..5).contains(&index) {
                    assert!((200..400).contains(&client.reply().code));
                }
            }
            if leaves {
                let _ = client.stream().shutdown(Shutdown::Both);
            } else {
                hanging.push(client);
            }
        }
    }
    for client in &mut hanging {
        client.expect(421);
        assert!(client.is_closed());
    }
    // A large message that breaks off has reached queued, and must be gone as well.
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.command("DATA").must(354);
    client.send(&b"0123456789abcdefgh\r\n".repeat(20_000));
    let _ = client.stream().shutdown(Shutdown::Both);
    assert!(wait_until(5, || site.queue_files().is_empty()), "{:?}", site.queue_files());
    let gone = || site.processes("stafett-smtpd").len() == 1;
    assert!(wait_until(5, gone), "{:?}", site.processes("stafett-smtpd"));
    assert!(sink.seen().arrived.is_empty());
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("whole"));
    sink.messages(1, 10);
}

#[test]
fn servers_that_vanish_hang_or_babble_at_each_step_are_tried_again() {
    let steps: [At; 6] = [
        |step| *step == Step::Greeting,
        |step| *step == Step::Ehlo || *step == Step::Helo,
        |step| matches!(step, Step::Mail(_)),
        |step| matches!(step, Step::Rcpt(_)),
        |step| *step == Step::Data,
        |step| matches!(step, Step::Dot(_)),
    ];
    let acts = [
        Act::Vanish,
        Act::Hang,
        Act::Say("451 4.7.1 greylisted".to_owned()),
        Act::Last("421 4.3.2 shutting down".to_owned()),
        Act::Say("this is no reply".to_owned()),
        Act::Say("1".repeat(10_000)),
        Act::Say(vec!["250-endless"; 100_000].join("\r\n")),
        Act::Say("199 not a success".to_owned()),
    ];
    // Every pair of step and act is one domain with a sink of its own.
    let mut sinks = Vec::new();
    let (mut domains, mut routes) = (String::new(), String::new());
    for (step_number, at) in steps.into_iter().enumerate() {
        for (act_number, act) in acts.iter().cloned().enumerate() {
            let sink = Sink::scripted(move |step, _| if at(step) { act.clone() } else { Act::Accept });
            let domain = format!("s{step_number}a{act_number}.test");
            domains.push_str(&format!("{domain}\n"));
            routes.push_str(&format!("{domain}:127.0.0.1:{}\n", sink.port()));
            sinks.push((domain, sink));
        }
    }
    let mut site = Site::new();
    site.control("rcpthosts", &domains);
    site.control("smtproutes", &routes);
    site.control("timeoutremote", "1\n");
    site.start(Supervisor::Runit);
    let mut client = Client::greeted(site.port());
    for (domain, _) in &sinks {
        client.deliver("a@sender.test", &[&format!("b@{domain}")], &message(domain));
    }
    let deferred = || {
        let log = site.log("send");
        log.matches("deferral: ").count() >= sinks.len()
    };
    assert!(
        wait_until(30, deferred),
        "{} of {} are deferred\n{}",
        site.log("send").matches("deferral: ").count(),
        sinks.len(),
        site.log("send")
    );
    assert_eq!(site.log("send").matches("failure: ").count(), 0, "{}", site.log("send"));
    assert_eq!(site.queue_files().len(), sinks.len());
    for (_, sink) in &sinks {
        sink.now(|_, _| Act::Accept);
    }
    signal(site.resident("stafett-send").pid, Signal::SIGALRM);
    for (domain, sink) in &sinks {
        let came = sink.wait(20, |seen| !seen.arrived.is_empty());
        assert!(came, "{domain} gets nothing\n{}", site.logs());
    }
    site.drained(10);
}

#[test]
fn a_server_that_refuses_for_good_at_each_step_bounces() {
    let steps: [(&str, At); 4] = [
        ("mail", |step| matches!(step, Step::Mail(_))),
        ("rcpt", |step| matches!(step, Step::Rcpt(_))),
        ("data", |step| *step == Step::Data),
        ("dot", |step| matches!(step, Step::Dot(_))),
    ];
    let home = Sink::new();
    let mut sinks = Vec::new();
    let mut routes = format!("home.test:127.0.0.1:{}\n", home.port());
    for (name, at) in steps {
        let sink = Sink::scripted(move |step, _| if at(step) { Act::Say("550 5.7.1 never".to_owned()) } else { Act::Accept });
        routes.push_str(&format!("{name}.test:127.0.0.1:{}\n", sink.port()));
        sinks.push(sink);
    }
    let mut site = Site::new();
    site.control("rcpthosts", ".test\nmail.test\nrcpt.test\ndata.test\ndot.test\n");
    site.control("smtproutes", &routes);
    site.start(Supervisor::Runit);
    let mut client = Client::greeted(site.port());
    for (name, _) in steps {
        client.deliver("a@home.test", &[&format!("b@{name}.test")], &message(name));
    }
    for bounce in home.messages(4, 20) {
        assert!(bounce.mail.starts_with("<>"));
        assert!(String::from_utf8_lossy(&bounce.data).contains("550 5.7.1 never"));
    }
    site.drained(5);
}

#[test]
fn a_reset_connection_in_the_middle_of_a_reply_is_survived() {
    let sink = Sink::new();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("concurrencyperip", "0\n");
    site.start(Supervisor::Runit);
    for _ in 0..50 {
        let mut client = Client::connect(site.port());
        let _ = client.stream().write_all(b"EHLO client.test\r\nMAIL FROM:<a@sender.test>\r\nNOOP\r\nNOOP\r\n");
        client.send(b"");
        drop(client);
    }
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("after-resets"));
    sink.messages(1, 10);
    assert!(!site.logs().contains("panicked"), "{}", site.logs());
    assert!(!site.log("smtpd").contains("was ended by signal"), "{}", site.log("smtpd"));
}

#[test]
fn garbage_on_the_internal_sockets_is_refused() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let pids: Vec<i32> = ["queued", "send", "remote", "smtpd"].iter().map(|name| site.resident(&format!("stafett-{name}")).pid).collect();
    let pieces: [&[u8]; 6] = [b"", b"garbage", b"99999999999999999999:", b"5:Efrom,1:.,", b"3:R-1,", &[0xff; 5000]];
    for piece in pieces {
        if let Ok(mut stream) = std::os::unix::net::UnixStream::connect(site.path("run/queue/socket")) {
            let _ = stream.write_all(piece);
            let _ = stream.shutdown(Shutdown::Write);
            let _ = stream.set_read_timeout(Some(Duration::from_secs(5)));
            let mut answer = Vec::new();
            let _ = std::io::Read::read_to_end(&mut stream, &mut answer);
            assert!(!answer.windows(2).any(|window| window == b":K"), "{piece:?} was accepted");
        }
    }
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("unharmed"));
    sink.messages(1, 10);
    for pid in pids {
        assert!(Process::at(pid).is_some(), "a resident has ended:\n{}", site.logs());
    }
    site.drained(5);
}
