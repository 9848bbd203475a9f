//! Domains that come to this host, or leave it, while mail for them waits.

use crate::common::{Site, envelope};
use crate::remote::{Remote, Reply};
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use std::fs;

#[test]
fn mail_follows_its_domain_to_this_host_and_away_from_it() {
    let mut site = Site::new();
    fs::create_dir(site.path("run/local")).unwrap();
    site.give("run/local");
    let remote = Remote::willing(&site);
    let local = Remote::start_as(&site, "local", |_| Reply::All(Verdict::Ok, "did_1+0+0/"));
    site.control("virtualdomains", "leaves.example:joe");
    site.control("holdlocal", "1");
    site.control("holdremote", "1");
    site.start();
    let ids = [site.arrive(&envelope(&["a@leaves.example", "c@relay.example"])), site.arrive(&envelope(&["b@comes.example"]))];
    site.wait_for("both are known", |site| site.count("new msg ") == 2);
    site.control("virtualdomains", "comes.example:joe");
    site.control("holdlocal", "0");
    site.control("holdremote", "0");
    site.signal(Signal::Hangup);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    let seen = |by: &Remote| {
        let mut all: Vec<String> = by.seen().into_iter().flat_map(|seen| seen.recipients).collect();
        all.sort();
        all
    };
    assert_eq!(
        (seen(&remote), seen(&local)),
        (vec!["a@leaves.example".into()], vec!["c@relay.example".into(), "joe-b@comes.example".into()])
    );
}

#[test]
fn mail_that_waits_in_memory_takes_the_new_route() {
    let mut site = Site::new();
    fs::create_dir(site.path("run/local")).unwrap();
    site.give("run/local");
    let remote = Remote::willing(&site);
    site.control("smtproutes", "moves.example:former.example\nstays.example:former.example");
    site.control("percenthack", "relay.example");
    site.control("holdremote", "1");
    site.start();
    let message = envelope(&["a@moves.example", "b@stays.example", "c%moves.example@relay.example", "d%e.example@f.example"]);
    let id = site.arrive(&message);
    site.wait_for_log("new msg ");
    site.control("smtproutes", "moves.example:latter.example:26\nstays.example:former.example");
    site.control("percenthack", "f.example");
    site.control("virtualdomains", "relay.example:");
    site.control("locals", "");
    site.control("holdremote", "0");
    site.signal(Signal::Hangup);
    site.wait_for_end(id);
    let mut seen: Vec<(String, Vec<String>)> = remote.seen().into_iter().map(|seen| (seen.destination, seen.recipients)).collect();
    seen.sort();
    let one = |destination: &str, recipient: &str| (destination.to_owned(), vec![recipient.to_owned()]);
    let wanted = [
        one("e.example", "d@e.example"),
        one("former.example:25", "b@stays.example"),
        one("latter.example:26", "a@moves.example"),
        one("relay.example", "c%moves.example@relay.example"),
    ];
    assert_eq!(seen, wanted);
}
