//! Rules at work, and files that change under a running listener.

use crate::harness::{Listener, compile, open_directory};

const OPEN: &str = "welcome\n";

#[test]
fn a_denied_client_gets_nothing() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile("127.0.0.1:deny\n:allow\n", &cdb);
    let mut listener = Listener::start(&["-HRl0", "-v", "-x", cdb.to_str().unwrap()], &["echo", "welcome"]);
    let peer = listener.connect();
    let port = peer.port();
    assert_eq!(peer.rest(), "");
    let line = listener.wait_for("tcpserver: deny ");
    assert!(line.ends_with(&format!(" 0:127.0.0.1:{} :127.0.0.1::{port}", listener.port)), "{line}");
    listener.wait_for("tcpserver: status: 0/40");
}

#[test]
fn changed_rules_count_at_the_next_connection() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile(":allow\n", &cdb);
    let listener = Listener::start(&["-HRl0", "-x", cdb.to_str().unwrap()], &["echo", "welcome"]);
    assert_eq!(listener.connect().rest(), OPEN);
    compile(":deny\n", &cdb);
    assert_eq!(listener.connect().rest(), "");
    compile("127.0.0.0/31:allow\n:deny\n", &cdb);
    assert_eq!(listener.connect().rest(), OPEN);
}

#[test]
fn broken_or_vanished_rules_leave_the_last_good_ones() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile(":deny\n", &cdb);
    let mut listener = Listener::start(&["-HRl0", "-x", cdb.to_str().unwrap()], &["echo", "welcome"]);
    std::fs::write(&cdb, "garbage").unwrap();
    assert_eq!(listener.connect().rest(), "");
    let line = listener.wait_for("error: unable to read ");
    assert!(line.ends_with("the file is cut short or not a cdb; compile the rules again; the rules stay as they were"), "{line}");
    assert_eq!(listener.connect().rest(), "");
    std::fs::remove_file(&cdb).unwrap();
    assert_eq!(listener.connect().rest(), "");
    listener.wait_for("error: unable to read ");
    compile(":allow\n", &cdb);
    assert_eq!(listener.connect().rest(), OPEN);
    let lines = listener.finish();
    assert_eq!(lines.iter().filter(|line| line.contains("error:")).count(), 2, "each fault once: {lines:#?}");
}

#[test]
fn optional_rules_may_come_later() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    let listener = Listener::start(&["-HRl0", "-X", "-x", cdb.to_str().unwrap()], &["echo", "welcome"]);
    assert_eq!(listener.connect().rest(), OPEN);
    compile(":deny\n", &cdb);
    assert_eq!(listener.connect().rest(), "");
}

#[test]
fn hup_reads_the_rules_again() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile(":allow\n", &cdb);
    let mut listener = Listener::start(&["-HRl0", "-v", "-x", cdb.to_str().unwrap()], &["echo", "welcome"]);
    listener.signal("HUP");
    listener.wait_for("note: new rules from ");
    assert_eq!(listener.connect().rest(), OPEN);
}
