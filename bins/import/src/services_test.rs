use super::take;
use crate::ground::Ground;
use crate::report::Report;
use std::fs;

fn shown(script: &str) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    let service = home.path().join("service/qmail-smtpd");
    fs::create_dir(home.path().join("control")).unwrap();
    fs::create_dir_all(&service).unwrap();
    fs::write(service.join("run"), script).unwrap();
    let mut ground = Ground::new(home.path(), &home.path().join("instance"), false, false).unwrap();
    let mut report = Report::new(false);
    take(&mut ground, &[service], &mut report).unwrap();
    report.lines
}

#[test]
fn a_limit_that_cannot_be_is_left() {
    let says = |limit: &str, text: &str| {
        let lines = shown(&format!("exec tcpserver -c {limit} 0 smtp qmail-smtpd\n"));
        assert!(lines.iter().any(|line| line.contains(text)), "{lines:?}");
    };
    says("30", "take      control/concurrencyincoming: from ");
    for odd in ["0", "99999999999999999999", "9999999999", "+5", "many"] {
        says(odd, &format!("its limit \"{odd}\" is no number that is possible"));
    }
}

#[test]
fn variables_that_open_a_relay_or_strand_mail_are_left() {
    let lines = shown("export RELAYCLIENT= QMAILQUEUE=/var/qmail/bin/simscan DATABYTES='1;x'\nexec tcpserver 0 smtp qmail-smtpd\n");
    for text in
        ["gives RELAYCLIENT to every client", "QMAILQUEUE names a program that belongs to qmail", "DATABYTES=\"1;x\" is not a number"]
    {
        assert!(lines.iter().any(|line| line.starts_with("not taken ") && line.contains(text)), "{text}: {lines:?}");
    }
}
