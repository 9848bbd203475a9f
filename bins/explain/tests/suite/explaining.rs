//! What a described client would hear, and why.

use crate::common::Ground;

const CLIENT: [&str; 4] = ["--ip", "198.51.100.1", "--from", "a@sender.test"];

#[test]
fn every_recipient_is_told_with_the_line_that_decides() {
    let ground = Ground::new(&[("rcpthosts", "# ours\nexample.test\n.below.test\n")]);
    let ended = ground.explain(&[&CLIENT[..], &["--to", "x@example.test", "--to", "y@a.below.test", "--to", "z@other.test"]].concat());
    assert_eq!(ended.code, 1, "{}", ended.err);
    let expected = [
        "listener: there are no rules, everybody may enter",
        "-> MAIL FROM:<a@sender.test>",
        "-> RCPT TO:<x@example.test>\n   rcpthosts: mail for example.test is accepted (control/rcpthosts:2)\n<- 250 ",
        "-> RCPT TO:<y@a.below.test>\n   rcpthosts: mail for a.below.test is accepted (control/rcpthosts:3)\n<- 250 ",
        "-> RCPT TO:<z@other.test>\n   refused by control/rcpthosts\n<- 553 5.7.1 ",
    ];
    expected.iter().for_each(|text| assert!(ended.out.contains(text), "{text}\nis not in\n{}", ended.out));
    assert_eq!(ground.explain(&[&CLIENT[..], &["--to", "<x@example.test>"]].concat()).code, 0);
}

#[test]
fn the_rule_of_the_listener_is_named_and_counts() {
    let rules = "# rules\n127.:allow,RELAYCLIENT=\"\"\n2001:db8::/32:allow,BOUNCEMAIL=\"-listed\"\n192.0.2.66:deny\n";
    let ground = Ground::new(&[("rcpthosts", "example.test\n"), ("tcp.smtp", rules)]);
    ground.compile_rules("control");
    let relayed = ground.explain(&["--ip", "127.0.0.9", "--to", "x@anywhere.test"]);
    assert_eq!(relayed.code, 0);
    assert!(relayed.out.starts_with("listener: rule \"127.\": allow, RELAYCLIENT=\"\" (control/tcp.smtp:2)\n"), "{}", relayed.out);
    assert!(relayed.out.contains("relay: this client may send to anywhere (rule RELAYCLIENT)"), "{}", relayed.out);
    let bounced = ground.explain(&["--ip", "2001:db8::1", "--to", "x@example.test"]);
    assert_eq!(bounced.code, 1);
    assert!(
        bounced.out.contains("control/tcp.smtp:3") && bounced.out.contains("refused by rule BOUNCEMAIL\n<- 553 5.7.1 listed"),
        "{}",
        bounced.out
    );
    let denied = ground.explain(&["--ip", "192.0.2.66", "--to", "x@example.test"]);
    assert_eq!((denied.code, denied.out.lines().count()), (1, 2));
    assert!(denied.out.contains("deny (control/tcp.smtp:4)\nthe connection is dropped"), "{}", denied.out);
}

#[test]
fn the_variables_of_the_service_count() {
    let ground = Ground::new(&[("rcpthosts", "example.test\n")]);
    ground.write("service/smtpd/env/DATABYTES", "1000\n");
    let ended = ground.explain(&[&CLIENT[..], &["--size", "1001", "--to", "x@example.test"]].concat());
    assert_eq!(ended.code, 1);
    assert!(ended.out.contains("refused by rule DATABYTES\n<- 552 "), "{}", ended.out);
}

#[test]
fn what_cannot_be_explained_is_told() {
    let ground = Ground::new(&[("rcpthosts", "not a domain!\n")]);
    let broken = ground.explain(&CLIENT);
    assert_eq!((broken.code, broken.out.as_str()), (100, ""));
    assert!(broken.err.contains("control/rcpthosts:1"), "{}", broken.err);
    for (arguments, words) in [
        (&["--from", "a@b.test"][..], "--ip or --against is needed"),
        (&["--ip", "198.51.100.1", "more"], "unexpected argument"),
        (&["--ip", "198.51.100.1", "--helo", "a\r\nDATA"], "end of line"),
        (&["--ip", "somewhere"], "somewhere"),
        (&["--against", "new"], "needs the log files"),
    ] {
        let ended = ground.explain(arguments);
        assert_eq!(ended.code, 100, "{arguments:?}: {}", ended.err);
        assert!(ended.err.contains(words), "{arguments:?}: {}", ended.err);
    }
}

#[test]
fn what_tls_changes_is_told() {
    let print = format!("sha256:{}", "ab".repeat(32));
    let ground = Ground::new(&[
        ("rcpthosts", "example.test\n"),
        ("tlsclients", &format!("# members\n{print}\n")),
        ("tcp.smtp", ":allow,FORCETLS=\"1\"\n"),
    ]);
    ground.compile_rules("control");
    let plain = ground.explain(&[&CLIENT[..], &["--to", "x@example.test"]].concat());
    assert_eq!(plain.code, 1);
    assert!(plain.out.ends_with("<- 530 5.7.0 Must issue a STARTTLS command first\n"), "{}", plain.out);
    assert_eq!(ground.explain(&[&CLIENT[..], &["--tls", "--to", "x@example.test"]].concat()).code, 0);
    assert_eq!(ground.explain(&[&CLIENT[..], &["--tls", "--to", "x@other.test"]].concat()).code, 1);
    let member =
        ground.explain(&[&CLIENT[..], &["--certificate", &print.to_uppercase().replace("SHA", "sha"), "--to", "x@other.test"]].concat());
    assert_eq!(member.code, 0, "{}", member.out);
    assert!(member.out.contains("relay: this client may send to anywhere (control/tlsclients:2)"), "{}", member.out);
    assert_eq!(ground.explain(&[&CLIENT[..], &["--certificate", "md5:1", "--to", "x@other.test"]].concat()).code, 100);
}
