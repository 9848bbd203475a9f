//! Control files at the start and while it runs.

use crate::common::{MESSAGE, Site, envelope, wait_until};
use stafett_envelope::Head;
use stafett_sys::signal::Signal;
use std::fs;

fn received(site: &Site) -> String {
    let id = site.call().inject(&envelope(), MESSAGE);
    match &site.entry(&id, MESSAGE.len()).envelope.head[..] {
        [Head::Line(line)] => line.clone(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_broken_file_while_it_runs_leaves_the_last_good_copy_in_force() {
    let site = Site::started();
    site.control("me", "not a host");
    wait_until("the fault is told", || site.log().contains("control/me:1: "));
    assert!(site.log().contains("(the last good copy stays in force)"), "{}", site.log());
    assert!(received(&site).starts_with("Received: by relay.example "));
    site.control("me", "other.example");
    wait_until("the new name counts", || received(&site).starts_with("Received: by other.example "));
}

#[test]
fn hangup_reads_again() {
    let site = Site::started();
    fs::remove_file(site.path("control/me")).unwrap();
    wait_until("the fault is told", || site.log().contains("control/me: "));
    let told = site.log().lines().count();
    site.signal(Signal::Hangup);
    wait_until("it is told again", || site.log().lines().count() > told);
    assert!(received(&site).starts_with("Received: by relay.example "));
}

#[test]
fn a_broken_file_at_the_start_is_fatal_and_named() {
    for (name, text) in [("me", ""), ("queuefree", "much"), ("queuesync", "sometimes")] {
        let site = Site::new();
        site.control(name, text);
        let log = site.start_in_vain();
        assert!(log.contains(&format!("stafett-queued: fatal: control/{name}")), "{log}");
    }
}

#[test]
fn an_argument_that_it_does_not_know_keeps_it_from_starting() {
    let site = Site::new();
    let ended = site.command().arg("--sync").status().unwrap();
    assert_eq!(ended.code(), Some(100));
    assert!(site.log().contains("unexpected argument \"--sync\"; usage: stafett-queued (no arguments; "), "{}", site.log());
}
