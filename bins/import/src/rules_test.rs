use super::take;
use crate::ground::Ground;
use crate::report::Report;
use std::fs;

fn shown(rules: &str) -> String {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("control")).unwrap();
    let ground = Ground::new(home.path(), &home.path().join("instance"), false, false).unwrap();
    let (path, mut report) = (home.path().join("tcp.smtp"), Report::new(false));
    fs::write(&path, rules).unwrap();
    take(&ground, Some(&path), &mut report).unwrap();
    report.lines.last().unwrap().replace(path.to_str().unwrap(), "RULES")
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

#[test]
fn rules_whose_mail_would_lie_in_the_queue_of_qmail_are_left() {
    let said = shown(":allow,QMAILQUEUE=\"/var/qmail/bin/simscan\"\n");
    assert!(said.starts_with("not taken RULES:1: QMAILQUEUE names a program that belongs to qmail"), "{said}");
    assert!(shown(":allow,QMAILQUEUE=\"/usr/local/bin/scan\"\n").starts_with("take      control/tcp.smtp: "));
}
