//! When a queue may be drained.

use super::instance::{empty, files, imported, remove, site, text};
use super::qmail::Qmail;
use stafett_test_e2e::Supervisor;
use std::fs::{self, File};
use std::io::Read;
use std::process::{Command, Stdio};

#[test]
fn neither_qmail_nor_the_instance_may_run_meanwhile() {
    let (qmail, mut site) = (Qmail::new(1), site());
    imported(qmail.import(&site, &["--take"]));
    // flock(2), as qmail-send takes it
    let held = File::options().append(true).open(qmail.path("queue/lock/sendmutex")).unwrap();
    held.lock().unwrap();
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(111));
    assert!(text(&refused).contains("qmail-send is running; stop qmail first"), "{}", text(&refused));
    drop(held);
    // lockf(3), as one takes it that was built without
    let hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()";
    let mut python = Command::new("python3");
    python.args(["-c", hold]).arg(qmail.path("queue/lock/sendmutex")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = python.spawn().unwrap();
    holder.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert!(text(&refused).contains("qmail-send is running; stop qmail first"), "{}", text(&refused));
    drop(holder.stdin.take());
    holder.wait().unwrap();
    site.start(Supervisor::Runit);
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(111));
    assert!(text(&refused).contains("stop the services queued and send first"), "{}", text(&refused));
    site.stop();
    assert!(site.queue_files().is_empty());
    remove(site);
}

/// Mail for the domains of its routes would go to their mail exchangers.
#[test]
fn a_queue_is_not_drained_into_an_instance_without_its_settings() {
    let (qmail, site) = (Qmail::new(1), site());
    let before = files(&qmail.path("queue"));
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(111), "{}", text(&refused));
    assert!(text(&refused).contains("run this with --take first"), "{}", text(&refused));
    assert_eq!(files(&qmail.path("queue")), before);
    imported(qmail.import(&site, &["--take"]));
    fs::remove_file(site.path("control/smtproutes")).unwrap();
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert!(text(&refused).contains("has settings for deliveries that the instance has not: control/smtproutes;"), "{}", text(&refused));
    // What receives mail alone decides nothing for what is drained.
    site.control("smtproutes", ":\n");
    fs::remove_file(site.path("control/badmailfrom")).unwrap();
    let drained = imported(qmail.import(&site, &["--drain"]));
    assert!(drained.contains("\n13 taken, "), "{drained}");
    empty(&site);
    qmail.fill_queue();
    fs::remove_file(site.path("control/smtproutes")).unwrap();
    let drained = imported(qmail.import(&site, &["--drain", "--force"]));
    assert!(drained.contains("\n13 taken, "), "{drained}");
    remove(site);
}
