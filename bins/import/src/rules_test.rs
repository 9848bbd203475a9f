use super::{decompile, take};
use crate::ground::Ground;
use crate::report::Report;
use stafett_ucspi::{parse, write};
use std::fs;

fn shown(rules: &str) -> String {
    all(rules, None).pop().unwrap()
}

/// What is said of a text, and of what was compiled before it was edited.
fn all(rules: &str, compiled: Option<&str>) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("control")).unwrap();
    let ground = Ground::new(home.path(), &home.path().join("instance"), false, false).unwrap();
    let (path, mut report) = (home.path().join("tcp.smtp"), Report::new(false));
    fs::write(&path, rules).unwrap();
    if let Some(text) = compiled {
        write(&parse(text.as_bytes()).unwrap(), &home.path().join("tcp.smtp.cdb"), &home.path().join("tmp")).unwrap();
    }
    take(&ground, Some(&path), &mut report).unwrap();
    report.lines.iter().map(|line| line.replace(path.to_str().unwrap(), "RULES")).collect()
}

#[test]
fn rules_that_let_everybody_relay_are_left_however_they_say_it() {
    let open = "gives RELAYCLIENT to every client, which is an open relay";
    for (rules, line) in [
        ("127.:allow,RELAYCLIENT=\"\"\n:allow,RELAYCLIENT=\"\"\n", ":2"),
        ("=:allow,RELAYCLIENT=\"\"\n", ":1"),
        ("0.0.0.0/0:allow,RELAYCLIENT=\"\"\n:allow\n", ":1"),
        ("::/0:allow,RELAYCLIENT=\"\"\n:allow\n", ":1"),
        ("0-255.:allow,RELAYCLIENT=\"\"\n:allow\n", ""),
        ("0.0.0.0/1:allow,RELAYCLIENT=\"\"\n128.0.0.0/1:allow,RELAYCLIENT=\"\"\n", ""),
        ("2000::/3:allow,RELAYCLIENT=\"\"\n:allow\n", ""),
    ] {
        let said = shown(rules);
        assert!(said.starts_with(&format!("not taken RULES{line}: {open}")), "{rules}: {said}");
    }
    for rules in
        ["10.:allow,RELAYCLIENT=\"\"\n:allow\n", ":deny,RELAYCLIENT=\"\"\n", "192.0.2.0/24:allow,RELAYCLIENT=\"\"\n=.example:deny\n"]
    {
        assert!(shown(rules).starts_with("take      control/tcp.smtp: "), "{rules}");
    }
}

/// A rule that is left out hands its clients to a less specific one: here to one that relays, or to none.
#[test]
fn one_fault_keeps_all_rules_of_a_text_and_each_is_named() {
    let lines = all("10.:allow,RELAYCLIENT=\"\"\n10.1.:alow\n192.0.2.:deny,X\n:allow\n", None);
    assert_eq!(
        lines,
        [
            "not taken RULES:2:7: expected `address:allow` or `address:deny`: correct it, compile the rules and run this again",
            "not taken RULES:3:15: a variable needs `=` and a quoted value: correct it, compile the rules and run this again",
        ]
    );
}

#[test]
fn where_the_text_has_faults_the_rules_are_those_that_tcpserver_reads() {
    let lines = all("10.1.:alow\n:allow\n", Some("10.1.:deny\n2001:db8::/32:deny\n:allow\n"));
    let [fault, .., taken] = &lines[..] else { panic!("{lines:?}") };
    assert!(fault.starts_with("not taken RULES:1:7: expected `address:allow`"), "{lines:?}");
    assert_eq!(taken, "take      control/tcp.smtp: from the compiled file, which is what tcpserver reads; the text has faults");
}

/// djb's tcprules knows no networks with a slash, and compiles one as a name that no client has.
#[test]
fn a_compiled_rule_that_never_counted_does_not_begin_to() {
    let place = tempfile::tempdir().unwrap();
    let path = place.path().join("cdb");
    let mut made = cdb2::CDBWriter::create(path.to_str().unwrap()).unwrap();
    made.add(b"10.0.0.0/8", b"+RELAYCLIENT=\0").unwrap();
    made.add(b"^0010000000000001", b"D\0").unwrap();
    made.add(b"", b"D\0").unwrap();
    made.finish().unwrap();
    let (text, dead) = decompile(&path).unwrap();
    assert_eq!((text.as_str(), &dead[..]), ("2001::/16:deny\n:deny\n", &["10.0.0.0/8".to_owned()][..]));
}

#[test]
fn rules_whose_mail_would_lie_in_the_queue_of_qmail_are_left() {
    let said = shown(":allow,QMAILQUEUE=\"/var/qmail/bin/simscan\"\n");
    assert!(said.starts_with("not taken RULES:1: QMAILQUEUE names a program that belongs to qmail"), "{said}");
    assert!(shown(":allow,QMAILQUEUE=\"/usr/local/bin/scan\"\n").starts_with("take      control/tcp.smtp: "));
}
