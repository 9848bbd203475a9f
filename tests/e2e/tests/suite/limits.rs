//! Limits and greylisting of a whole relay: through the real port, over crashes, with the admin's tools.

use stafett_test_e2e::{Client, Signal, Sink, Site, Supervisor, below, kill, message, program, run, signal, wait_until};
use std::process::Command;

fn relay(sink: &Sink, files: &[(&str, &str)]) -> Site {
    let mut site = Site::new();
    let with = site.setup(&["--with", "limit"]);
    assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stderr));
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    files.iter().for_each(|(name, text)| site.control(name, text));
    site.start(Supervisor::Runit);
    site.logged("limit", "status: ready");
    site
}

fn tool(site: &Site, arguments: &[&str]) -> String {
    run(Command::new(program("stafett-limit")).arg(site.root()).args(arguments))
}

fn deliver(site: &Site) -> u16 {
    let mut client = Client::greeted(site.port());
    let mail = client.command("MAIL FROM:<a@sender.test>");
    if mail.code != 250 {
        return mail.code;
    }
    let recipient = client.command("RCPT TO:<b@taken.test>");
    if recipient.code != 250 {
        return recipient.code;
    }
    client.data(&message("limited")).code
}

#[test]
fn messages_are_counted_over_a_crash_of_the_service() {
    let sink = Sink::new();
    let site = relay(&sink, &[("limits", "messages per address 4/day say that is enough for today\n")]);
    assert_eq!([deliver(&site), deliver(&site), deliver(&site)], [250, 250, 250]);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@elsewhere.test>").must(553);
    client.command("QUIT");
    assert!(
        wait_until(60, || tool(&site, &["--only", "messages"]).ends_with(": 127.0.0.1 3 of 4\n")),
        "not given back: {}",
        tool(&site, &[])
    );
    let file = site.path("state/limit/counters");
    let kept = || std::fs::read_to_string(&file).is_ok_and(|text| text.contains(" 127.0.0.1 ") && text.contains(":3\n"));
    assert!(wait_until(60, kept), "{}", std::fs::read_to_string(&file).unwrap_or_default());
    let service = || below(site.root()).into_iter().find(|process| process.name == "stafett-limit").map(|process| process.pid);
    let before = service().unwrap();
    kill(before);
    assert!(wait_until(60, || service().is_some_and(|pid| pid != before)), "it does not come back");
    assert!(wait_until(60, || site.log("limit").matches("status: ready").count() == 2), "{}", site.log("limit"));
    assert_eq!([deliver(&site), deliver(&site)], [250, 450]);
    site.logged("smtpd", "refuse control/limits:1 from <a@sender.test> client 127.0.0.1");
    let explained = run_to_any_end(&site, &["--ip", "127.0.0.1", "--from", "a@sender.test", "--to", "b@taken.test"]);
    assert!(explained.contains("control/limits:1") && explained.contains("that is enough for today"), "{explained}");
    assert!(tool(&site, &["--reached"]).ends_with(": 127.0.0.1 4 of 4\n"), "explaining counts nothing");
    assert_eq!(tool(&site, &["--reset", "127.0.0.1"]), "127.0.0.1: forgotten\n");
    assert_eq!(deliver(&site), 250);
    sink.messages(5, 20);
}

fn run_to_any_end(site: &Site, arguments: &[&str]) -> String {
    let output = Command::new(program("stafett-explain")).arg(site.root()).args(arguments).output().unwrap();
    String::from_utf8_lossy(&[output.stdout, output.stderr].concat()).into_owned()
}

#[test]
fn a_child_that_dies_leaks_no_connection() {
    let sink = Sink::new();
    let site = relay(&sink, &[("limits", "connections per address 2 at once\n")]);
    let greeting = || {
        let mut client = Client::connect(site.port());
        let reply = client.reply();
        (client, reply.code)
    };
    assert!(wait_until(60, || tool(&site, &["--only", "open"]).is_empty()), "the first look at the port is still open");
    let (first, second) = (greeting(), greeting());
    assert_eq!((first.1, second.1, greeting().1), (220, 220, 421));
    assert!(tool(&site, &["--only", "open"]).ends_with(": 127.0.0.1 2 of 2\n"));
    let resident = |pid: i32| below(site.root()).iter().any(|process| process.pid == pid && process.name == "stafett-smtpd");
    let children: Vec<i32> = below(site.root())
        .into_iter()
        .filter(|process| process.name == "stafett-smtpd" && resident(process.parent()))
        .map(|process| process.pid)
        .collect();
    assert!(children.len() >= 2, "{children:?}");
    children.iter().for_each(|pid| signal(*pid, Signal::SIGKILL));
    assert!(wait_until(60, || tool(&site, &["--only", "open"]).is_empty()), "{}", tool(&site, &[]));
    assert_eq!(greeting().1, 220);
}

#[test]
fn mail_of_strangers_comes_twice() {
    let sink = Sink::new();
    let site = relay(&sink, &[("greylist", "wait 2s\n")]);
    assert_eq!(deliver(&site), 451);
    assert!(wait_until(60, || deliver(&site) == 250), "it never passes");
    assert_eq!(deliver(&site), 250, "and then at once");
    site.control("greylist", "exempt senders sender.test\nwait 1h\n");
    assert!(tool(&site, &[]).contains("grey triplets: 1 passed, 0 wait\n"), "{}", tool(&site, &[]));
    sink.messages(2, 20);
}
