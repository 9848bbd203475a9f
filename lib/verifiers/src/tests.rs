//! Words that others made, words that are none, and the example of RFC 7677.

use crate::{Argon2id, Scram, Verifier, Workplace, prepared};
use proptest::prelude::*;
use std::num::NonZeroU32;

/// Of the reference program: `echo -n password | argon2 somesaltsomesalt -id -t 2 -k 4096 -p 1 -l 32 -e`.
const MADE_ELSEWHERE: &str = "$argon2id$v=19$m=4096,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$H5mZn8QsFFwntPktdbjGNtqB+DDJ+nixq94uJAZoqIk";

fn argon(word: &str) -> Argon2id {
    match Verifier::parse(word) {
        Ok(Verifier::Argon2id(argon)) => argon,
        other => panic!("{other:?}"),
    }
}

#[test]
fn argon2id_of_another_program_fits() {
    let (argon, mut place) = (argon(MADE_ELSEWHERE), Workplace::default());
    assert!(argon.fits("password", &mut place));
    assert!(!argon.fits("Password", &mut place) && !argon.fits("", &mut place));
    assert_eq!(argon.to_string(), MADE_ELSEWHERE);
}

#[test]
fn what_is_made_fits_and_can_be_read() {
    let mut place = Workplace::default();
    let made = Argon2id::of("sesame", &mut place).unwrap();
    assert_eq!(argon(&made.to_string()), made);
    assert!(made.fits("sesame", &mut place) && !made.fits("sesam", &mut place));
    assert_ne!(Argon2id::of("sesame", &mut place).unwrap(), made, "the salt differs");
    let scram = Scram::of("sesame").unwrap();
    assert_eq!(Verifier::parse(&scram.to_string()), Ok(Verifier::Scram(scram)));
}

/// RFC 7677 §3, user `user`, password `pencil`.
#[test]
fn the_exchange_of_the_standard() {
    let salt = stafett_smtp::base64::decode(b"W22ZaJ0SNY7soEsUEjb6gQ==").unwrap();
    let scram = Scram::with("pencil", salt, NonZeroU32::new(4096).unwrap());
    let messages = "n=user,r=rOprNGfwEbeRWgbNEkqO,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096,\
                    c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    let proof = stafett_smtp::base64::decode(b"dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=").unwrap();
    assert!(scram.proves(&proof, messages.as_bytes()));
    assert_eq!(stafett_smtp::base64::encode(&scram.signature(messages.as_bytes())), "6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=");
    for place in 0..32 {
        let mut wrong = proof.clone();
        wrong[place] ^= 1;
        assert!(!scram.proves(&wrong, messages.as_bytes()));
    }
    assert!(!scram.proves(&proof[..31], messages.as_bytes()) && !scram.proves(b"", b""));
}

#[test]
fn nobody_has_a_salt_that_stays() {
    let salt = |name| Scram::of_nobody(b"secret", name, None).salt;
    assert_eq!(salt("a"), salt("a"));
    assert_ne!(salt("a"), salt("b"));
    assert_ne!(salt("a"), Scram::of_nobody(b"other", "a", None).salt);
    let like = Scram::with("x", vec![0; 64], NonZeroU32::MIN);
    let long = Scram::of_nobody(b"secret", "a", Some(&like));
    assert_eq!((long.cost(), &long.salt[..16]), ((1, 64), &salt("a")[..]));
    assert_ne!(long.salt[..32], long.salt[32..]);
    assert!(!Argon2id::of_nobody().fits("", &mut Workplace::default()));
}

#[test]
fn passwords_have_one_form() {
    assert_eq!(prepared("I\u{ad}X".as_bytes()).as_deref(), Some("IX"));
    assert_eq!(prepared("\u{aa}".as_bytes()).as_deref(), Some("a"));
    assert_eq!(prepared("e\u{301}".as_bytes()).as_deref(), Some("\u{e9}"));
    for none in [&b""[..], b"\xff", b"a\0b", b"a\x07", "\u{627}1".as_bytes(), &[b'a'; 2000]] {
        assert_eq!(prepared(none), None, "{none:?}");
    }
}

#[test]
fn damaged_words_are_errors_without_secrets() {
    let good = [MADE_ELSEWHERE.to_owned(), Scram::of("x").unwrap().to_string()];
    for word in good.iter().flat_map(|word| {
        let cut: Vec<&str> = word.split('$').collect();
        (1..cut.len()).map(move |without| {
            let kept: Vec<&str> = cut.iter().enumerate().filter(|(index, _)| *index != without).map(|(_, part)| *part).collect();
            kept.join("$")
        })
    }) {
        let error = Verifier::parse(&word).unwrap_err();
        assert!(!error.contains("$v=19$") && error.contains("stafett-passwd"), "{error}");
    }
    for word in [
        "$argon2id$v=19$m=4194304,t=2,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdA",
        "$argon2id$v=19$m=19456,t=2000,p=1$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdA",
        "$argon2id$v=19$m=19456,t=2$c29tZXNhbHRzb21lc2FsdA$c29tZXNhbHRzb21lc2FsdA",
        "$scram-sha-256$i=1$c29tZXNhbHRzb21lc2FsdA$x$y",
        "{SSHA}x",
        "",
    ] {
        Verifier::parse(word).unwrap_err();
    }
}

proptest! {
    #[test]
    fn no_word_panics(word in "[$](argon2id|scram-sha-256)[$=,a-zA-Z0-9+/]{0,80}") {
        let _ = Verifier::parse(&word);
    }
}
