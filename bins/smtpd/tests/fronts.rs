//! Clients behind a proxy (PROXY, versions 1 and 2) and behind somebody who says XCLIENT: each is judged as itself.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use support::{Client, Instance, Mood, variables};

/// 192.0.2.80 is a proxy that may relay itself, 198.51.100.9 a client that may, 198.51.100.66 one that is denied.
const RULES: &str = "192.0.2.80:allow,RELAYCLIENT=\"\",BOUNCEMAIL=\"of the proxy\"\n198.51.100.9:allow,RELAYCLIENT=\"\"\n\
                     198.51.100.66:deny\n198.51.100.3:allow,DATABYTES=\"many\"\n2001:db8::/32:allow,RELAYCLIENT=\"\"\n\
                     =relay.example:allow,RELAYCLIENT=\"\"\n:allow\n";

fn instance() -> Instance {
    let instance = Instance::new(Mood::Accept);
    instance.control("rcpthosts", "example.org\n");
    instance.control("proxies", "192.0.2.80\n");
    instance.control("xclient", "192.0.2.81\n");
    rules(&instance, RULES);
    instance
}

fn rules(instance: &Instance, text: &str) {
    let rules = stafett_ucspi::parse(text.as_bytes()).unwrap();
    stafett_ucspi::write(&rules, &instance.path("control/tcp.smtp.cdb"), &instance.path("control/tmp")).unwrap();
}

/// A connection from `ip`, with the variables that its rule would have set.
fn from(instance: &Instance, ip: &str, rule: &[(&str, &str)]) -> Client {
    let basic =
        [("PROTO", "TCP"), ("TCPREMOTEIP", ip), ("TCPREMOTEPORT", "1"), ("TCPREMOTEHOST", "front.example"), ("TCPLOCALIP", "192.0.2.1")];
    instance.serve(&variables(&[&basic, rule].concat()))
}

fn proxy(instance: &Instance, header: &[u8]) -> Client {
    let mut client = from(instance, "192.0.2.80", &[("RELAYCLIENT", ""), ("BOUNCEMAIL", "of the proxy")]);
    client.send(header);
    client
}

fn version_one(ip: &str) -> Vec<u8> {
    let (family, local) = if ip.contains(':') { ("TCP6", "2001:db8::1") } else { ("TCP4", "203.0.113.1") };
    format!("PROXY {family} {ip} {local} 4711 25\r\n").into_bytes()
}

/// The reply to a recipient elsewhere, which only a relay client gets accepted.
fn relays(client: &mut Client) -> bool {
    assert!(client.ask("EHLO c.example").starts_with("250 "));
    assert!(client.ask("MAIL FROM:<a@b.example>").starts_with("250 "));
    let relayed = client.ask("RCPT TO:<x@elsewhere.example>");
    assert!(relayed == "250 2.1.5 ok" || relayed.starts_with("553 5.7.1 "), "{relayed}");
    relayed.starts_with("250")
}

#[test]
fn a_client_behind_a_proxy_is_itself() {
    let instance = instance();
    for (ip, may_relay) in [("198.51.100.1", false), ("198.51.100.9", true), ("2001:db8::7", true), ("2001:db9::7", false)] {
        let mut client = proxy(&instance, &version_one(ip));
        assert!(client.reply().starts_with("220 "), "{ip}");
        let relayed = relays(&mut client);
        // the proxy's own rule has RELAYCLIENT and BOUNCEMAIL, which count for the proxy alone
        assert_eq!(relayed, may_relay, "{ip}");
        client.ask("QUIT");
        let (_, log) = client.end();
        assert!(log.contains(&format!("front 192.0.2.80 client {ip} by proxy pid ")), "{log}");
        assert!(log.contains(&format!("end quit client {ip} helo c.example ")) && log.contains(" host unknown "), "{log}");
    }
}

#[test]
fn a_rule_that_makes_a_proxy_submit_does_not_make_those_behind_it() {
    let instance = instance();
    rules(&instance, "192.0.2.80:allow,SUBMISSION=\"1\",FORCETLS=\"1\",UCSPITLS=\"-\"\n:allow\n");
    let mut client = from(&instance, "192.0.2.80", &[("SUBMISSION", "1"), ("FORCETLS", "1"), ("UCSPITLS", "-")]);
    client.send(&version_one("198.51.100.1"));
    client.greeted();
    assert!(!relays(&mut client), "MAIL is taken without an account and without TLS");
    // said of the port, as far as a program can know
    rules(&instance, ":allow\n");
    let mut client = from(&instance, "192.0.2.80", &[("FORCETLS", "1")]);
    client.send(&version_one("198.51.100.1"));
    client.greeted();
    client.ask("EHLO c.example");
    assert!(client.ask("MAIL FROM:<a@b.example>").starts_with("530 "));
}

#[test]
fn version_two_and_what_follows_at_once() {
    let instance = instance();
    let addresses = [198, 51, 100, 9, 203, 0, 113, 1, 0x12, 0x67, 0, 25];
    let header = [&b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c"[..], &addresses].concat();
    let mut client = proxy(&instance, &[&header[..], b"EHLO early.example\r\n"].concat());
    client.greeted();
    assert!(client.reply().starts_with("250 "));
    assert!(relays(&mut client));
    assert!(client.ask("DATA").starts_with("354 "));
    client.send(b"Subject: x\r\n\r\n.\r\n");
    assert!(client.reply().starts_with("250 "));
    client.ask("QUIT");
    assert!(client.end().1.contains(" early\n"));
    let (envelope, message) = instance.taken.all().pop().unwrap();
    let all = format!("{envelope}{}", String::from_utf8_lossy(&message));
    assert!(all.contains("(unknown [198.51.100.9])") && !all.contains("192.0.2.80"), "{all}");
}

#[test]
fn a_proxy_that_speaks_for_nobody_has_no_rights() {
    let instance = instance();
    for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0"] {
        let mut client = proxy(&instance, header);
        client.greeted();
        assert!(!relays(&mut client));
        client.ask("QUIT");
        assert!(client.end().1.contains("end quit client 192.0.2.80 "));
    }
}

