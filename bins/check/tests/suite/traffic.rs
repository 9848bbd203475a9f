//! What the control files say together: who may send, where mail goes, how much of it. Every kind of finding, word for word.

use crate::ground::Ground;
use std::fs;
use std::time::{Duration, SystemTime};

#[test]
fn rules_that_do_not_parse_or_do_not_count_are_named() {
    for ground in Ground::all() {
        ground.control("tcp.smtp", "192.0.2.0/24:allow\n1.2:allow\n");
        let answer = ground.check(&[]);
        let fault = "\
control/tcp.smtp:2: error: no client has this address: write four numbers, or one to three with a dot at the end
    1.2:allow
    ^
    correct it and run stafett-tcprules tcp.smtp in control/
";
        assert!(answer.code == 100 && answer.out.starts_with(fault), "{answer:?}");
        ground.rules(":allow\n");
        let old = SystemTime::now() - Duration::from_secs(60);
        fs::File::options().write(true).open(ground.root.join("control/tcp.smtp.cdb")).unwrap().set_modified(old).unwrap();
        let older = "control/tcp.smtp: warning: the rules were edited after tcp.smtp.cdb was made, so older ones count\n    run stafett-tcprules tcp.smtp in control/\n";
        let answer = ground.check(&[]);
        assert_eq!((answer.code, answer.out.as_str()), (1, older));
        ground.rules(":allow\n");
        let none = "control/tcp.smtp: warning: the rules are not compiled, so none of them counts\n    run stafett-tcprules tcp.smtp in control/\n";
        ground.says(&[("tcp.smtp.cdb", None)], 1, none);
        let answer = {
            ground.control("tcp.smtp.cdb", "no cdb");
            ground.check(&[])
        };
        assert!(answer.code == 100 && answer.out.starts_with("control/tcp.smtp.cdb: error: unable to use it as a cdb: "), "{answer:?}");
    }
}

#[test]
fn an_open_relay_is_an_error_wherever_it_is_made() {
    for ground in Ground::all() {
        for (rules, line, caret) in [
            ("192.0.2.1:deny\n:allow,RELAYCLIENT=\"\"\n", ":allow,RELAYCLIENT=\"\"", "       ^^^^^^^^^^^"),
            ("192.0.2.1:deny\n0.0.0.0/0:allow,RELAYCLIENT=\"\"\n", "0.0.0.0/0:allow,RELAYCLIENT=\"\"", "                ^^^^^^^^^^^"),
        ] {
            ground.rules(rules);
            let out = format!(
                "control/tcp.smtp:2: error: every client may send to every recipient: this is an open relay\n    {line}\n    {caret}\n    write your own networks in front of the colon and run stafett-tcprules tcp.smtp in control/\n"
            );
            let answer = ground.check(&[]);
            assert_eq!((answer.code, answer.out), (100, out));
        }
        // In halves, or compiled elsewhere.
        ground.rules("0.0.0.0/1:allow,RELAYCLIENT=\"\"\n128.0.0.0/1:allow,RELAYCLIENT=\"\"\n");
        let out = "control/tcp.smtp.cdb: error: every client may send to every recipient: this is an open relay\n    give RELAYCLIENT to your own networks alone in tcp.smtp and run stafett-tcprules tcp.smtp in control/\n";
        assert_eq!((ground.check(&[]).code, ground.check(&[]).out.as_str()), (100, out));
        assert_eq!(ground.check(&["--service", "tcpserver"]).code, 100);
        ground.rules(":allow\n10.0.0.0/8:allow,RELAYCLIENT=\"\"\n");
        assert_eq!(ground.check(&[]).out, "");
        ground.write("service/smtpd/env/RELAYCLIENT", "\n");
        let out = "service/smtpd/env/RELAYCLIENT: error: every client may send to every recipient: this is an open relay\n    remove the file and restart the service; name your own networks in control/tcp.smtp\n";
        assert_eq!((ground.check(&[]).code, ground.check(&[]).out.as_str()), (100, out));
        assert_eq!(ground.check(&["--service", "smtpd"]).code, 100);
    }
}

