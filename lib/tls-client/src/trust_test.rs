//! Records, and names with stars.

use super::*;

fn record(usage: u8, selector: u8, matching: u8, length: usize) -> Record {
    Record { usage, selector, matching, data: vec![0; length] }
}

#[test]
fn records_for_mail() {
    for (usage, selector, matching, length) in [(3, 1, 1, 32), (3, 0, 2, 64), (2, 0, 0, 500), (2, 1, 1, 32)] {
        assert!(record(usage, selector, matching, length).is_usable());
    }
    for (usage, selector, matching, length) in
        [(0, 0, 1, 32), (1, 1, 1, 32), (4, 1, 1, 32), (3, 2, 1, 32), (3, 1, 3, 32), (3, 1, 1, 31), (3, 1, 2, 32), (3, 0, 0, 0)]
    {
        assert!(!record(usage, selector, matching, length).is_usable(), "{usage} {selector} {matching} {length}");
    }
}

#[test]
fn names_below_a_domain() {
    assert!(is_below("mx.Example.org", ".example.org") && is_below("*.example.org", ".example.org"));
    for name in ["example.org", ".example.org", "mx.badexample.org", "mx.example.org.evil.test"] {
        assert!(!is_below(name, ".example.org"), "{name}");
    }
}

#[test]
fn what_is_wrong_is_said_in_words() {
    let names = ["a.test", "b.test", "c.test", "d.test"].map(str::to_owned).to_vec();
    assert_eq!(Distrust::Name(names).to_string(), "its certificate is for a.test, b.test, c.test and others");
    assert_eq!(Distrust::Name(Vec::new()).to_string(), "its certificate names no host");
    assert!(Distrust::NoAuthorities.to_string().contains("control/tlsauthorities"));
}
