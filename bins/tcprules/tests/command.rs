//! The command as an admin runs it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

use std::io::Write;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn tcprules(directory: &Path, arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_stafett-tcprules"))
        .args(arguments)
        .current_dir(directory)
        .env_remove("TCPREMOTEIP")
        .env_remove("TCPREMOTEHOST")
        .env_remove("TCPREMOTEINFO")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    let _ = child.stdin.take().unwrap().write_all(input.as_bytes());
    child.wait_with_output().unwrap()
}

/// Exit code, standard output, standard error.
fn said(output: &Output) -> (i32, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code().unwrap(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn compiles_and_answers() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let rules = "127.:allow,RELAYCLIENT=\"\"\n2001:db8::/32:deny\n:allow\n";
    assert_eq!(said(&tcprules(at, &["rules.cdb", "rules.tmp"], rules)), (0, String::new(), String::new()));
    assert!(!at.join("rules.tmp").exists());
    let (code, out, _) = said(&tcprules(at, &["--check", "rules.cdb", "127.0.0.1"], ""));
    assert_eq!((code, out.as_str()), (0, "rule 127.:\nset environment variable RELAYCLIENT=\nallow connection\n"));
    let (_, out, _) = said(&tcprules(at, &["--check", "rules.cdb", "2001:db8::9"], ""));
    assert_eq!(out, "rule 2001:db8::/32:\ndeny connection\n");
    let (_, out, _) = said(&tcprules(at, &["--check", "rules.cdb", "9.9.9.9"], ""));
    assert_eq!(out, "rule :\nallow connection\n");
}

#[test]
fn one_argument_names_the_source() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    std::fs::write(at.join("tcp.smtp"), "10.:deny\n").unwrap();
    assert_eq!(said(&tcprules(at, &["tcp.smtp"], "")).0, 0);
    let (_, out, _) = said(&tcprules(at, &["--check", "tcp.smtp.cdb", "11.1.1.1"], ""));
    assert_eq!(out, "default:\nallow connection\n");
}

#[test]
fn faults_name_the_place_and_leave_the_cdb_alone() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    tcprules(at, &["rules.cdb", "rules.tmp"], ":deny\n");
    let before = std::fs::read(at.join("rules.cdb")).unwrap();
    let (code, _, err) = said(&tcprules(at, &["rules.cdb", "rules.tmp"], ":allow\n10.1:deny\n"));
    assert_eq!(code, 100);
    assert!(err.starts_with("stafett-tcprules: fatal: unable to compile standard input:2:1: no client has this address"), "{err}");
    std::fs::write(at.join("rules"), "\n:allow,A\n").unwrap();
    let (code, _, err) = said(&tcprules(at, &["rules"], ""));
    assert_eq!(code, 100);
    assert!(err.contains("unable to compile rules:2:8: a variable needs `=`"), "{err}");
    assert_eq!(std::fs::read(at.join("rules.cdb")).unwrap(), before);
}

#[test]
fn other_faults_have_their_codes() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    assert_eq!(said(&tcprules(at, &[], "")).0, 100);
    assert_eq!(said(&tcprules(at, &["--wrong", "a"], "")).0, 100);
    assert_eq!(said(&tcprules(at, &["--check", "absent.cdb", "1.2.3.4"], "")).0, 111);
    assert_eq!(said(&tcprules(at, &["--check", "absent.cdb", "mail.example"], "")).0, 100);
    assert_eq!(said(&tcprules(at, &["--check", "absent.cdb"], "")).0, 100);
    assert_eq!(said(&tcprules(at, &["absent"], "")).0, 111);
    assert_eq!(said(&tcprules(at, &["rules.cdb", "absent/rules.tmp"], ":allow\n")).0, 111);
    std::fs::write(at.join("broken.cdb"), "x").unwrap();
    let (code, _, err) = said(&tcprules(at, &["--check", "broken.cdb", "1.2.3.4"], ""));
    assert_eq!(code, 111);
    assert!(err.contains("unable to read broken.cdb: the file is cut short or not a cdb; compile the rules again"), "{err}");
}

#[test]
fn a_rule_without_effect_is_warned_about() {
    let directory = tempfile::tempdir().unwrap();
    let (code, _, err) = said(&tcprules(directory.path(), &["rules.cdb", "rules.tmp"], "10.:deny\n\n10.:allow\n"));
    assert_eq!(code, 0);
    assert_eq!(err, "stafett-tcprules: warning: standard input:3: no effect, line 1 has the same address and counts\n");
}

#[test]
fn lists_become_keys_or_nothing_at_all() {
    let directory = tempfile::tempdir().unwrap();
    let at = directory.path();
    let list = "# who there is\nInfo@Example.org\n@m\u{fc}nchen.example\n-x@example.org\n\"c d\"@example.org\n";
    assert_eq!(said(&tcprules(at, &["--recipients", "r.cdb", "r.tmp"], list)).0, 0);
    let table = cdb2::CDB::open(at.join("r.cdb")).unwrap();
    for key in ["info@example.org", "@xn--mnchen-3ya.example", "!x@example.org", "c d@example.org"] {
        assert!(table.get(key.as_bytes()).is_some(), "{key}");
    }
    assert_eq!(said(&tcprules(at, &["--hosts", "h.cdb", "h.tmp"], "Example.org\n.example.net\n")).0, 0);
    let hosts = cdb2::CDB::open(at.join("h.cdb")).unwrap();
    assert!(hosts.get(b"example.org").is_some() && hosts.get(b".example.net").is_some());
    let (code, _, error) = said(&tcprules(at, &["--hosts", "h.cdb", "h.tmp"], "good.example\nbad domain\n"));
    assert!(code == 100 && error.contains("standard input:2: \"bad domain\""), "{error}");
    assert!(cdb2::CDB::open(at.join("h.cdb")).unwrap().get(b"example.org").is_some());
    assert_eq!(said(&tcprules(at, &["--hosts", "h.cdb"], "")).0, 100);
}
