//! Words behind a route.

use super::*;

#[test]
fn words_stand_at_the_end() {
    assert_eq!(split_words("relay:25"), ("relay:25", vec![]));
    assert_eq!(split_words("relay:25 tls=verify  tls-start=no "), ("relay:25", vec![("tls", "verify"), ("tls-start", "no")]));
    assert_eq!(split_words(" tls=dane"), ("", vec![("tls", "dane")]));
    assert_eq!(split_words("tls=fingerprint=x"), ("", vec![("tls", "fingerprint=x")]));
    assert_eq!(split_words("lmtp:unix:/run/a b tls=none"), ("lmtp:unix:/run/a b", vec![("tls", "none")]));
    assert_eq!(split_words("relay other"), ("relay other", vec![]));
}

#[test]
fn what_is_not_known_or_given_twice_is_refused() {
    for good in [
        "relay:465 tls=verify tls-match=a.example",
        "tls=none",
        "[::1]:2525 tls-start=yes tls=encrypt",
        "relay tls-certificate=us",
        "relay:587 auth=isp tls=verify",
    ] {
        assert_eq!(route("example.org", good), Ok(()), "{good}");
    }
    for bad in [
        "relay tls=verify tls=may",
        "relay colour=red",
        "relay tls=secure",
        "relay tls-start=maybe",
        "relay tls verify",
        "relay tls-x=y",
        "relay auth=",
        "relay auth=a/b",
    ] {
        assert!(route("example.org", bad).is_err(), "{bad}");
    }
}
