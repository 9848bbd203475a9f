//! What is taken of the settings.

use super::instance::{imported, remove, scratch_in_memory, site};
use super::qmail::Qmail;
use stafett_test_e2e::{Site, has, program, run, skip};
use std::fs::{self, File};
use std::process::Command;

#[test]
fn ports_and_services_are_made_where_that_is_asked_for() {
    let qmail = Qmail::new(1);
    let site = Site::at(scratch_in_memory().keep().join("i"));
    site.control("me", "mail.example.org\n");
    let made = site.setup(&[]);
    assert!(made.status.success(), "{made:?}");
    let port = |site: &Site| fs::read_to_string(site.path("setup")).unwrap().lines().any(|line| line == "port 25");
    let shown = imported(qmail.import(&site, &["--take"]));
    assert!(shown.contains("to do     ") && shown.contains(": stafett-setup ") && !port(&site), "{shown}");
    let taken = imported(qmail.import(&site, &["--take", "--setup"]));
    assert!(taken.contains(": stafett-setup --port 25 --submission=587 --with "), "{taken}");
    assert!(port(&site) && site.path("service/local/run").exists(), "{taken}");
    assert!(!taken.contains("; then run this again for what goes there"), "{taken}");
    assert!(
        taken.contains("there     service/tcpserver-submission/env/FORCETLS\n") && taken.contains("took      users/cdb: compiled\n"),
        "{taken}"
    );
    remove(site);
}

#[test]
fn what_differs_is_kept_and_an_open_relay_is_closed() {
    let (qmail, site) = (Qmail::new(1), site());
    fs::remove_file(qmail.path("control/rcpthosts")).unwrap();
    fs::write(qmail.path("control/tcp.smtp"), "127.:allow,RELAYCLIENT=\"\"\n:allow,RELAYCLIENT=\"\"\n").unwrap();
    site.control("databytes", "1\n");
    fs::write(qmail.path("control/maxrcpt"), "many\n").unwrap();
    fs::write(qmail.path("alias/.qmail-default"), "| /var/qmail/bin/fastforward -d /etc/aliases.cdb\n").unwrap();
    fs::write(qmail.path("list"), "joe@example.org\n@shop.example.net\n").unwrap();
    let mut compile = Command::new(program("stafett-tcprules"));
    compile.arg("--recipients").arg(qmail.path("control/validrcptto.cdb")).arg(qmail.path("tmp"));
    assert!(compile.stdin(File::open(qmail.path("list")).unwrap()).status().unwrap().success());
    let taken = imported(qmail.import(&site, &["--take"]));
    assert!(taken.contains("note      control/rcpthosts: qmail has none and so relays for the whole world"), "{taken}");
    let hosts = fs::read_to_string(site.path("control/rcpthosts")).unwrap();
    assert_eq!(hosts, "example.org\nlists.example.org\nmail.example.org\nshop.example.net\n");
    assert!(taken.contains("tcp.smtp:2: gives RELAYCLIENT to every client"), "{taken}");
    assert!(
        taken.contains("not taken control/databytes: the instance has another one; its line 1 is \"1\", qmail's is \"20000000\""),
        "{taken}"
    );
    for line in
        ["not taken control/maxrcpt:1: \"many\" is not a number", "took      control/validrcptto.cdb\n", "to do     alias/.qmail-default: "]
    {
        assert!(taken.contains(line), "{line:?} is not in\n{taken}");
    }
    assert_eq!(fs::read_to_string(site.path("control/databytes")).unwrap(), "1\n");
    assert!(fs::read_to_string(site.path("control/tcp.smtp")).unwrap().ends_with("\n:allow\n"));
    imported(qmail.import(&site, &["--take", "--force"]));
    assert_eq!(fs::read_to_string(site.path("control/databytes")).unwrap(), "20000000\n");
    remove(site);
}

/// The text of the rules is lost, and djb's tcprules has made the compiled file.
#[test]
fn compiled_rules_become_text_again() {
    let Some(tcprules) = has("tcprules") else { return skip("compiled_rules_become_text_again", "ucspi-tcp is not installed") };
    let (qmail, site) = (Qmail::new(1), site());
    let source = qmail.path("control/tcp.smtp");
    let mut compile = Command::new(tcprules);
    compile.arg(qmail.path("control/tcp.smtp.cdb")).arg(qmail.path("control/tmp")).stdin(File::open(&source).unwrap());
    assert!(compile.status().unwrap().success());
    fs::remove_file(&source).unwrap();
    imported(qmail.import(&site, &["--take"]));
    let text = fs::read_to_string(site.path("control/tcp.smtp")).unwrap();
    for line in [
        "127.:allow,RELAYCLIENT=\"\"",
        "192.0.2.5:allow,RELAYCLIENT=\"\",DATABYTES=\"50000000\"",
        "198.51.100.:deny",
        ":allow,RBLSMTPD=\"\",SIZELIMIT=\"1\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    run(Command::new(program("stafett-tcprules")).arg("--check").arg(site.path("control/tcp.smtp.cdb")).arg("198.51.100.9"));
    remove(site);
}
