//! What is said for each mechanism.

use super::*;
use proptest::prelude::*;

#[test]
fn plain_says_all_in_the_command() {
    let (mut exchange, command) = Exchange::begin(Mechanism::Plain, "tim", "tanstaaftanstaaf").unwrap();
    // The example of RFC 4616 §4.
    assert_eq!(command, "AUTH PLAIN AHRpbQB0YW5zdGFhZnRhbnN0YWFm");
    assert_eq!(exchange.finish(), Ok(()));
    assert!(exchange.answer(b"").is_err());
}

#[test]
fn what_is_too_long_for_the_command_waits_for_a_challenge() {
    let password = "x".repeat(400);
    let (mut exchange, command) = Exchange::begin(Mechanism::Plain, "tim", &password).unwrap();
    assert_eq!(command, "AUTH PLAIN");
    assert!(exchange.finish().is_err());
    assert!(exchange.answer(b"").unwrap().starts_with("AHRpbQB4"));
    assert_eq!(exchange.finish(), Ok(()));
    let (mut exchange, command) = Exchange::begin(Mechanism::ScramSha256, &"u".repeat(500), "x").unwrap();
    assert_eq!(command, "AUTH SCRAM-SHA-256");
    assert!(exchange.answer(b"").unwrap().starts_with("biwsbj11"));
}

#[test]
fn login_says_one_after_the_other_whatever_it_is_asked() {
    let (mut exchange, command) = Exchange::begin(Mechanism::Login, "tim", "secret").unwrap();
    assert_eq!(command, "AUTH LOGIN");
    assert!(exchange.finish().is_err());
    assert_eq!(exchange.answer(b"VXNlcm5hbWU6").unwrap(), "dGlt");
    assert_eq!(exchange.answer(b"not base64").unwrap(), "c2VjcmV0");
    assert_eq!(exchange.finish(), Ok(()));
    assert!(exchange.answer(b"T25jZSBtb3Jl").is_err());
}

#[test]
fn a_server_that_skips_its_proof_is_not_believed() {
    let (exchange, command) = Exchange::begin(Mechanism::ScramSha256, "user", "pencil").unwrap();
    assert!(command.starts_with("AUTH SCRAM-SHA-256 biwsbj11c2Vy"));
    assert_eq!(exchange.finish(), Err(Fault::Impostor));
    let (mut exchange, _) = Exchange::begin(Mechanism::ScramSha256, "user", "pencil").unwrap();
    for challenge in [&b"!"[..], b"\xff", b"cj14"] {
        assert!(exchange.answer(challenge).is_err());
    }
}

#[test]
fn names() {
    for mechanism in MECHANISMS {
        assert_eq!(Mechanism::named(&mechanism.name().to_lowercase()), Some(mechanism));
    }
    assert_eq!(Mechanism::named("CRAM-MD5"), None);
}

proptest! {
    /// Whatever a server asks: an answer or a fault, and never more lines than a login has.
    #[test]
    fn no_server_makes_us_say_more_than_a_login(challenges in proptest::collection::vec(challenge(), 0..6)) {
        for mechanism in MECHANISMS {
            let (mut exchange, _) = Exchange::begin(mechanism, "user", "secret").unwrap();
            let said = challenges.iter().take_while(|challenge| exchange.answer(challenge).is_ok()).count();
            prop_assert!(said <= 2);
            prop_assert!(mechanism != Mechanism::ScramSha256 || exchange.finish().is_err());
        }
    }
}

/// Base64 of what looks like SCRAM, base64 of anything, or anything.
fn challenge() -> impl Strategy<Value = Vec<u8>> {
    let pieces = proptest::sample::select(vec!["r=", "s=", "i=", "v=", "e=", ",", "4096", "AAAA", "==", "n", "\u{e4}"]);
    prop_oneof![
        proptest::collection::vec(pieces, 0..8).prop_map(|pieces| Base64::encode_string(pieces.concat().as_bytes()).into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..40).prop_map(|bytes| Base64::encode_string(&bytes).into_bytes()),
        proptest::collection::vec(any::<u8>(), 0..40),
    ]
}