#[test]
fn routes_and_recipients_that_contradict_are_shown() {
    for ground in Ground::all() {
        ground.says(
            &[("smtproutes", Some("Other.example:mail.example.net\n.below.example:h.example\nx.example.org:h.example\n:\n"))],
            1,
            "\
control/smtproutes:1: warning: other.example is not in rcpthosts, so only clients with RELAYCLIENT can use this route
    Other.example:mail.example.net
    ^^^^^^^^^^^^^
    add other.example to rcpthosts if mail for it comes from elsewhere
control/smtproutes:2: warning: .below.example is not in rcpthosts, so only clients with RELAYCLIENT can use this route
    .below.example:h.example
    ^^^^^^^^^^^^^^
    add .below.example to rcpthosts if mail for it comes from elsewhere
",
        );
        ground.says(
            &[("smtproutes", Some("example.org:one.example\n:two.example\nEXAMPLE.org:three.example\n"))],
            1,
            "\
control/smtproutes:1: warning: this route for example.org does not count, because line 3 is for the same
    example.org:one.example
    ^^^^^^^^^^^
    remove one of the lines
",
        );
        ground.says(
            &[("rcpthosts", Some("example.org\n# ours\nExample.ORG\n"))],
            1,
            "\
control/rcpthosts:3: warning: \"Example.ORG\" is listed twice, first on line 1
    Example.ORG
    ^^^^^^^^^^^
    remove one of the lines
",
        );
        ground.says(&[("rcpthosts", Some("example.org\nrelay.example.org\n"))], 1, "\
control/rcpthosts:2: warning: mail for relay.example.org is accepted, but that is this host and no route takes it further, so it would be deferred until it bounces
    relay.example.org
    ^^^^^^^^^^^^^^^^^
    remove the line, or write relay.example.org:HOST to smtproutes (an empty HOST says that its MX records lead elsewhere)
");
        ground.says(&[("rcpthosts", Some("example.org\nrelay.example.org\n")), ("smtproutes", Some("relay.example.org:\n"))], 0, "");
        ground.says(
            &[("badmailfrom", Some("spammer@example.org\n@example.org\n"))],
            1,
            "\
control/badmailfrom:2: warning: senders at example.org are refused, from every client, though mail for that domain is accepted here
    @example.org
     ^^^^^^^^^^^
    remove the line if users of that domain send through this host
",
        );
    }
}

#[test]
fn a_relay_for_nobody_is_a_warning() {
    for ground in Ground::all() {
        ground.rules(":allow\n");
        ground.says(
            &[("rcpthosts", None), ("smtproutes", None)],
            1,
            "\
control/rcpthosts: warning: no domain is listed and no client has RELAYCLIENT, so mail is accepted for nobody
    write the domains to accept mail for, one a line, or let your networks relay in tcp.smtp
",
        );
        ground.rules("192.0.2.0/24:allow,RELAYCLIENT=\"\"\n");
        ground.says(&[("rcpthosts", Some("# none\n")), ("smtproutes", None)], 0, "");
    }
}

#[test]
fn a_route_to_our_own_listener_is_an_error() {
    for ground in Ground::all() {
        let port = ground.port;
        for host in ["127.0.0.1", "localhost"] {
            let route = format!("example.org:{host}:{port}");
            let out = format!(
                "control/smtproutes:1: error: this route leads to {host} port {port}, where this relay itself listens: mail would go round in circles\n    {route}\n                {}\n    name the host that has the mailboxes, or another port\n",
                "^".repeat(host.len())
            );
            ground.says(&[("smtproutes", Some(&route))], 100, &out);
        }
        let route = format!("example.org:relay.example.org:{port}");
        let out = format!(
            "control/smtproutes:1: warning: this route leads to relay.example.org port {port}, which is the name of this host: mail would go round in circles\n    {route}\n                ^^^^^^^^^^^^^^^^^\n    name the host that has the mailboxes, or another port\n"
        );
        ground.says(&[("smtproutes", Some(&route))], 1, &out);
        let other = format!("example.org:127.0.0.1:{}\n", if port == 2 { 3 } else { 2 });
        ground.says(&[("smtproutes", Some(&other))], 0, "");
    }
}

#[test]
fn numbers_that_do_not_fit_together_are_shown() {
    for ground in Ground::all() {
        ground.says(&[("concurrencyremote", Some("10\n"))], 1, "\
control/concurrencyremote:1: warning: one destination may have 20 connections (concurrencydestination), but all together have 10 (concurrencyremote), so one can block the others
    10
    ^^
    make concurrencyremote the larger one
");
        ground.says(&[("concurrencydestination", Some("500\n"))], 1, "\
control/concurrencydestination:1: warning: one destination may have 500 connections (concurrencydestination), but all together have 100 (concurrencyremote), so one can block the others
    500
    ^^^
    make concurrencyremote the larger one
");
        ground.says(
            &[("concurrencyremote", Some("0\n"))],
            1,
            "\
control/concurrencyremote:1: warning: nothing is delivered
    0
    ^
    write the number of connections to other hosts, or remove the file: 100 then count
",
        );
        ground.says(&[("queuelifetime", Some("60\n"))], 1, "\
control/queuelifetime:1: warning: messages live shorter than the 400 seconds until they are tried a second time, so one failure makes a bounce
    60
    ^^
    write seconds, 604800 for a week
");
        ground.control("databytes", "1000000000000000000\n");
        let answer = ground.check(&[]);
        let (first, rest) = answer.out.split_once('\n').unwrap();
        assert!(
            answer.code == 1
                && first
                    .starts_with("control/databytes:1: warning: a message may have 1000000000000000000 bytes, but the queue has room for "),
            "{answer:?}"
        );
        assert_eq!(
            rest,
            "    1000000000000000000\n    ^^^^^^^^^^^^^^^^^^^\n    make room on the file system of the queue, or lower databytes\n"
        );
        ground.remove("control/databytes");
        ground.control("queuefree", "1000000000000000000\n");
        let answer = ground.check(&[]);
        assert!(
            answer.code == 100
                && answer.out.contains("control/queuefree:1: error: ")
                && answer.out.contains("so every message is refused for now\n    1000000000000000000\n    ^^^"),
            "{answer:?}"
        );
    }
}

#[test]
fn greeting_and_bounces_that_go_wrong_are_shown() {
    for ground in Ground::all() {
        ground.says(
            &[("smtpgreeting", Some("Welcome to us\n"))],
            1,
            "\
control/smtpgreeting:1: warning: the first word, \"Welcome\", is not the full name of a host (RFC 5321 section 4.2)
    Welcome to us
    ^^^^^^^
    begin the line with the name of this host: relay.example.org Welcome to us
",
        );
        let remedy =
            "    write the name of a host that has mailboxes to doublebouncehost, or an empty line to doublebounceto to discard them\n";
        ground.says(&[("doublebouncehost", None)], 1, &format!("control/doublebouncehost: warning: double bounces go to postmaster@relay.example.org, which is this host, and no route takes them further, so they are lost in the end\n{remedy}"));
        ground.says(&[("doublebouncehost", Some("relay.example.org\n")), ("doublebounceto", Some("bounces\n"))], 1, &format!("control/doublebouncehost:1: warning: double bounces go to bounces@relay.example.org, which is this host, and no route takes them further, so they are lost in the end\n    relay.example.org\n    ^^^^^^^^^^^^^^^^^\n{remedy}"));
        ground.says(&[("doublebouncehost", None), ("doublebounceto", Some("\n"))], 0, "");
        ground.says(&[("doublebouncehost", None), ("smtproutes", Some("example.org:a.example\n:smarthost.example.net\n"))], 0, "");
    }
}

#[test]
fn addresses_that_are_not_ours_and_routes_that_may_not_be_gone_are_shown() {
    for ground in Ground::all() {
        ground.says(
            &[("outgoingip", Some("127.0.0.1\nexample.net:192.0.2.77\n")), ("domainbindings", Some("example.org:192.0.2.78\n"))],
            1,
            "\
control/outgoingip:2: warning: 192.0.2.77 is not an address of this host, so no connection can come from it
    example.net:192.0.2.77
                ^^^^^^^^^^
    give the address to an interface, or write one that this host has
control/domainbindings:1: warning: 192.0.2.78 is not an address of this host, so no connection can come from it
    example.org:192.0.2.78
                ^^^^^^^^^^
    give the address to an interface, or write one that this host has
",
        );
        let routes = Some("example.org:192.0.2.5\nx.example.org:198.51.100.9\n");
        ground.says(
            &[("destinations", Some("192.0.2.0/24\n")), ("smtproutes", routes)],
            100,
            "\
control/smtproutes:2: error: 198.51.100.9 is in none of the networks of control/destinations, so mail for this route is never sent
    x.example.org:198.51.100.9
                  ^^^^^^^^^^^^
    add 198.51.100.9 to destinations, or name another relay
",
        );
        ground.says(&[("destinations", Some("# none\n"))], 1, "control/destinations: warning: no network is listed, so nothing is sent anywhere\n    write the networks that mail may go to, or remove the file\n");
    }
}

#[test]
fn lists_and_names_need_the_service_that_looks_them_up() {
    for ground in Ground::all() {
        let root = ground.root.display();
        let out = format!(
            "control/reversedns:1: error: it needs the service dnsbl, which this instance does not have: mail would be put off\n    run stafett-setup {root} --with dnsbl, or remove the file\n"
        );
        ground.says(&[("reversedns", Some("confirm\n"))], 100, &out);
        ground.says(&[("reversedns", Some("none\n")), ("dnsbllist", Some("# no list\n"))], 0, "");
    }
}

#[test]
fn what_a_listener_tells_smtpd_is_judged() {
    for ground in Ground::all() {
        ground.write("service/tcpserver/env/DATABYTES", "much\n");
        ground.write("service/tcpserver/env/MAXRECIPIENTS", "");
        ground.write("service/tcpserver/env/SUBMISION", "1\n");
        ground.write("service/tcpserver/env/UCSPITLS", "\n");
        let all = ground.check(&[]);
        assert_eq!(all.code, 100, "{all:?}");
        assert!(all.out.contains("service/tcpserver/env/DATABYTES: error: DATABYTES=\"much\" is not a number"), "{all:?}");
        assert!(all.out.contains("service/tcpserver/env/SUBMISION: warning: smtpd is not told of this variable"), "{}", all.out);
        assert!(!all.out.contains("MAXRECIPIENTS:") && !all.out.contains("UCSPITLS:"), "{}", all.out);
        assert_eq!(ground.check(&["--service", "tcpserver"]).code, 100);
        ground.rules("192.0.2.0/24:allow,SUBMISSION=\"robots\"\n:allow,DATABYTES=\"5\"\n");
        let rule = ground.check(&[]).out;
        assert!(rule.contains("control/tcp.smtp:1: error: SUBMISSION: \"robots\" is none of"), "{rule}");
        assert!(!rule.contains("control/tcp.smtp:2"), "{rule}");
        ground.rules(":allow\n");
        ground.write("service/tcpserver/env/DATABYTES", "100\n");
        assert_eq!(ground.check(&["--service", "tcpserver"]).code, 0);
    }
}
