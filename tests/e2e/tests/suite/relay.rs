//! A message in at one port and out to the next host, unchanged.

use stafett_test_e2e::{Client, Sink, Site, Supervisor, below, has, is_root, message, run, skip, transfer};
use std::process::Command;

#[test]
fn two_control_lines_make_a_relay() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let sent = message("two-lines");
    let reply = transfer(site.port(), "a@sender.test", "b@taken.test", &sent).saying("250 ");
    let arrived = &sink.messages(1, 10)[0];
    assert_eq!(String::from_utf8_lossy(&arrived.without_trace()), String::from_utf8_lossy(&sent), "the message has changed");
    assert!(arrived.mail.starts_with("<a@sender.test>"), "{}", arrived.mail);
    assert_eq!(arrived.rcpts.len(), 1);
    assert!(arrived.rcpts[0].starts_with("<b@taken.test>"), "{:?}", arrived.rcpts);
    site.drained(5);
    // The id of the reply leads through every log.
    let id = reply.text.split(" qp ").nth(1).expect("a queue id behind qp").split_whitespace().next().unwrap().to_owned();
    assert_eq!(id.len(), 16, "{reply:?}");
    site.logged("smtpd", &id);
    site.logged("send", &format!("new msg {id}"));
    site.logged("send", &format!("end msg {id}"));
    site.logged("send", "success: ");
    assert!(arrived.field("Received").expect("a Received field").contains(&id), "{:?}", arrived.field("Received"));
}

#[test]
fn exactly_one_received_field_and_nothing_else_is_added() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let sent = b"X-First: kept in place\r\nSubject: no more fields\r\n\r\n\r\n..\r\n.\t.\r\n\r\n\r\n".to_vec();
    transfer(site.port(), "a@sender.test", "b@taken.test", &sent);
    let arrived = &sink.messages(1, 10)[0];
    let head = arrived.data.strip_suffix(&sent[..]).expect("the message stands unchanged at the end");
    let head = String::from_utf8_lossy(head);
    assert_eq!(head.matches("Received: ").count(), 1, "{head}");
    assert!(head.lines().skip(1).all(|line| line.starts_with([' ', '\t'])), "{head}");
    assert!(head.lines().all(|line| line.len() <= 998), "{head}");
    assert!(
        head.contains("client.test") && head.contains("127.0.0.1") && head.contains("by relay.test") && head.contains("with ESMTP"),
        "{head}"
    );
}

#[test]
fn odd_messages_pass_unchanged() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let mut client = Client::greeted(site.port());
    let long_line = format!("Subject: long\r\n\r\n{}\r\n", "y".repeat(998));
    let every_byte: Vec<u8> =
        b"Subject: bytes\r\n\r\n".iter().copied().chain((1..=255).filter(|byte| !matches!(byte, b'\r' | b'\n'))).chain(*b"\r\n").collect();
    let cases: Vec<Vec<u8>> = vec![
        b"".to_vec(),
        b"\r\n".to_vec(),
        b"no header at all\r\n".to_vec(),
        b".\r\n".to_vec(),
        b"..\r\n.\r\n".to_vec(),
        long_line.into_bytes(),
        every_byte,
    ];
    for case in &cases {
        client.command("MAIL FROM:<a@sender.test> BODY=8BITMIME").must(250);
        client.command("RCPT TO:<b@taken.test>").must(250);
        client.data(case).must(250);
    }
    let mut arrived: Vec<Vec<u8>> = sink.messages(cases.len(), 10).iter().map(|one| one.without_trace()).collect();
    let mut cases = cases;
    arrived.sort();
    cases.sort();
    assert_eq!(arrived, cases);
}

#[test]
fn fifty_mebibytes_pass_in_pieces_and_by_bdat() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let line = [b"z".repeat(76), b"\r\n".to_vec()].concat();
    let mut big = b"Subject: big\r\n\r\n".to_vec();
    while big.len() < 50 * 1024 * 1024 {
        big.extend_from_slice(&line);
    }
    transfer(site.port(), "a@sender.test", "b@taken.test", &big);
    let mut client = Client::greeted(site.port());
    client.command(&format!("MAIL FROM:<a@sender.test> SIZE={}", big.len())).must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    let (first, last) = big.split_at(big.len() / 2);
    client.send(format!("BDAT {}\r\n", first.len()).as_bytes());
    client.send(first);
    client.expect(250);
    client.send(format!("BDAT {} LAST\r\n", last.len()).as_bytes());
    client.send(last);
    client.expect(250);
    for arrived in sink.messages(2, 60) {
        assert!(arrived.without_trace() == big, "a message of 50 MiB has changed ({} bytes arrived)", arrived.data.len());
    }
}

#[test]
fn several_recipients_go_in_one_transaction() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let recipients: Vec<String> = (0..30).map(|number| format!("user{number}@taken.test")).collect();
    let mut client = Client::greeted(site.port());
    client.deliver("a@sender.test", &recipients.iter().map(String::as_str).collect::<Vec<_>>(), &message("many"));
    let arrived = sink.messages(1, 10);
    assert_eq!(arrived[0].rcpts.len(), 30, "{:?}", arrived[0].rcpts);
    site.drained(5);
    assert_eq!(sink.seen().arrived.len(), 1);
}

