//! What smtpd may ask for at run/etrn.

use crate::admin::{DONE, LATER};
use crate::common::{Site, envelope};
use crate::remote::Remote;
use stafett_ask::{Answer, Verdict, ask};
use stafett_queue_store::Id;
use stafett_sys::signal::Signal;
use std::path::Path;
use std::time::Duration;

fn site() -> (Site, Remote) {
    let mut site = Site::new();
    for name in ["run/smtpd", "run/etrn"] {
        std::fs::create_dir(site.path(name)).unwrap();
        site.give(name);
    }
    let remote = Remote::start(&site, |_| LATER);
    site.start();
    (site, remote)
}

fn question(path: &Path, fields: &[&str]) -> Answer {
    let fields: Vec<&[u8]> = fields.iter().map(|field| field.as_bytes()).collect();
    ask(path, &fields, None, Duration::from_secs(20)).unwrap()
}

/// The code, and how many messages.
fn etrn(site: &Site, node: &str) -> (String, String) {
    let answer = question(&site.path("run/etrn/socket"), &["etrn", node, "192.0.2.7"]);
    assert_eq!(answer.verdict, Verdict::Ok, "{answer:?}");
    (answer.field(0).unwrap(), answer.field(1).unwrap_or_default())
}

fn resting(site: &mut Site, recipients: &[&str]) -> Id {
    let id = site.arrive(&envelope(recipients));
    site.wait_for_rest(id);
    id
}

fn pair(code: &str, count: &str) -> (String, String) {
    (code.to_owned(), count.to_owned())
}

#[test]
fn the_mail_of_a_domain_is_tried_and_no_other() {
    let (mut site, remote) = site();
    let mut of = |recipients: &[&str]| resting(&mut site, recipients);
    let (one, two, other) = (of(&["x@a.example"]), of(&["y@a.example"]), of(&["x@b.example"]));
    let both = of(&["z@a.example", "z@b.example"]);
    let tries = remote.seen().len();
    remote.script(|_| DONE);
    assert_eq!(etrn(&site, "A.example"), pair("252", ""));
    [one, two].iter().for_each(|id| site.wait_for_end(*id));
    site.wait_for("what is for several", |site| site.count("success: ") == 3);
    site.wait_for_rest(both);
    let seen = remote.seen();
    assert!(seen[tries..].iter().all(|seen| seen.recipients.iter().all(|one| one.ends_with("@a.example"))), "{seen:?}");
    assert_eq!(etrn(&site, "a.example"), pair("250", ""), "it was asked for a moment ago");
    // Where the line was looked through a moment ago, which takes long on a busy machine, it is later, and nobody knows how much.
    let (none, two, later) = (pair("251", "0"), pair("253", "2"), pair("250", ""));
    let (of_c, of_b) = (etrn(&site, "c.example"), etrn(&site, "b.example"));
    assert!((of_c == none || of_c == later) && (of_b == two || of_b == later), "{of_c:?} {of_b:?}");
    [other, both].iter().for_each(|id| site.wait_for_end(*id));
    site.wait_for_log("etrn b.example from 192.0.2.7: ");
}

#[test]
fn below_a_domain_and_behind_a_common_relay_messages_are_read_to_find_those_that_are_meant() {
    let (mut site, remote) = site();
    site.control("smtproutes", ":hub.example");
    site.signal(Signal::Hangup);
    site.wait_for("the change is read", |site| site.pending_signals() == 0);
    let mut of = |recipients: &[&str]| resting(&mut site, recipients);
    let (own, below, apart, other) = (of(&["x@a.example"]), of(&["x@sub.a.example"]), of(&["x@bad-a.example"]), of(&["x@b.example"]));
    remote.script(|_| DONE);
    assert_eq!(etrn(&site, "a.example"), pair("250", ""));
    site.wait_for_end(own);
    assert_eq!(etrn(&site, "@a.example"), pair("250", ""));
    site.wait_for_end(below);
    assert!(site.find(apart).is_some() && site.find(other).is_some());
}

#[test]
fn who_rests_beside_somebody_held_is_not_forgotten() {
    let (mut site, remote) = site();
    site.control("holddomains", "held.example");
    site.signal(Signal::Hangup);
    site.wait_for("the change is read", |site| site.pending_signals() == 0);
    let both = resting(&mut site, &["x@a.example", "x@held.example"]);
    let later = resting(&mut site, &["x@b.example", "x@c.example"]);
    remote.script(|_| DONE);
    etrn(&site, "held.example");
    etrn(&site, "b.example");
    site.wait_for("the first was looked at before the second", |site| site.count("success: ") == 1);
    site.wait_for_rest(both);
    site.signal(Signal::Alarm);
    site.wait_for("all but what is held goes", |site| site.count("success: ") == 3);
    site.wait_for_end(later);
    assert!(site.find(both).is_some());
}

#[test]
fn nothing_else_is_asked_there() {
    let (site, _remote) = site();
    let path = site.path("run/etrn/socket");
    for bad in [&["Q", "flush"][..], &["flush", "a.example"], &["etrn"], &["etrn", "", ""], &["M", "1", "2", "3"]] {
        assert_eq!(question(&path, bad).verdict, Verdict::Permanent, "{bad:?}");
    }
    // Callers that say nothing keep nobody out.
    let silent: Vec<_> = (0..60).map(|_| stafett_sys::socket::connect(&path, stafett_sys::socket::Style::Packets).unwrap()).collect();
    assert_eq!(etrn(&site, "a.example"), pair("251", "0"));
    drop(silent);
}
