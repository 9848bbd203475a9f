//! Who gets a connection while there are not enough for all.

use crate::admin::ask;
use crate::common::{Site, envelope};
use crate::remote::{Remote, Reply, Seen};
use crate::users::with_users;
use stafett_queue_store::Id;
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::question::Verb;
use std::collections::BTreeMap;
use std::process::Command;
use std::sync::mpsc::{self, Receiver, Sender};
use std::time::Duration;

/// Delivers a message for each word of the test, and all when it says no more.
fn at_a_word(words: Receiver<()>) -> impl FnMut(&Seen) -> Reply + Send + 'static {
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

/// To whom the orders went, and how many one after the other, where those are one for whom `name` says the same.
fn turns<T: PartialEq>(remote: &Remote, name: impl Fn(&str) -> T) -> Vec<(T, usize)> {
    let seen = remote.seen();
    let names = |seen: &Seen| name(&seen.recipients[0]);
    seen.chunk_by(|one, next| names(one) == names(next)).map(|turn| (names(&turn[0]), turn.len())).collect()
}

/// Has so many deliveries end, one after the other.
fn go_on(site: &Site, remote: &Remote, say: &Sender<()>, count: usize) {
    let before = remote.seen().len();
    for number in 0..count {
        say.send(()).unwrap();
        site.wait_for("the next order", |_| remote.seen().len() > before + number);
    }
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
    let turns: Vec<usize> = turns(&remote, |to| to.starts_with("a@host")).into_iter().map(|(_, count)| count).collect();
    // The first connection of all counts among those for new ones.
    assert_eq!(turns, [20, 3, 20, 4, 20, 5]);
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

/// The turns of two destinations with a hundred messages each, at a single connection.
fn turns_of_two(limits: &str) -> Vec<(String, usize)> {
    let mut site = Site::new();
    site.control("concurrencyremote", "1");
    site.control("concurrencydest", limits);
    let (say, words) = mpsc::channel();
    let remote = Remote::start(&site, at_a_word(words));
    site.start();
    let ids = arrive(&mut site, &["a@one.example", "a@two.example"], 100);
    site.wait_for("all are known", |site| site.count("new msg ") == 200);
    go_on(&site, &remote, &say, 150);
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    turns(&remote, str::to_owned)
}

#[test]
fn two_with_much_mail_share_the_only_connection() {
    let turns = turns_of_two("");
    assert!(turns.len() == 10 && turns.iter().all(|(_, count)| *count == 20), "{turns:?}");
    let turns = turns_of_two(":20:1:");
    assert!(turns.len() == 200, "each message has a connection of its own: {turns:?}");
}

#[test]
fn a_connection_goes_on_while_others_can_have_none() {
    let mut site = Site::new();
    site.control("concurrencyremote", "2");
    site.control("concurrencydest", "large.example:1::");
    let (say, words) = mpsc::channel();
    let remote = Remote::start(&site, at_a_word(words));
    site.start();
    let mut ids = arrive(&mut site, &["a@large.example"], 60);
    site.wait_for("it has its one", |site| site.count("new msg ") == 60 && remote.seen().len() == 1);
    remote.refuse(usize::MAX);
    ids.extend((0..30).map(|number| site.arrive(&envelope(&[&format!("a@host{number}.example")]))));
    site.wait_for("others are refused", |site| site.count("new msg ") == 90 && site.count("takes no more connections") > 0);
    go_on(&site, &remote, &say, 59);
    remote.refuse(0);
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

#[test]
fn who_waits_with_a_connection_that_hangs_keeps_no_others_from_their_turns() {
    let mut site = with_users();
    site.control("concurrencylocal", "2");
    site.control("concurrencyuser", "2");
    let (say, words) = mpsc::channel();
    let mut delivers = at_a_word(words);
    let local =
        Remote::start_as(&site, "local", move |seen| if seen.recipients[0].starts_with("joe") { Reply::Hold } else { delivers(seen) });
    site.start();
    let mut ids = arrive(&mut site, &["joe@relay.example"], 1);
    site.wait_for("joe's delivery hangs", |_| local.seen().len() == 1);
    ids.extend(arrive(&mut site, &["ann@relay.example"], 60));
    ids.extend(arrive(&mut site, &["joe@relay.example"], 1));
    ids.extend(arrive(&mut site, &["carl@relay.example"], 60));
    site.wait_for("all are known", |site| site.count("new msg ") == 122);
    go_on(&site, &local, &say, 50);
    let turns = turns(&local, str::to_owned);
    assert!(turns.iter().all(|(_, count)| *count < 5), "{turns:?}");
    drop(say);
    local.release();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

fn kill(site: &Site, signal: &str) {
    assert!(Command::new("kill").args([signal, &site.pid().to_string()]).status().unwrap().success());
}

#[test]
fn who_just_comes_does_not_overtake_those_in_line() {
    let mut site = Site::new();
    site.control("concurrencyremote", "1");
    let (say, words) = mpsc::channel();
    let remote = Remote::start(&site, at_a_word(words));
    site.start();
    let mut ids: Vec<Id> = (0..10).map(|number| site.arrive(&envelope(&[&format!("a@host{number}.example")]))).collect();
    site.wait_for("all are known", |site| site.count("new msg ") == 10);
    for number in 0..5 {
        let count = remote.seen().len();
        // It hears of both at once, or, should the report take longer, of the new one first.
        kill(&site, "-STOP");
        say.send(()).unwrap();
        std::thread::sleep(Duration::from_millis(50));
        ids.push(site.arrive(&envelope(&[&format!("a@late{number}.example")])));
        kill(&site, "-CONT");
        site.wait_for("the next order", |_| remote.seen().len() > count);
    }
    assert!(remote.seen().iter().all(|seen| seen.destination.starts_with("host")), "{:?}", remote.seen());
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
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

#[test]
fn two_with_much_old_mail_share_the_only_connection() {
    let mut site = Site::new();
    site.control("concurrencyremote", "1");
    let remote = Remote::start(&site, |_| Reply::All(Verdict::Temporary, "later. (#4.2.0)"));
    site.start();
    let ids = arrive(&mut site, &["a@one.example", "a@two.example"], 60);
    for id in &ids {
        site.wait_for_rest(*id);
    }
    let tried = remote.seen().len();
    let (say, words) = mpsc::channel();
    remote.script(at_a_word(words));
    site.signal(Signal::Alarm);
    site.wait_for("both wait for a connection", |site| {
        let destinations = ask(site, Verb::Destinations, &[]);
        destinations.iter().filter(|line| line.contains(" waiting 60 ") || line.contains(" waiting 59 ")).count() == 2
    });
    go_on(&site, &remote, &say, 110);
    let seen = remote.seen();
    let turns: Vec<usize> = seen[tried..].chunk_by(|one, next| one.destination == next.destination).map(<[_]>::len).collect();
    assert!(turns.iter().all(|count| *count <= 20), "{turns:?}");
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

#[test]
fn who_was_refused_a_connection_comes_before_those_who_came_later() {
    let mut site = Site::new();
    site.control("concurrencyremote", "3");
    let (say, words) = mpsc::channel();
    let remote = Remote::start(&site, at_a_word(words));
    remote.refuse(3);
    site.start();
    let ids: Vec<Id> = (0..30).map(|number| site.arrive(&envelope(&[&format!("a@host{number}.example")]))).collect();
    site.wait_for("three go out after the refusal", |site| site.count("new msg ") == 30 && remote.seen().len() == 3);
    assert!(site.count("takes no more connections") == 3, "{}", site.log());
    go_on(&site, &remote, &say, 5);
    let seen: Vec<String> = remote.seen().into_iter().map(|seen| seen.destination).collect();
    assert!((0..3).all(|number| seen.contains(&format!("host{number}.example"))), "{seen:?}");
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
}

/// Ten deliveries end at once, again and again; the most messages of one connection to a destination that has many.
fn share_among_many(control: (&str, &str)) -> usize {
    let mut site = Site::new();
    site.control("concurrencyremote", "10");
    site.control(control.0, control.1);
    let (say, words) = mpsc::channel();
    let remote = Remote::start(&site, at_a_word(words));
    site.start();
    let mut ids = arrive(&mut site, &["a@large.example"], 60);
    for number in 0..60 {
        ids.extend(arrive(&mut site, &[&format!("a@host{number}.example")], 6));
    }
    site.wait_for("all are known", |site| site.count("new msg ") == 420 && remote.seen().len() == 10);
    for _ in 0..32 {
        let before = remote.seen().len();
        kill(&site, "-STOP");
        (0..10).for_each(|_| say.send(()).unwrap());
        // It hears of several at once, mostly.
        std::thread::sleep(Duration::from_millis(40));
        kill(&site, "-CONT");
        site.wait_for("the next orders", |_| remote.seen().len() >= before + 10);
    }
    let mut of_connections: BTreeMap<u64, usize> = BTreeMap::new();
    for seen in remote.seen().iter().filter(|seen| seen.destination == "large.example") {
        *of_connections.entry(seen.connection).or_default() += 1;
    }
    drop(say);
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    of_connections.into_values().max().unwrap()
}

#[test]
fn a_connection_goes_on_to_others_after_its_share_though_many_deliveries_end_at_once() {
    for control in [("concurrencydestination", "1"), ("concurrencydest", "large.example:1::\n:1:1:")] {
        let most = share_among_many(control);
        assert!(most <= 21, "{most} with {control:?}");
    }
}