#[test]
fn a_connection_is_kept_for_the_next_message() {
    let sink = Sink::new();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("concurrencyremote", "1\n");
    site.start(Supervisor::Runit);
    let mut client = Client::greeted(site.port());
    for number in 0..40 {
        client.deliver("a@sender.test", &["b@taken.test"], &message(&format!("kept-{number}")));
    }
    sink.messages(40, 20);
    let connections = sink.seen().connections;
    assert!(connections <= 20, "{connections} connections for 40 messages");
}

#[test]
fn parameters_of_the_envelope_are_carried_through() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test> BODY=8BITMIME RET=HDRS ENVID=QQ314159").must(250);
    client.command("RCPT TO:<b@taken.test> NOTIFY=SUCCESS,FAILURE ORCPT=rfc822;b+2Bx@taken.test").must(250);
    client.data(&message("dsn")).must(250);
    let arrived = &sink.messages(1, 10)[0];
    for parameter in ["BODY=8BITMIME", "RET=HDRS", "ENVID=QQ314159"] {
        assert!(arrived.mail.contains(parameter), "{parameter} is missing in {}", arrived.mail);
    }
    for parameter in ["NOTIFY=SUCCESS,FAILURE", "ORCPT=rfc822;b+2Bx@taken.test"] {
        assert!(arrived.rcpts[0].contains(parameter), "{parameter} is missing in {}", arrived.rcpts[0]);
    }
}

#[test]
fn addresses_in_unicode_pass() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<jürgen@sender.test> SMTPUTF8").must(250);
    client.command("RCPT TO:<ærlig@taken.test>").must(250);
    client.data("Subject: grüße\r\n\r\nhei\r\n".as_bytes()).must(250);
    let arrived = &sink.messages(1, 10)[0];
    assert!(arrived.mail.starts_with("<jürgen@sender.test>") && arrived.mail.contains("SMTPUTF8"), "{}", arrived.mail);
    assert!(arrived.rcpts[0].starts_with("<ærlig@taken.test>"), "{:?}", arrived.rcpts);
}

#[test]
fn an_ipv6_route_is_followed() {
    let address = std::net::SocketAddr::new("::1".parse().unwrap(), stafett_test_e2e::free_port());
    let sink = Sink::at(address, |_, _| stafett_test_e2e::Act::Accept);
    let site = Site::relaying_to(&sink);
    transfer(site.port(), "a@sender.test", "b@sub.taken.test", &message("six"));
    sink.messages(1, 10);
}

#[test]
fn routes_choose_by_host_suffix_and_default() {
    let (exact, below, other) = (Sink::new(), Sink::new(), Sink::new());
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n.taken.test\nelse.test\n");
    let route = |domain: &str, sink: &Sink| format!("{domain}:127.0.0.1:{}\n", sink.port());
    site.control("smtproutes", &[route("taken.test", &exact), route(".taken.test", &below), route("", &other)].concat());
    site.start(Supervisor::Runit);
    let mut client = Client::greeted(site.port());
    client.deliver("a@sender.test", &["b@TAKEN.test", "b@deep.sub.taken.test", "b@else.test"], &message("routes"));
    for (sink, domain) in [(&exact, "@TAKEN.test"), (&below, "@deep.sub.taken.test"), (&other, "@else.test")] {
        let arrived = sink.messages(1, 10);
        assert_eq!(arrived[0].rcpts.len(), 1);
        assert!(arrived[0].rcpts[0].to_lowercase().contains(&domain.to_lowercase()), "{:?} went to the sink of {domain}", arrived[0].rcpts);
    }
    site.drained(5);
}

#[test]
fn swaks_is_served() {
    let Some(swaks) = has("swaks") else { return skip("swaks_is_served", "swaks is not installed") };
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let server = format!("127.0.0.1:{}", site.port());
    for how in [&["--pipeline"][..], &["--protocol", "SMTP"], &["--header", "X-Test: yes"]] {
        let mut command = Command::new(&swaks);
        command.args(["--server", &server, "--from", "a@sender.test", "--to", "b@taken.test", "--helo", "client.test"]).args(how);
        let said = run(&mut command);
        assert!(said.contains(" qp "), "{said}");
    }
    sink.messages(3, 10);
}

#[test]
fn an_ordinary_user_runs_a_relay() {
    if !is_root() {
        return; // every other test is this one
    }
    for supervisor in [Supervisor::Runit, Supervisor::Daemontools] {
        let sink = Sink::new();
        let mut site = Site::of_nobody();
        site.control("rcpthosts", "taken.test\n");
        site.control("smtproutes", &sink.route());
        site.start(supervisor);
        transfer(site.port(), "a@sender.test", "b@taken.test", &message("ordinary"));
        sink.messages(1, 10);
        site.drained(5);
        let own = below(site.root()).iter().all(|process| process.status()["Uid"].starts_with("65534\t"));
        assert!(own, "something runs as another user");
        site.stop();
    }
}
