//! What the control files say, each by itself and together: every kind of finding, word for word.

use crate::ground::{Ground, runs_as_root};
use std::fs;
use std::time::{Duration, SystemTime};

#[test]
fn a_clean_instance_gives_no_word() {
    for ground in Ground::all() {
        ground.says(&[], 0, "");
    }
}

#[test]
fn a_file_that_nothing_reads_is_named_with_the_nearest_known_name() {
    for ground in Ground::all() {
        ground.says(
            &[("rcpthost", Some(""))],
            1,
            "control/rcpthost: warning: is no control file that this version reads\n    did you mean rcpthosts?\n",
        );
        let elsewhere = "control/qmqpservers: warning: is no control file that this version reads\n    move it elsewhere; stafett-control(5) lists what is read\n";
        ground.says(&[("qmqpservers", Some("example.org\n"))], 1, elsewhere);
    }
}

#[test]
fn a_check_whose_service_is_not_there_is_an_error() {
    for ground in Ground::all() {
        let root = ground.root.display();
        let out = format!(
            "control/callout:2: error: it needs the service callout, which this instance does not have: mail would be put off\n    run stafett-setup {root} --with callout, or remove the file\n"
        );
        ground.says(&[("callout", Some("example.net:off\nexample.org:on wait=20\n"))], 100, &out);
        ground.says(&[("callout", Some("example.net:off\n"))], 0, "");
        for name in ["spfbehavior", "dmarcbehavior"] {
            let out = format!(
                "control/{name}:1: error: it needs the service verify, which this instance does not have: mail would be put off\n    run stafett-setup {root} --with verify, or remove the file\n"
            );
            ground.says(&[(name, Some("2\n"))], 100, &out);
            ground.says(&[(name, Some("0\n"))], 0, "");
        }
        let out = |place: &str| {
            format!(
                "control/{place}: error: it needs the service limit, which this instance does not have: mail would be put off\n    run stafett-setup {root} --with limit, or remove the file\n"
            )
        };
        ground.says(&[("limits", Some("# x\nmessages per address 50/hour\n"))], 100, &out("limits:2"));
        ground.says(&[("greylist", Some(""))], 100, &out("greylist"));
    }
}

#[test]
fn a_secondary_takes_what_it_keeps_and_knows_its_recipients() {
    for ground in Ground::all() {
        let (kept, listed) = (("holdlifetime", Some("example.org:2592000\n")), ("validrcptto", Some("a@example.org\n")));
        ground.says(&[kept, listed], 0, "");
        let out = "control/holdlifetime:1: warning: mail for example.org is kept without knowing its recipients, and what its own host refuses later bounces\n    example.org:2592000\n    ^^^^^^^^^^^\n    write \"example.org:on\" into callout, or the recipients into validrcptto; see stafett-secondary(7)\n";
        ground.says(&[kept], 1, out);
        let out = "control/holdlifetime:1: warning: this host is to keep mail for .other.example, but takes none: rcpthosts does not list it\n    .other.example:10\n    ^^^^^^^^^^^^^^\n    add .other.example to rcpthosts\n";
        ground.says(&[("holdlifetime", Some(".other.example:10\n")), listed], 1, out);
    }
}

#[test]
fn aliases_have_their_tables_and_smtpd_knows_of_them() {
    for ground in Ground::all() {
        let text = ground.root.parent().unwrap().join("names").display().to_string();
        let listed = format!("{text}\n");
        let aliases = ("aliases", Some(listed.as_str()));
        let (caret, remedy) = ("^".repeat(text.len()), "    run newaliases\n");
        let at = |weight: &str, words: &str| format!("control/aliases:1: {weight}: {words}\n    {text}\n    {caret}\n{remedy}");
        let out = at("error", &format!("{text}.cdb cannot be found, so mail for names that are no user's waits"));
        ground.says(&[aliases], 100, &out);
        let file = |name: &str, age| {
            let file = fs::File::create(name).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        };
        file(&text, 20);
        file(&format!("{text}.cdb"), 10);
        ground.says(&[aliases], 0, "");
        file(&text, 5);
        ground.says(&[aliases], 1, &at("warning", &format!("{text} was changed after {text}.cdb was made, which counts")));
        file(&text, 20);
        fs::create_dir(ground.root.join("alias")).unwrap();
        let out = "control/aliases: warning: alias/.qmail-default asks fastforward, but smtpd accepts every name: mail for those that are no alias bounces\n    write the file of the aliases to aliases, such as /etc/aliases, and run newaliases\n";
        // the ground has no service that delivers
        let other = "alias: warning: is no part of the instance\n";
        for (line, out) in [
            ("# all\n| /usr/bin/fastforward -d /etc/aliases.cdb\n", out),
            ("| fastforward -dp /etc/aliases.cdb\n./Maildir/\n", ""),
            ("&joe\n", ""),
        ] {
            fs::write(ground.root.join("alias/.qmail-default"), line).unwrap();
            ground.says(&[], 1, &format!("{out}{other}"));
        }
        fs::write(ground.root.join("alias/.qmail-default"), "|fastforward -d /etc/aliases.cdb\n").unwrap();
        ground.says(&[aliases], 1, other);
    }
}

