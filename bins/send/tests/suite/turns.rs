//! Who gets a connection while there are not enough for all.

use crate::admin::ask;
use crate::common::{Site, envelope};
use crate::remote::{Remote, Reply};
use crate::users::with_users;
use stafett_queue_store::Id;
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::question::Verb;
use std::sync::mpsc::{self, Receiver, Sender};

/// Delivers a message for each word of the test, and all when it says no more.
fn at_a_word(words: Receiver<()>) -> impl FnMut(&crate::remote::Seen) -> Reply + Send + 'static {
    move |_| {
        let _ = words.recv();
        Reply::All(Verdict::Ok, "accepted. Remote host said: 250 ok")
    }
}

/// Has one delivery end after the other, until orders for all these went out; how many went out before each.
fn places<const N: usize>(site: &Site, remote: &Remote, say: &Sender<()>, recipients: [&str; N]) -> [usize; N] {
    let before = remote.seen().len();
    for count in 0.. {
        let seen = remote.seen();
        let place = |recipient: &str| seen.iter().skip(before).position(|seen| seen.recipients == [recipient]);
        if recipients.iter().all(|recipient| place(recipient).is_some()) {
            return recipients.map(|recipient| place(recipient).unwrap());
        }
        say.send(()).unwrap();
        site.wait_for("the next order", |_| remote.seen().len() > before + count);
    }
    unreachable!()
}

/// So many messages for each of these.
fn arrive(site: &mut Site, recipients: &[&str], each: usize) -> Vec<Id> {
    (0..each).flat_map(|_| recipients).map(|recipient| site.arrive(&envelope(&[recipient]))).collect()
}

#[test]
fn a_destination_with_much_mail_has_its_turns_among_many_with_little() {
    let mut site = Site::new();
    site.control("concurrencyremote", "1");
    let (say, words) = mpsc::channel();
    let remote = Remote::start(&site, at_a_word(words));
    site.start();
    let mut ids = arrive(&mut site, &["a@large.example"], 60);
    let little: Vec<String> = (0..12).map(|number| format!("a@host{number}.example")).collect();
    ids.extend(little.iter().map(|recipient| site.arrive(&envelope(&[recipient]))));
    site.wait_for("all are known", |site| site.count("new msg ") == 72);
    places(&site, &remote, &say, [&little[11]]);
    let seen = remote.seen();
    let turns: Vec<usize> =
        seen.chunk_by(|one, next| one.destination.starts_with("host") == next.destination.starts_with("host")).map(<[_]>::len).collect();
    assert_eq!(turns, [20, 4, 20, 4, 20, 4]);
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

/// How many messages of another destination go out on the only connection before the one that came last.
fn place_behind_many(files: &[(&str, &str)]) -> usize {
    let mut site = Site::new();
    site.control("concurrencyremote", "1");
    files.iter().for_each(|(name, text)| site.control(name, text));
    let (say, words) = mpsc::channel();
    let remote = Remote::start(&site, at_a_word(words));
    site.start();
    let mut ids = arrive(&mut site, &["a@large.example"], 60);
    ids.extend(arrive(&mut site, &["a@late.example"], 1));
    site.wait_for("all are known", |site| site.count("new msg ") == 61);
    let [place] = places(&site, &remote, &say, ["a@late.example"]);
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    place
}

#[test]
fn the_only_connection_goes_on_to_others_after_a_share_of_the_mail() {
    let place = place_behind_many(&[]);
    assert!((10..30).contains(&place), "{place}");
}

#[test]
fn the_only_connection_goes_on_to_others_when_it_ends_anyway() {
    let place = place_behind_many(&[("concurrencydest", "large.example::1:")]);
    assert!(place < 4, "{place}");
}

/// Each has one message; they go out as they came.
fn go_out_in_order(mut site: Site, service: &str, recipient: impl Fn(usize) -> String) {
    let (say, words) = mpsc::channel();
    let remote = Remote::start_as(&site, service, at_a_word(words));
    site.start();
    let recipients: Vec<String> = (0..30).map(recipient).collect();
    let ids: Vec<Id> = recipients.iter().map(|recipient| site.arrive(&envelope(&[recipient]))).collect();
    site.wait_for("all are known", |site| site.count("new msg ") == 30);
    places(&site, &remote, &say, [recipients.last().unwrap()]);
    let seen: Vec<String> = remote.seen().into_iter().flat_map(|seen| seen.recipients).collect();
    // The first ones go out at once.
    assert_eq!(seen[3..], recipients[3..]);
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

#[test]
fn hosts_with_fresh_mail_have_connections_in_the_order_of_their_coming() {
    let site = Site::new();
    site.control("concurrencyremote", "3");
    go_out_in_order(site, "remote", |number| format!("a@host{number}.example"));
}

#[test]
fn users_with_fresh_mail_have_connections_in_the_order_of_their_coming() {
    let site = with_users();
    site.control("concurrencylocal", "3");
    go_out_in_order(site, "local", |number| format!("user{number}@relay.example"));
}

/// While fresh mail for many others is there, two that were put off before are tried again.
fn have_their_turns(mut site: Site, service: &str, old: [&str; 2], fresh: impl Fn(usize) -> String, busy: usize) {
    let remote = Remote::start_as(&site, service, |_| Reply::All(Verdict::Temporary, "later. (#4.2.0)"));
    site.start();
    let mut ids = arrive(&mut site, &old, 1);
    for id in &ids {
        site.wait_for_rest(*id);
    }
    let tried = remote.seen().len();
    let (say, words) = mpsc::channel();
    remote.script(at_a_word(words));
    ids.extend((0..60).map(|number| site.arrive(&envelope(&[&fresh(number)]))));
    site.wait_for("all connections are busy", |_| remote.seen().len() == tried + busy);
    site.wait_for("all are known", |site| site.count("new msg ") == 62);
    site.signal(Signal::Alarm);
    site.wait_for("the old ones wait for a connection", |site| {
        let destinations = ask(site, Verb::Destinations, &[]);
        destinations.iter().filter(|line| line.contains("old") && line.contains(" waiting 1 ")).count() == 2
    });
    let places = places(&site, &remote, &say, old);
    assert!(places.iter().all(|place| *place < 10), "{places:?}");
    assert_eq!(places[0].abs_diff(places[1]), 5, "four fresh ones are between: {places:?}");
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

#[test]
fn hosts_that_put_mail_off_have_their_turns_among_many_with_fresh_mail() {
    let site = Site::new();
    site.control("concurrencyremote", "2");
    have_their_turns(site, "remote", ["a@old1.example", "a@old2.example"], |number| format!("a@host{number}.example"), 2);
}

#[test]
fn users_whose_mail_was_put_off_have_their_turns_among_many_with_fresh_mail() {
    let site = with_users();
    site.control("concurrencylocal", "5");
    have_their_turns(site, "local", ["old1@relay.example", "old2@relay.example"], |number| format!("user{number}@relay.example"), 5);
}
