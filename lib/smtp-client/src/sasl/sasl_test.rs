//! What is said for each mechanism.

use super::*;

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