#[test]
fn routes_find_their_credentials_and_nothing_of_these_is_shown() {
    let smtpauth = |text: &'static str| ("smtpauth", Some(text));
    let smtproutes = |text: &'static str| ("smtproutes", Some(text));
    for ground in Ground::all() {
        ground.says(&[smtpauth("isp:user:secret\n"), smtproutes("example.org:mail.example.net auth=ISP\n")], 0, "");
        let out = "control/smtproutes:1: error: control/smtpauth has no line isp, so mail for this route waits\n    example.org:mail.example.net auth=isp\n                                      ^^^\n    write isp:user:password to smtpauth, then run stafett-setup\n";
        ground.says(&[smtproutes("example.org:mail.example.net auth=isp\n")], 100, out);
        let out = "control/smtproutes:1: error: this route has no TLS, and isp is said under TLS alone, so its mail waits\n    example.org:mail.example.net auth=isp tls=none\n                                      ^^^\n    write tls=verify, or without-tls behind the name in smtpauth\n";
        ground.says(&[smtpauth("isp:user:secret\n"), smtproutes("example.org:mail.example.net auth=isp tls=none\n")], 100, out);
        ground.says(&[smtpauth("isp without-tls:user:secret\n"), smtproutes("example.org:mail.example.net auth=isp tls=none\n")], 0, "");
        let out = "control/smtpauth:1: warning: no route has auth=isp, so isp is never used\n    write auth=isp behind the route in smtproutes, or remove the line\n";
        ground.says(&[smtpauth("isp:user:secret\n")], 1, out);
        let out = "control/smtpauth:2: warning: isp stands twice, and line 1 does not count\n    remove one of the lines\n";
        ground.says(&[smtpauth("isp:user:secret\nisp:user:other\n"), smtproutes("example.org:mail.example.net auth=isp\n")], 1, out);
        let out = "control/smtpauth:1: error: this line is not three parts with colons between them\n    write NAME:user:password\n";
        ground.says(&[smtpauth("secret\n")], 100, out);
    }
}

#[test]
fn certificates_that_are_to_be_shown_must_be_there() {
    let ground = Ground::new(runs_as_root());
    let out = "control/tlsdestinations:1: error: there is no control/clientcerts/us with cert.pem and key.pem, so mail that needs it waits\n    example.org:may certificate=us\n                                ^^\n    put certificate and key there and run stafett-setup, or correct the name\n";
    ground.says(&[("tlsdestinations", Some("example.org:may certificate=us\n"))], 100, out);
    let out = "control/tlsdestinations:1: error: \"much\" is not known\n    example.org:much\n                ^^^^\n    write auto, none, may, encrypt, verify, dane or fingerprint=sha256:HEX\n";
    ground.says(&[("tlsdestinations", Some("example.org:much\n"))], 100, out);
    let out = "control/tlsauthorities:1: error: /nowhere/list is no file, so stafett-remote does not start\n    /nowhere/list\n    ^^^^^^^^^^^^^\n    name a file of PEM text, or remove this one and install ca-certificates\n";
    ground.says(&[("tlsauthorities", Some("/nowhere/list\n"))], 100, out);
}

#[test]
fn accounts_that_cannot_be_used_are_shown() {
    let verifier = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdA";
    for ground in Ground::all() {
        let file = |text: &str| ground.write("control/accounts", text.replace("VERIFIER", verifier));
        ground.control("authplain", "127.0.0.1\n");
        file("alice:VERIFIER:\nALICE:VERIFIER:\nbob::\ncarol:$1$secret:\n");
        let out = ground.check(&[]).out;
        assert!(out.contains("control/accounts:4: error: a verifier of carol is damaged or of no known kind\n"), "{out}");
        assert!(!out.contains("secret") && !out.contains("c29tZXNhbHR"), "{out}");
        file("alice:VERIFIER:\nALICE:VERIFIER:\nbob::\n");
        let out = ground.check(&[]).out;
        assert!(
            out.contains("control/accounts:1: error: it needs the service auth, which this instance does not have: nobody can log in\n"),
            "{out}"
        );
        assert!(out.contains("control/accounts:2: error: alice stands in line 1 already"), "{out}");
        assert!(out.contains("control/accounts:3: warning: bob has no password"), "{out}");
        ground.remove("control/authplain");
        let out = ground.check(&[]).out;
        assert!(out.contains("control/accounts: warning: there is no certificate in servercerts"), "{out}");
        ground.control("authsource", "dovecot /run/x\ncheckpassword /bin/x\n");
        let out = ground.check(&[]).out;
        assert!(out.contains("control/authsource:2: error: only one source can be asked"), "{out}");
        ground.remove("control/accounts");
        ground.remove("control/authsource");
    }
}

