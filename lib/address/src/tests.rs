//! What is an address, what is none, and that the canonical form is stable.

use proptest::prelude::*;

use crate::{Domain, Error, Mailbox, Path};

fn canonical(text: &str) -> String {
    match Path::parse(text) {
        Ok(Path::Mailbox(mailbox)) => mailbox.to_string(),
        other => format!("{other:?}"),
    }
}

#[test]
fn takes_what_people_and_programs_send() {
    let cases = [
        ("<a@b.example>", "a@b.example"),
        ("a@b.example", "a@b.example"),
        (" <a@b.example>", "a@b.example"),
        ("<A.B@B.Example>", "A.B@b.example"),
        ("<a@b.example.>", "a@b.example"),
        ("<\"a\"@b.example>", "a@b.example"),
        ("<\"\\a\\b\"@b.example>", "ab@b.example"),
        ("<\"a b\"@b.example>", "\"a b\"@b.example"),
        ("\"a b\"@b.example", "\"a b\"@b.example"),
        ("<\"a@c\"@b.example>", "\"a@c\"@b.example"),
        ("<\"a\\\"c\"@b.example>", "\"a\\\"c\"@b.example"),
        ("<\"a..b\"@b.example>", "\"a..b\"@b.example"),
        ("<\"a>b\"@b.example>", "\"a>b\"@b.example"),
        ("<@x.example,@y.example:a@b.example>", "a@b.example"),
        ("<@[IPv6:::1]:a@b.example>", "a@b.example"),
        ("<a@[127.0.0.1]>", "a@[127.0.0.1]"),
        ("<a@[ipv6:0:0::1]>", "a@[IPv6:::1]"),
        ("<prvs=1234=a+b/c@b_c.example>", "prvs=1234=a+b/c@b_c.example"),
        ("<åke@bücher.example>", "åke@xn--bcher-kva.example"),
        ("<a@BÜCHER.example>", "a@xn--bcher-kva.example"),
        ("<a@xn--bcher-kva.EXAMPLE>", "a@xn--bcher-kva.example"),
        ("<a@b。example>", "a@b.example"),
        ("<a@ｂ.example>", "a@b.example"),
    ];
    for (text, expected) in cases {
        assert_eq!(canonical(text), expected, "{text}");
    }
}

#[test]
fn refuses_what_is_no_address() {
    let cases = [
        "",
        "<",
        "<a@b",
        "a@b>",
        "<a@b>x",
        "<@>",
        "<a@>",
        "<@b>",
        "<a@@b>",
        "<a@b@c>",
        "<a b@c>",
        "<.a@b>",
        "<a.@b>",
        "<a..b@c>",
        "<\"a@b>",
        "<\"\"@b>",
        "<\"a\"b@c>",
        "<a@b..c>",
        "<a@.b>",
        "<a@-b.c>",
        "<a@b-.c>",
        "<a@b c>",
        "<a@b,c>",
        "<a@[127.0.0.1>",
        "<a@[127.0.0]>",
        "<a@[x:y]>",
        "<a@[IPv6:1]>",
        "<a@[127.0.0.1]x>",
        "<a@127.0.0.1>",
        "<a@1>",
        "<a@0x7f000001>",
        "<a@b%c>",
        "<@a:>",
        "<@a,b:c@d>",
        "<@a@b>",
        "<@a,c@d>",
        "<\"a\u{1}\"@b>",
        "<a\u{85}@b>",
        "<<a@b>>",
        "<a@b/c>",
        "<a@b..>",
        "<a@x\u{ff0f}y>",
        "<a@b>\t<c@d>",
    ];
    for text in cases {
        assert!(Path::parse(text).is_err(), "{text}: {:?}", Path::parse(text));
    }
}

#[test]
fn keeps_null_and_bare_apart() {
    assert_eq!(Path::parse("<>"), Ok(Path::Null));
    assert_eq!(Path::parse("<Postmaster>"), Ok(Path::Bare("Postmaster".into())));
    assert_eq!(Path::parse("postmaster"), Ok(Path::Bare("postmaster".into())));
    assert_eq!(Path::parse("<a%b>"), Ok(Path::Bare("a%b".into())));
}

#[test]
fn leaves_the_parameters() {
    let taken = |text| Path::take(text).map(|(_, rest)| rest.to_owned());
    assert_eq!(taken("<a@b> SIZE=1"), Ok(" SIZE=1".into()));
    assert_eq!(taken("a@b SIZE=1"), Ok(" SIZE=1".into()));
    assert_eq!(taken("<> BODY=8BITMIME"), Ok(" BODY=8BITMIME".into()));
}

#[test]
fn keeps_sizes() {
    let local = |n: usize| format!("<{}@b.example>", "a".repeat(n));
    assert!(Path::parse(&local(64)).is_ok());
    assert!(Path::parse(&local(255)).is_ok());
    assert_eq!(Path::parse(&local(256)), Err(Error::LocalTooLong));
    let labels = |n: usize| format!("<a@{}>", vec!["a".repeat(49); n].join("."));
    assert!(Path::parse(&labels(5)).is_ok());
    assert_eq!(Path::parse(&labels(6)), Err(Error::DomainTooLong));
    assert_eq!(Path::parse(&format!("<a@{}.b>", "a".repeat(64))), Err(Error::DomainTooLong));
    assert!(Path::parse(&format!("<a@{}.b>", "a".repeat(63))).is_ok());
    let route = format!("<{}:a@b>", vec!["@hop.example"; 50].join(","));
    assert_eq!(Path::parse(&route), Err(Error::PathTooLong));
}

#[test]
fn converts_the_raw_form() {
    let raw = |text: &str| Mailbox::from_raw(text).map(|mailbox| mailbox.to_string());
    assert_eq!(raw("a@b@C.example"), Ok("\"a@b\"@c.example".into()));
    assert_eq!(raw("a b@c.example"), Ok("\"a b\"@c.example".into()));
    assert_eq!(raw("a"), Err(Error::NoDomain));
    assert_eq!(Mailbox::parse("\"a@b\"@c.example").map(|mailbox| mailbox.raw()), Ok("a@b@c.example".into()));
    assert!(raw("a\n@c.example").is_err());
}

proptest! {
    #[test]
    fn printing_and_parsing_agree(text in "\\PC{0,40}") {
        if let Ok(Path::Mailbox(mailbox)) = Path::parse(&text) {
            let printed = mailbox.to_string();
            prop_assert_eq!(Mailbox::parse(&printed), Ok(mailbox.clone()));
            prop_assert_eq!(Mailbox::from_raw(&mailbox.raw()), Ok(mailbox));
        }
    }

    #[test]
    fn any_local_part_survives_quoting(local in "\\PC{1,60}") {
        let Ok(mailbox) = Mailbox::new(&local, Domain::Name("b.example".into())) else { return Ok(()) };
        prop_assert_eq!(Mailbox::parse(&mailbox.to_string()), Ok(mailbox.clone()));
        let line = format!("<{mailbox}> SIZE=1");
        let taken = Path::take(&line);
        prop_assert_eq!(taken, Ok((Path::Mailbox(mailbox), " SIZE=1")));
    }

    #[test]
    fn names_are_plain_afterwards(text in "[a-zA-Z0-9.üÜ。．\\-_ßｂ]{1,40}") {
        if let Ok(Domain::Name(name)) = Domain::parse(&text) {
            prop_assert!(name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b"-._".contains(&b)));
            prop_assert_eq!(Domain::parse(&name), Ok(Domain::Name(name)));
        }
    }
}
