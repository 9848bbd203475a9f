//! The example of RFC 7677 §3, and servers that break the rules.

use super::*;

const NONCE: &str = "rOprNGfwEbeRWgbNEkqO";
const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
const SERVER_LAST: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

fn begun() -> Scram {
    Scram::begin("user", "pencil", NONCE).0
}

#[test]
fn the_example_of_the_standard() {
    let (mut scram, first) = Scram::begin("user", "pencil", NONCE);
    assert_eq!(first, b"n,,n=user,r=rOprNGfwEbeRWgbNEkqO");
    let proof = scram.answer(SERVER_FIRST.as_bytes()).unwrap();
    let wanted = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    assert_eq!(String::from_utf8(proof).unwrap(), wanted);
    assert_eq!(scram.finish(), Err(Fault::Impostor));
    assert_eq!(scram.answer(SERVER_LAST.as_bytes()).unwrap(), b"");
    assert_eq!(scram.finish(), Ok(()));
    assert!(scram.answer(b"").is_err());
}

#[test]
fn a_server_that_does_not_know_the_password_is_found_out() {
    for last in ["v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G5=", "v=", "v=!", "", "x"] {
        let mut scram = begun();
        scram.answer(SERVER_FIRST.as_bytes()).unwrap();
        assert_eq!(scram.answer(last.as_bytes()), Err(Fault::Impostor), "{last}");
    }
}

#[test]
fn a_server_that_lets_nobody_in_has_not_proved_itself() {
    let mut scram = begun();
    scram.answer(SERVER_FIRST.as_bytes()).unwrap();
    assert_eq!(scram.answer(b"e=invalid-proof").unwrap(), b"");
    assert_eq!(scram.finish(), Err(Fault::Impostor));
}

#[test]
fn challenges_that_break_the_rules() {
    let good = SERVER_FIRST;
    for challenge in [
        good.replace("rOpr", "xOpr"),
        format!("r={NONCE},s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096"),
        good.replace("4096", "4095"),
        good.replace("4096", "1000001"),
        good.replace("4096", "99999999999999"),
        good.replace("4096", "x"),
        good.replace("W22Z", "!22Z"),
        format!("m=x,{good}"),
        String::new(),
        "r=".to_owned(),
    ] {
        assert!(matches!(begun().answer(challenge.as_bytes()), Err(Fault::Server(_))), "{challenge}");
    }
    assert!(begun().answer(b"\xff").is_err());
}

#[test]
fn a_user_with_signs_of_the_syntax_adds_no_attribute() {
    let (_, first) = Scram::begin("a=b,c", "x", "n");
    assert_eq!(first, b"n,,n=a=3Db=2Cc,r=n");
}

#[test]
fn nonces_differ_and_hold_no_comma() {
    let (one, two) = (nonce().unwrap(), nonce().unwrap());
    assert!(one != two && one.len() == 24 && !one.contains([',', '=']));
}
