//! Lines of control/greylist, good and bad, and whom they mean.

use super::{Greylist, greylist};
use crate::form::who::Client;
use std::time::Duration;

fn of(lines: &[&str]) -> Greylist {
    let mut grey = Greylist::default();
    lines.iter().for_each(|line| grey.add(line).unwrap());
    grey
}

#[test]
fn every_word_is_understood() {
    let grey = of(&["wait 1m", "window 12h", "lifetime 60d", "network 20 56", "trust 0", "most 5000", "away pass", "say come back  later"]);
    assert_eq!((grey.wait, grey.window), (Duration::from_secs(60), Duration::from_secs(12 * 3600)));
    assert_eq!((grey.prefixes, grey.trust, grey.most, grey.away), ((20, 56), 0, 5000, true));
    assert_eq!(grey.text.as_deref(), Some("come back  later"));
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in
        ["wait", "wait 5", "network 24", "network 33 64", "trust -1", "most 10", "exempt 192.0.2.0/24", "exempt clients", "say ä", "away"]
    {
        assert!(greylist(line).is_err(), "{line}");
    }
}

#[test]
fn exemptions_are_by_network_sender_and_recipient() {
    let grey = of(&[
        "exempt clients 129.187.254.0/23 2001:4ca0:0:103::/64",
        "exempt senders .Example.net",
        "exempt recipients postmaster@example.org open.example",
        "for example.org open.example",
    ]);
    let wants = |ip: &str, sender: &str, recipient: &str| {
        grey.concerns(&Client { ip: Some(ip.parse().unwrap()), ..Client::default() }, sender, recipient)
    };
    assert!(wants("192.0.2.1", "a@example.net", "b@example.org"));
    assert!(!wants("129.187.255.1", "a@example.net", "b@example.org"));
    assert!(!wants("2001:4ca0:0:103::1", "a@example.net", "b@example.org"));
    assert!(!wants("192.0.2.1", "a@x.example.net", "b@example.org"));
    assert!(!wants("192.0.2.1", "a@example.net", "postmaster@example.org"));
    assert!(!wants("192.0.2.1", "a@example.net", "b@open.example"));
    assert!(!wants("192.0.2.1", "a@example.net", "b@elsewhere.example"));
}