#[test]
fn credentials_that_others_may_read_are_an_error() {
    let ground = Ground::new(runs_as_root());
    ground.control("smtproutes", "example.org:mail.example.net auth=isp\n");
    ground.write("control/smtpauth", "isp:user:secret\n");
    let out = ground.check(&[]).out;
    assert!(out.contains("control/smtpauth: error: has mode 0644, should have 0400\n") && !out.contains("secret"), "{out}");
    assert_eq!(out.contains("control/smtpauth: error: belongs to root:root, should belong to "), runs_as_root(), "{out}");
}

#[test]
fn a_store_that_everybody_may_read_is_an_error_and_its_password_never_shown() {
    for ground in Ground::all() {
        ground.says(&[("limitstore", Some("redis://relay:secret@127.0.0.1:6379\n"))], 0, "");
        ground.control("limitstore", "redis://relay:secret@127.0.0.1:none\n");
        let out = ground.check(&[]).out;
        assert!(out.contains("control/limitstore:1: error: ") && !out.contains("secret"), "{out}");
    }
    let ground = Ground::new(runs_as_root());
    ground.write("control/limitstore", "redis://relay:secret@127.0.0.1:6379\n");
    let out = ground.check(&[]).out;
    assert!(out.contains("control/limitstore: error: has mode 0644, should have 0400\n") && !out.contains("secret"), "{out}");
}

#[test]
fn bad_values_are_shown_with_line_and_caret() {
    for ground in Ground::all() {
        for (name, content, out) in [
            (
                "databytes",
                "10M\n",
                "\
control/databytes:1: error: \"10M\" is not a number of bytes from 0 to 18446744073709551615
    10M
    ^^^
    write digits only
",
            ),
            (
                "smtproutes",
                "example.org:mail.example.net\nexample.org:mail.example.net:0\nexample.org\n",
                "\
control/smtproutes:2: error: \"0\" is not a port
    example.org:mail.example.net:0
                                 ^
    write a number from 1 to 65535
control/smtproutes:3: error: \"example.org\" has no colon
    example.org
    ^^^^^^^^^^^
    write key:value
",
            ),
            (
                "rcpthosts",
                "example.org\nexam ple.org\n",
                "\
control/rcpthosts:2: error: \"exam ple.org\" is not the name of a host or domain
    exam ple.org
    ^^^^^^^^^^^^
control/smtproutes:1: warning: example.org is not in rcpthosts, so only clients with RELAYCLIENT can use this route
    example.org:mail.example.net
    ^^^^^^^^^^^
    add example.org to rcpthosts if mail for it comes from elsewhere
",
            ),
            ("me", "\n", "control/me: error: the file is missing or empty\n    write the full name of this host on its first line\n"),
            (
                "me",
                "192.0.2.1\n",
                "\
control/me:1: error: an address is no name
    192.0.2.1
    ^^^^^^^^^
    write the full name of this host, such as relay.example.org
",
            ),
        ] {
            ground.says(&[(name, Some(content))], 100, out);
        }
        let unfit = "\
control/me:1: warning: \"relay\" is not a full name, so other hosts may refuse mail from it
    relay
    ^^^^^
    write the name with its domain, such as relay.example.org
";
        ground.says(&[("me", Some("relay\n"))], 1, unfit);
    }
}

#[test]
fn what_is_no_text_or_no_file_is_an_error() {
    for ground in Ground::all() {
        ground.control("badmailfrom", b"@a.example\n@gr\xfc\xdfe.example\n");
        let answer = ground.check(&[]);
        assert_eq!(
            (answer.code, answer.out.as_str()),
            (100, "control/badmailfrom:2: error: holds bytes that are no UTF-8 text\n    @gr??e.example\n       ^\n")
        );
        ground.remove("control/badmailfrom");
        fs::create_dir(ground.root.join("control/badmailfrom")).unwrap();
        let answer = ground.check(&[]);
        assert_eq!((answer.code, answer.out.as_str()), (100, "control/badmailfrom: error: is a directory\n    a file is needed\n"));
    }
}

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
