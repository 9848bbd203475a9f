//! Messages that real signers have signed: dkimpy and opendkim sign in the end-to-end tests, here stands what needs no key.

use super::{Verdict, Verifier};
use crate::table::Table;

fn signature(header: &str) -> String {
    format!(
        "DKIM-Signature: v=1; a=rsa-sha256; c=relaxed/relaxed; d=example.com; s=s;{header}\r\n \
         bh=47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=; b=AAAA\r\n"
    )
}

fn verdicts(message: &str, records: &[&str]) -> Vec<(Verdict, &'static str)> {
    let authors = Verifier::new().unwrap().verify(message.as_bytes(), &Table::of(records)).unwrap();
    authors.signatures.iter().map(|signature| (signature.verdict, signature.reason)).collect()
}

#[test]
fn what_is_wrong_is_said() {
    let signed = |header| format!("{}From: a@example.com\r\n\r\n", signature(header));
    let key = "s._domainkey.example.com TXT v=DKIM1; p=";
    let away = "s._domainkey.example.com TIMEOUT -";
    for (header, records, wanted) in [
        ("h=from;", &[][..], Verdict::PermError),
        ("h=from;", &[key][..], Verdict::PermError),
        ("h=from;", &[away][..], Verdict::TempError),
        ("h=from; l=3;", &[key][..], Verdict::Policy),
        ("h=subject;", &[away][..], Verdict::PermError),
        (&format!("h=from{};", ":x".repeat(300)), &[key][..], Verdict::Policy),
        ("h=from; x=1;", &[away][..], Verdict::PermError),
    ] {
        assert_eq!(verdicts(&signed(header), records)[0].0, wanted, "{header} {records:?}");
    }
}

#[test]
fn only_so_many_signatures_are_looked_at() {
    let message = format!("{}From: a@example.com\r\n\r\n", signature("h=from;").repeat(50));
    assert_eq!(verdicts(&message, &[]).len(), super::MOST_SIGNATURES);
}

#[test]
fn every_author_is_found() {
    let message = b"From: A <a@One.example>, b@two.example\r\nFrom: group: c@one.example, \"x@y\" <d@three.example.>;\r\n\r\n";
    let authors = Verifier::new().unwrap().verify(message, &Table::default()).unwrap();
    assert_eq!(authors.domains, ["one.example", "two.example", "three.example"]);
    assert!(authors.signatures.is_empty() && authors.chain.is_none());
}

#[test]
fn a_broken_chain_fails() {
    let message = b"ARC-Seal: i=1; a=rsa-sha256; cv=none; d=example.com; s=s; b=AAAA\r\nFrom: a@example.com\r\n\r\n";
    let authors = Verifier::new().unwrap().verify(message, &Table::default()).unwrap();
    assert_eq!(authors.chain.unwrap().verdict, Verdict::Fail);
}

#[test]
fn nothing_makes_it_panic() {
    let verifier = Verifier::new().unwrap();
    let whole =
        format!("{}ARC-Seal: i=1; a=rsa-sha256; cv=none; d=e.example; s=s; b=AAAA\r\nFrom: <a@b>\r\n\r\nx\r\n", signature("h=from;"));
    for length in 0..whole.len() {
        let _ = verifier.verify(&whole.as_bytes()[..length], &Table::default());
        let mut mangled = whole.clone().into_bytes();
        for byte in [0, b';', b'=', b'\r', b'\n', 0xff] {
            mangled[length] = byte;
            let _ = verifier.verify(&mangled, &Table::default());
        }
    }
}

#[test]
fn authors_are_found_however_they_are_written() {
    let verifier = Verifier::new().unwrap();
    for from in [
        "From: \"a@good.example\" <x@reject.example>",
        "From: a@good.example <x@reject.example>",
        "From: =?utf-8?q?a=40good.example?= <x@reject.example>",
        "From: <@a.example,@b.example:x@reject.example>",
        "From: (a@good.example) x@reject.example (b@good.example)",
        "From: x@reject.example",
        "from:x@REJECT.example.",
        "FROM :  <x@reject.example",
        "From:\r\n\t<x@reject.example>",
        "From: \"a@good.example\"@reject.example",
        "From: x @ reject.example",
        "From: <x@reject.example> <a@good.example>",
        "From: a@good.example\r\nFrom: x@reject.example",
        "From: a@good.example, x@reject.example",
        "From: a@good.example; x@reject.example",
        "From: g: x@reject.example;",
        "From: x@reject.example\0",
        "From: x@xn--reject-.example, x@reject.example",
    ] {
        let message = format!("{from}\r\nSubject: x\r\n\r\n");
        let found = verifier.verify(message.as_bytes(), &Table::default()).map(|authors| authors.domains).unwrap_or_default();
        assert!(found.contains(&"reject.example".to_owned()), "{from:?}: {found:?}");
    }
}
