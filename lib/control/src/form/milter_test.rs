//! Lines of control/milters.

use super::{Away, Milter, Place};
use std::time::Duration;

#[test]
fn a_place_alone_fails_closed() {
    let milter = Milter::parse("unix:/run/opendkim/socket").unwrap();
    assert_eq!(milter.place, Place::Unix("/run/opendkim/socket".to_owned()));
    assert_eq!((milter.away, milter.timeout, milter.message), (Away::Tempfail, Duration::from_secs(30), Duration::from_secs(120)));
    assert_eq!(milter.name, "unix:/run/opendkim/socket");
}

#[test]
fn every_word_counts() {
    let line =
        "inet:[::1]:8891 timeout=5 message=60 away=accept skip=192.0.2.0/24 skip=relayclient skip=@Example.org skip=a@b.example name=dkim";
    let milter = Milter::parse(line).unwrap();
    assert_eq!(milter.place, Place::Inet("::1".to_owned(), 8891));
    assert_eq!((milter.away, milter.timeout, milter.message), (Away::Accept, Duration::from_secs(5), Duration::from_secs(60)));
    assert_eq!(milter.name, "dkim");
    assert!(milter.skips_client("192.0.2.7".parse().ok(), false) && !milter.skips_client("192.0.3.7".parse().ok(), false));
    assert!(milter.skips_client(None, true) && !milter.skips_client(None, false));
    assert!(milter.skips_recipient("X@example.ORG") && milter.skips_recipient("a@b.example") && !milter.skips_recipient("b@b.example"));
}

#[test]
fn slips_are_named() {
    let wrong = [
        "",
        "unix:relative",
        "inet:host",
        "inet:host:0",
        "inet:host:x",
        "tcp:127.0.0.1:1",
        "inet:a b:1",
        "unix:/s timeout=0",
        "unix:/s timeout=301",
        "unix:/s away=maybe",
        "unix:/s skip=",
        "unix:/s skip=10.0.0.1/8",
        "unix:/s name=",
        "unix:/s name=a/b",
        "unix:/s verbose",
        "unix:/s skip=@",
        "unix:/s message=",
        "inet::25",
    ];
    for line in wrong {
        assert!(Milter::parse(line).is_err(), "{line}");
    }
}
