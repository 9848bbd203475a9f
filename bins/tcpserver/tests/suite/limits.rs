//! How many connections at once.

use crate::harness::{Listener, TCPSERVER, failure_of};
use std::process::Command;

/// The next one is accepted when one ends, not before.
#[test]
fn the_limit_defers_acceptance() {
    let mut listener = Listener::start(&["-HRl0", "-v", "-c", "2"], &["cat"]);
    let mut peers = [listener.connect(), listener.connect()];
    for peer in &mut peers {
        peer.send("a");
        peer.expect("a");
    }
    listener.wait_for("status: 2/2");
    let mut third = listener.connect();
    third.send("c");
    let [first, second] = peers;
    drop(first);
    third.expect("c");
    // Their programs hold standard error open.
    drop((second, third));
    let lines = listener.finish();
    let at = |words: &str, nth: usize| lines.iter().enumerate().filter(|(_, line)| line.contains(words)).nth(nth).unwrap().0;
    assert!(at("tcpserver: end ", 0) < at("tcpserver: pid ", 2), "{lines:#?}");
    assert!(!lines.iter().any(|line| line.contains("3/2")), "{lines:#?}");
}

#[test]
fn the_limit_per_address_turns_away_with_421() {
    let mut listener = Listener::start(&["-HR", "-l", "relay.example", "-v", "-C", "1"], &["cat"]);
    let mut first = listener.connect();
    first.send("a");
    first.expect("a");
    assert_eq!(listener.connect().rest(), "421 4.7.0 relay.example too many connections from your address, try again later\r\n");
    listener.wait_for("tcpserver: deny ");
    listener.wait_for("warning: turned away 127.0.0.1: it has 1 connections already (-C)");
    drop(first);
    listener.wait_for("tcpserver: status: 0/40");
    let mut second = listener.connect();
    second.send("b");
    second.expect("b");
}

/// Many connections at once, each served.
#[test]
fn a_burst_is_served_whole() {
    let listener = Listener::start(&["-HRl0", "-c", "20"], &["echo", "hello"]);
    let peers: Vec<_> = (0..200).map(|_| listener.connect()).collect();
    for peer in peers {
        assert_eq!(peer.rest(), "hello\n");
    }
}

#[test]
fn nothing_is_accepted_with_a_limit_of_none() {
    let (code, _) = failure_of(Command::new(TCPSERVER).args(["-C", "0", "0", "0", "env"]));
    assert_eq!(code, 100);
}
