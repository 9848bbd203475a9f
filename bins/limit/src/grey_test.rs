//! The life of a triplet, and a million of them.

use super::{Grey, Triplet, evened};
use crate::siphash::Secret;
use stafett_control::form::greylist::Greylist;

const DAY: u32 = 86_400;
const START: u32 = 1_800_000_000;

fn triplet<'a>(network: &'a str, sender: &'a str) -> Triplet<'a> {
    Triplet { network, sender, recipient: "b@example.org" }
}

fn grey() -> (Grey, Greylist) {
    (Grey::new(Secret(1, 2)), Greylist::default())
}

#[test]
fn who_comes_back_in_time_passes_and_is_remembered() {
    let (mut grey, rules) = grey();
    let mut at = |after: u32| grey.judge(triplet("192.0.2.0/24", "a@example.net"), START + after, &rules);
    assert_eq!((at(0), at(100), at(299), at(300)), (300, 200, 1, 0));
    assert_eq!((at(301), at(30 * DAY), at(60 * DAY)), (0, 0, 0));
    assert_eq!(at(97 * DAY), 300, "forgotten 36 days after its last mail");
}

#[test]
fn who_comes_back_too_late_begins_again() {
    let (mut grey, rules) = grey();
    let mut at = |after: u32| grey.judge(triplet("192.0.2.0/24", "a@example.net"), START + after, &rules);
    assert_eq!((at(0), at(2 * DAY + 1), at(2 * DAY + 301)), (300, 300, 0));
}

#[test]
fn a_network_that_always_comes_back_is_trusted() {
    let (mut grey, rules) = grey();
    for number in 0..5 {
        let sender = format!("{}@example.net", char::from(b'a' + number));
        assert_eq!(grey.judge(triplet("192.0.2.0/24", &sender), START, &rules), 300);
        assert_eq!(grey.judge(triplet("192.0.2.0/24", &sender), START + 300, &rules), 0);
    }
    assert_eq!(grey.judge(triplet("192.0.2.0/24", "new@example.net"), START + 301, &rules), 0);
    assert_eq!(grey.judge(triplet("198.51.100.0/24", "new@example.net"), START + 301, &rules), 300);
    assert!(grey.reset("192.0.2.0/24"));
    assert_eq!(grey.judge(triplet("192.0.2.0/24", "other@example.net"), START + 302, &rules), 300);
}

#[test]
fn foresight_leaves_no_trace() {
    let (mut grey, rules) = grey();
    let one = triplet("192.0.2.0/24", "a@example.net");
    assert_eq!((grey.foresee(one, START, &rules), grey.triplets().len()), (300, 0));
    assert_eq!(grey.judge(one, START, &rules), 300);
    assert_eq!((grey.foresee(one, START + 100, &rules), grey.foresee(one, START + 300, &rules)), (200, 0));
    assert_eq!(grey.judge(one, START + 299, &rules), 1);
}

#[test]
fn a_clock_that_goes_back_makes_nobody_wait_for_ever() {
    let (mut grey, rules) = grey();
    let one = triplet("192.0.2.0/24", "a@example.net");
    assert_eq!(grey.judge(one, START, &rules), 300);
    assert_eq!(grey.judge(one, START - 50 * DAY, &rules), 300);
    assert_eq!(grey.judge(one, START + 300, &rules), 0);
}

#[test]
fn many_strangers_push_out_each_other() {
    let (mut grey, mut rules) = grey();
    rules.most = 5_000;
    let friend = triplet("192.0.2.0/24", "friend@example.net");
    assert_eq!((grey.judge(friend, START, &rules), grey.judge(friend, START + 300, &rules)), (300, 0));
    for number in 0..100_000u32 {
        let network = format!("2001:db8:{:x}:{:x}::/64", number >> 16, number & 0xffff);
        grey.judge(triplet(&network, "x@example.com"), START + 400 + number / 100, &rules);
    }
    assert!(grey.triplets().len() <= 5_000, "{}", grey.triplets().len());
    assert_eq!(grey.judge(friend, START + 5000, &rules), 0);
}

#[test]
fn numbered_bounce_addresses_are_one_sender() {
    assert_eq!(evened("List-Bounces+1234-55@Example.NET"), "list-bounces+#-#@example.net");
}
