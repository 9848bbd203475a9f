//! What is written is read back as it was.

use super::{counters_of, counters_text, grey_of, grey_text};
use crate::counters::Counters;
use crate::grey::{Grey, Triplet};
use crate::siphash::Secret;
use stafett_control::form::greylist::Greylist;

#[test]
fn counts_come_back() {
    let mut counters = Counters::default();
    let (hour, day) = (counters.kind("messages per account hour", 3_600_000, 50), counters.kind("a day", 86_400_000, 5));
    for (kind, key, count) in [(hour, "alice@example.org", 3), (hour, "2001:db8::1", 1), (day, "alice@example.org", 9)] {
        counters.add(kind, key, count, 1_800_000_000_000);
        counters.add(kind, key, count, 1_800_001_000_000);
    }
    let (back, clock) = counters_of(&String::from_utf8(counters_text(&counters, 1_800_002_000_000)).unwrap());
    assert_eq!((clock, back.held()), (1_800_002_000_000, 3));
    for key in ["alice@example.org", "2001:db8::1", "nobody"] {
        for kind in [hour, day] {
            assert_eq!(back.total(kind, key, clock), counters.total(kind, key, clock), "{key}");
        }
    }
}

#[test]
fn the_greylist_comes_back() {
    let (mut grey, rules) = (Grey::new(Secret(7, u64::MAX)), Greylist::default());
    for (sender, times) in [("a@example.net", 1), ("b@example.net", 2)] {
        for time in 0..times {
            grey.judge(Triplet { network: "192.0.2.0/24", sender, recipient: "c@example.org" }, 1_800_000_000 + 300 * time, &rules);
        }
    }
    let (back, clock) = grey_of(&String::from_utf8(grey_text(&grey, 5)).unwrap()).unwrap();
    assert_eq!((clock, back.secret()), (5, grey.secret()));
    assert_eq!((back.triplets(), back.networks()), (grey.triplets(), grey.networks()));
}

#[test]
fn nonsense_is_left_out() {
    assert_eq!(counters_of(" x 1:1\nkind a b\n x 1:1\nkind 5 b\n x\n y 1:z 2:3\n").0.held(), 1);
    assert!(grey_of("clock 5\n").is_none());
    assert_eq!(grey_of("clock 5\nsecret 1 2\nx\nnetwork a b c\n1 2\n").unwrap().0.triplets().len(), 0);
}
