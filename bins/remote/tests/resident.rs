//! The resident parent: its power, its control files, its end.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;
use std::thread::sleep;
use std::time::Duration;

use stafett_wire::delivery::Kind;
use support::server::{self, Action};
use support::{Remote, Verdict, names, only, receivers, status};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nbody\r\n";

#[test]
fn it_has_no_way_to_more_power() {
    let remote = Remote::start(&[]);
    assert_eq!(status(remote.pid(), "NoNewPrivs:"), "1");
    assert!(!status(remote.pid(), "Uid:").split(' ').any(|id| id == "0"));
    assert_eq!(status(remote.pid(), "CapEff:"), "0000000000000000");
}

#[test]
fn it_refuses_to_be_root_and_to_take_arguments() {
    let program = env!("CARGO_BIN_EXE_stafett-remote");
    assert_eq!(Command::new(program).arg("x").status().unwrap().code(), Some(100));
    let missing = Command::new(program).env("STAFETT", "/nowhere/at/all").output().unwrap();
    assert_eq!(missing.status.code(), Some(111));
    assert!(String::from_utf8_lossy(&missing.stderr).starts_with("stafett-remote: fatal: "));
}

#[test]
fn changed_control_files_count_from_the_next_connection() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let deliver = || assert_eq!(only(&remote.host(server.port).send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    remote.write_control("helohost", "other.test\n");
    deliver();
    assert_eq!(server.journal.count("EHLO other.test"), 1);
    remote.write_control("timeoutremote", "soon\n");
    deliver();
    assert_eq!(server.journal.count("EHLO other.test"), 2);
    let log = remote.log();
    assert!(log.contains("control/timeoutremote:1: ") && log.contains("last good copy"), "{log}");
}

/// As other programs replace it: a new file under the same name.
fn replace(file: &Path, text: &str) {
    let new = file.with_extension("new");
    fs::write(&new, text).unwrap();
    fs::rename(new, file).unwrap();
}

#[test]
fn resolv_conf_and_hosts_count_as_they_are_now() {
    if !stafett_sys::user::Uid::effective().is_root() {
        return receivers::skip("resolv_conf_and_hosts_count_as_they_are_now", "needs root (mount namespaces)");
    }
    let etc = tempfile::tempdir().unwrap();
    fs::set_permissions(etc.path(), PermissionsExt::from_mode(0o755)).unwrap();
    for name in ["passwd", "group", "nsswitch.conf"] {
        let _ = fs::copy(Path::new("/etc").join(name), etc.path().join(name));
    }
    let (resolv, hosts) = (etc.path().join("resolv.conf"), etc.path().join("hosts"));
    let server = server::start(|_, _| Action::Default);
    replace(&resolv, &format!("nameserver {}", names::start(&[("other.test", "a 127.0.0.1")])));
    let remote = Remote::start_with_etc(&[], etc.path());
    let reached = |kind, name: &str| only(&remote.to(kind, name, server.port).send(&["b@to.test"], MESSAGE)).0 == Verdict::Ok;
    assert!(!reached(Kind::Mx, "to.test"));
    let good = format!("nameserver {}", names::start(&[("to.test", "a 127.0.0.1")]));
    replace(&resolv, &good);
    assert!(reached(Kind::Mx, "to.test"));
    fs::write(&resolv, "nameserver 127.0.0.1:9\n").unwrap();
    assert!(!reached(Kind::Mx, "to.test"));
    fs::write(&resolv, &good).unwrap();
    assert!(reached(Kind::Mx, "to.test"));
    assert!(!reached(Kind::Host, "inside"));
    replace(&hosts, "127.0.0.1 inside\n");
    assert!(reached(Kind::Host, "inside"));
}

#[test]
fn children_end_when_the_parent_is_told_to() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let mut delivery = remote.host(server.port);
    assert_eq!(only(&delivery.send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    remote.terminate();
    assert!(delivery.has_ended());
    server.journal.wait_for("QUIT", 1);
}

#[test]
fn a_delivery_under_way_is_finished_when_the_parent_ends() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, event| {
        if event == "." {
            sleep(Duration::from_millis(700));
        }
        Action::Default
    });
    let mut delivery = remote.host(server.port);
    delivery.order(&support::envelope(&["b@to.test"]), MESSAGE, MESSAGE.len() as u64);
    server.journal.wait_for("MESSAGE", 1);
    remote.terminate();
    assert_eq!(only(&delivery.report()).0, Verdict::Ok);
    assert!(delivery.has_ended());
}

#[test]
fn nonsense_from_the_scheduler_ends_the_child_alone() {
    let remote = Remote::start(&[]);
    let server = server::start(|_, _| Action::Default);
    let odd = remote.to(Kind::Host, "127.0.0.1\n", server.port);
    assert!(odd.has_ended());
    assert_eq!(only(&remote.host(server.port).send(&["b@to.test"], MESSAGE)).0, Verdict::Ok);
    assert!(remote.log().contains("unable to serve stafett-send"));
}
