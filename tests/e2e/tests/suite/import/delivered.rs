//! All of it: what is taken over, and where the messages arrive.

use super::instance::{files, imported, remove, site, subject, text};
use super::qmail::Qmail;
use stafett_test_e2e::{Signal, Sink, Site, Supervisor, signal};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

#[test]
fn what_a_qmail_left_is_delivered_once() {
    let sink = Sink::new();
    let (qmail, mut site) = (Qmail::new(sink.port()), site());
    let before = (files(&qmail.home()), files(site.root()));
    let shown = imported(qmail.import(&site, &[]));
    assert_eq!((files(&qmail.home()), files(site.root())), before, "showing has changed something:\n{shown}");

    let taken = imported(qmail.import(&site, &["--take"]));
    for line in [
        "took      control/rcpthosts\n",
        "took      control/senderdomain: from control/mfcheck\n",
        "took      control/tcp.smtp.cdb: compiled\n",
        "took      users/cdb: compiled\n",
        "took      service/tcpserver/env/GREETDELAY: ",
        "not taken control/timeoutsmtpd:1: \"10 minutes\" is not a number",
        "not taken control/relaymailfrom: ",
        "not taken alias/.qmail-outside: ",
        "to do     ",
    ] {
        assert!(taken.contains(line), "{line:?} is not in\n{taken}");
    }
    assert_eq!(fs::read_to_string(site.path("control/dnsbllist")).unwrap(), "-zen.lists.example\nbl.lists.example\n+good.lists.example\n");
    assert_eq!(fs::read_to_string(site.path("control/smtpauth")).unwrap(), "relay1:relayuser:relay pass\n");
    let again = imported(qmail.import(&site, &["--take"]));
    assert!(again.contains("\n0 taken, "), "{again}");
    let checked = site.command("stafett-check").arg(site.root()).output().unwrap();
    assert!(checked.status.code() != Some(100), "{}", text(&checked));

    drain_and_deliver(&qmail, &mut site, &sink);
    remove(site);
}

fn drain_and_deliver(qmail: &Qmail, site: &mut Site, sink: &Sink) {
    let drained = imported(qmail.import(site, &["--drain"]));
    assert!(drained.contains("\n13 taken, 0 there already, 1 not taken, 0 to do\n"), "{drained}");
    let born = fs::metadata(qmail.path("queue/taken").join(id_of(site, "partly")).join("10723362.info")).unwrap().mtime();
    assert_eq!(id_of(site, "partly")[..10], born.to_string());
    assert!(qmail.path("queue/todo/10723636").exists() && qmail.path("queue/mess/1/10723636").exists(), "the message with a CR is gone");

    // What was deferred here and there goes through now.
    let (inbox, bounces) = (maildir(site, "Maildir"), maildir(site, "bounces"));
    for (name, line) in [("later", "./Maildir/"), ("lists-later", "./Maildir/"), ("root", "./Maildir/"), ("sender", "./bounces/")] {
        let path = site.path("alias").join(format!(".qmail-{name}"));
        fs::write(&path, format!("{line}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    }
    site.start(Supervisor::Runit);
    signal(site.resident("stafett-send").pid, Signal::SIGALRM);
    site.drained(60);
    let mut arrived: Vec<String> = Vec::new();
    for one in &sink.seen().arrived {
        let path = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        arrived.extend(one.rcpts.iter().map(|rcpt| format!("{} {} {}", subject(&one.data), path(&one.mail), path(rcpt))));
    }
    arrived.sort();
    let mut expected: Vec<String> = ["bits", "bounced", "crlf", "fresh", "notend", "partly", "percent"]
        .iter()
        .map(|subject| format!("{subject} <sender@example.org> <wait@far.example.net>"))
        .collect();
    expected.extend(
        [
            // stafett-remote says #@[], which is no address, as the empty one
            "double <> <wait@far.example.net>",
            "failure notice <> <remote@far.example.net>",
            "null <> <wait@far.example.net>",
            "remotefail <remote@far.example.net> <wait@far.example.net>",
            "verp <list-other=far.example.net@example.org> <other@far.example.net>",
            "verp <list-wait=far.example.net@example.org> <wait@far.example.net>",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    assert_eq!(arrived, expected, "{}", site.logs());
    let mut local: Vec<String> = files(&inbox).values().map(|message| subject(message)).collect();
    local.sort();
    assert_eq!(local, ["bits", "bits", "bouncesoon", "fresh", "partly", "virtual"], "{}", site.logs());
    content(sink, &bounces);
    site.logged("send", "import msg ");
    site.stop();
    let again = imported(qmail.import(site, &["--drain"]));
    assert!(again.contains("\n0 taken, 0 there already, 1 not taken, 0 to do\n"), "{again}");
}

fn content(sink: &Sink, bounces: &Path) {
    let seen = sink.seen();
    let body = |name: &str| seen.arrived.iter().find(|one| subject(&one.data) == name).map(|one| one.data.clone()).unwrap_or_default();
    assert!(body("notend").ends_with(b"without its last line end\r\n"));
    assert!(body("bits").ends_with(b"Bl\xc3\xa5b\xc3\xa6r.\r\n"));
    assert!(body("crlf").ends_with(b"\r\n\r\nText of crlf.\r\n"));
    assert!(body("fresh").ends_with(b"Text of fresh.\r\n.\r\n..dots\r\n"));
    let told: Vec<String> = files(bounces).values().map(|bounce| String::from_utf8_lossy(bounce).into_owned()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    for (address, reason) in [
        ("no-one@example.org", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("nobody@example.org", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("nosuch@lists.example.org", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("bad@bad.example.net", "127.0.0.1 does not like recipient."),
    ] {
        let is_it = |bounce: &String| bounce.split(&format!("<{address}>:\n")).nth(1).is_some_and(|behind| behind.starts_with(reason));
        assert!(told.iter().any(is_it), "{address} is in no bounce: {told:#?}");
    }
}

/// Our id of the message with this subject.
fn id_of(site: &Site, name: &str) -> String {
    let is_it = |(_, bytes): &(&PathBuf, &Vec<u8>)| subject(bytes) == name;
    let found = files(&site.path("queue/cur"));
    let (path, _) = found.iter().find(is_it).unwrap();
    path.file_name().unwrap().to_string_lossy().split(',').next().unwrap().to_owned()
}

/// A directory of alias/ that mail is delivered into.
fn maildir(site: &Site, name: &str) -> PathBuf {
    let owner = fs::metadata(site.path("alias")).unwrap();
    let top = site.path("alias").join(name);
    for part in ["", "tmp", "new", "cur"] {
        fs::create_dir_all(top.join(part)).unwrap();
        chown(top.join(part), Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    top.join("new")
}
