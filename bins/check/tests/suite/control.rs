//! What the control files say, each by itself: every kind of finding, word for word.

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