#[test]
fn a_missing_or_wrong_header_is_the_end() {
    let instance = instance();
    for header in [
        &b"EHLO c.example\r\n"[..],
        b"PROXY TCP4 1.2.3.4\r\n",
        b"PROXY TCP4 198.51.100.9 203.0.113.1 1 2\n",
        b"\r\n\r\n\0\r\nQUIT\n\x31\x11\0\0",
    ] {
        let mut client = proxy(&instance, header);
        assert!(client.reply().starts_with("421 4.3.0 "));
        assert_eq!(client.line(), "");
        let (_, log) = client.end();
        assert!(log.contains("error: turning away a client of 192.0.2.80, which is in control/proxies or xclient: "), "{log}");
    }
    let silent = proxy(&instance, b"PROX");
    silent.hang_up();
    assert!(silent.end().1.contains("closed the connection before its PROXY header"));
}

#[test]
fn who_is_not_listed_says_neither() {
    let instance = instance();
    let mut client = from(&instance, "192.0.2.79", &[]);
    client.send(&version_one("198.51.100.9"));
    client.greeted();
    assert!(client.reply().starts_with("500 ") || client.line().is_empty());
    client.send(b"EHLO c.example\r\n");
    let mut offer = String::new();
    while !offer.contains("250 ") {
        offer.push_str(&client.line());
    }
    assert!(!offer.contains("XCLIENT"), "{offer}");
    assert_eq!(client.ask("XCLIENT ADDR=198.51.100.9"), "550 5.7.0 you may not name another client");
    assert!(!relays(&mut client));
    client.ask("QUIT");
    assert!(client.end().1.contains("refuse control/xclient from <> client 192.0.2.79 "));
}

#[test]
fn a_client_that_is_denied_hears_so() {
    let instance = instance();
    let mut client = proxy(&instance, &version_one("198.51.100.66"));
    assert!(client.reply().starts_with("554 5.7.1 "));
    assert_eq!(client.line(), "");
    assert!(client.end().1.contains("refuse control/tcp.smtp.cdb from <> client 198.51.100.66 "));
    let mut odd = proxy(&instance, &version_one("198.51.100.3"));
    assert!(odd.reply().starts_with("421 "));
    assert!(odd.end().1.contains("DATABYTES"));
}

#[test]
fn without_rules_nobody_behind_may_relay() {
    let instance = instance();
    std::fs::remove_file(instance.path("control/tcp.smtp.cdb")).unwrap();
    let mut client = proxy(&instance, &version_one("198.51.100.9"));
    client.greeted();
    assert!(!relays(&mut client));
    drop(client);
    std::fs::write(instance.path("control/tcp.smtp.cdb"), "torn").unwrap();
    assert!(proxy(&instance, &version_one("198.51.100.9")).reply().starts_with("421 "));
}

#[test]
fn xclient_begins_anew_with_the_one_it_names() {
    let instance = instance();
    let mut client = from(&instance, "192.0.2.81", &[("RELAYCLIENT", "")]);
    client.greeted();
    client.send(b"EHLO front.example\r\n");
    let mut offer = String::new();
    while !offer.contains("250 ") {
        offer.push_str(&client.line());
    }
    assert!(offer.contains("250-XCLIENT NAME ADDR ") || offer.contains("250 XCLIENT NAME ADDR "), "{offer}");
    assert!(client.ask("XCLIENT NAME=spoof").starts_with("501 5.5.4 ADDR is needed"));
    assert!(client.ask("MAIL FROM:<a@b.example>").starts_with("250 "));
    assert!(client.ask("XCLIENT ADDR=198.51.100.1").starts_with("503 "));
    assert!(client.ask("RSET").starts_with("250 "));
    assert!(client.ask("XCLIENT ADDR=198.51.100.1 NAME=mail.example.net PORT=4711 LOGIN=admin").starts_with("220 "));
    assert!(client.ask("MAIL FROM:<a@b.example>").starts_with("503 "), "EHLO comes again");
    assert!(!relays(&mut client));
    // whoever is behind cannot say it once more
    assert!(client.ask("RSET").starts_with("250 "));
    assert!(client.ask("XCLIENT ADDR=198.51.100.9").starts_with("550 "));
    client.ask("QUIT");
    let (_, log) = client.end();
    assert!(
        log.contains("end replaced client 192.0.2.81 ") && log.contains("front 192.0.2.81 client 198.51.100.1 by xclient pid "),
        "{log}"
    );
    assert!(log.contains("end quit client 198.51.100.1 ") && log.contains(" host mail.example.net "), "{log}");
}

#[test]
fn xclient_gives_the_rights_of_the_one_it_names() {
    let instance = instance();
    for (attributes, may_relay) in [
        ("ADDR=198.51.100.9", true),
        ("ADDR=IPV6:2001:db8::7", true),
        ("ADDR=[UNAVAILABLE] NAME=[UNAVAILABLE]", false),
        ("ADDR=198.51.100.1 NAME=relay.example", true),
    ] {
        let mut client = from(&instance, "192.0.2.81", &[("RELAYCLIENT", "")]);
        client.greeted();
        assert!(client.ask(&format!("XCLIENT {attributes}")).starts_with("220 "), "{attributes}");
        assert_eq!(relays(&mut client), may_relay, "{attributes}");
    }
}
