//! The data codec: no chunking changes a result, no smuggling variant ends a message, and both directions agree.

use proptest::prelude::*;
use stafett_smtp::decode::{Decoder, Flaw, LineCheck};
use stafett_smtp::encode::Stuffer;
use stafett_smtp::hops::HopCounter;

#[derive(Debug, PartialEq)]
struct Decoded {
    message: Vec<u8>,
    used: usize,
    ended: bool,
    flaw: Option<Flaw>,
}

fn decode<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Decoded {
    let mut decoder = Decoder::new();
    let mut message = Vec::new();
    let mut used = 0;
    for piece in pieces {
        used += decoder.feed(piece, |slice| message.extend_from_slice(slice));
    }
    if decoder.flaw().is_some() {
        message.clear();
    }
    Decoded { message, used, ended: decoder.is_ended(), flaw: decoder.flaw() }
}

fn whole(bytes: &[u8]) -> Decoded {
    decode([bytes])
}

#[test]
fn decodes_plain_messages() {
    let cases: [(&[u8], &[u8]); 6] = [
        (b".\r\n", b""),
        (b"a\r\n.\r\n", b"a\r\n"),
        (b"..\r\n.\r\n", b".\r\n"),
        (b"...a\r\n.b\r\n.\r\n", b"..a\r\nb\r\n"),
        (b"a.b\r\n\r\n.\r\n", b"a.b\r\n\r\n"),
        (b"\0\xff\r\n.\r\n", b"\0\xff\r\n"),
    ];
    for (input, expected) in cases {
        let decoded = whole(input);
        assert_eq!((decoded.message.as_slice(), decoded.ended, decoded.flaw), (expected, true, None), "{input:?}");
    }
}

#[test]
fn stops_at_the_end() {
    let decoded = whole(b"a\r\n.\r\nRSET\r\n");
    assert_eq!((decoded.used, decoded.ended), (6, true));
}

/// Every sequence that some server takes or took for the end of a message.
const SMUGGLING: [&[u8]; 20] = [
    b"\n.\n",
    b"\n.\r\n",
    b"\r\n.\n",
    b"\r.\r",
    b"\r\n.\r",
    b"\r.\r\n",
    b"\r.\n",
    b"\n.\r",
    b"\r\r\n.\r\r\n",
    b"\r\n.\r\r\n",
    b"\n\n.\r\n",
    b"\r\n\0.\r\n",
    b"\r\n.\0\r\n",
    b"\r\0\n.\r\n",
    b"\0\r\n.\r\0\n",
    b"\r\n.\r\0\n",
    b"\r\n. \r\n",
    b"\r\n.\n\r\n",
    b"\n.\r\r\n",
    b"\x85.\x85",
];

#[test]
fn no_smuggling_variant_ends_a_message() {
    for variant in SMUGGLING {
        let mut input = b"Subject: x\r\n\r\ntext".to_vec();
        input.extend_from_slice(variant);
        let end = input.len();
        input.extend_from_slice(b"MAIL FROM:<evil@x>\r\n.\r\nQUIT\r\n");
        let decoded = whole(&input);
        assert!(decoded.ended && decoded.used > end, "{variant:?} ended the message at {}", decoded.used);
        assert_eq!(decoded.used, input.len() - b"QUIT\r\n".len(), "{variant:?}");
    }
}

#[test]
fn bare_line_ends_are_flaws() {
    for (input, flaw) in [
        (&b"a\nb\r\n.\r\n"[..], Flaw::BareLf),
        (b"a\rb\r\n.\r\n", Flaw::BareCr),
        (b"a\r\r\n.\r\n", Flaw::BareCr),
        (b"\n.\r\n\r\n.\r\n", Flaw::BareLf),
        (b".\n\r\n.\r\n", Flaw::BareLf),
        (b".\r\r\n.\r\n", Flaw::BareCr),
    ] {
        let decoded = whole(input);
        assert_eq!((decoded.flaw, decoded.ended), (Some(flaw), true), "{input:?}");
    }
}

#[test]
fn checks_chunks() {
    let check = |pieces: &[&[u8]]| {
        let mut check = LineCheck::new();
        pieces.iter().for_each(|piece| check.feed(piece));
        check.finish()
    };
    assert_eq!(check(&[]), Ok(&b""[..]));
    assert_eq!(check(&[b"a\r", b"\nb"]), Ok(&b"\r\n"[..]));
    assert_eq!(check(&[b".\r\n.\r\n"]), Ok(&b""[..]));
    assert_eq!(check(&[b"a\n"]), Err(Flaw::BareLf));
    assert_eq!(check(&[b"a\r", b"\r\n"]), Err(Flaw::BareCr));
    assert_eq!(check(&[b"a\r"]), Err(Flaw::BareCr));
}

#[test]
fn counts_hops() {
    let count = |text: &[u8]| {
        let mut counter = HopCounter::new();
        text.chunks(3).for_each(|piece| counter.feed(piece));
        counter.hops()
    };
    assert_eq!(count(b"Received: x\r\n y\r\nDELIVERED-TO: a\r\nX-Received: b\r\n\r\nReceived: c\r\n"), 2);
    assert_eq!(count(b"Received\r\nReceived : x\r\n"), 0);
}

fn stuff<'a>(pieces: impl IntoIterator<Item = &'a [u8]>) -> Vec<u8> {
    let mut stuffer = Stuffer::new();
    let mut out = Vec::new();
    pieces.into_iter().for_each(|piece| stuffer.append(piece, &mut out));
    out.extend_from_slice(stuffer.end());
    out
}

#[test]
fn stuffs_dots() {
    assert_eq!(stuff([]), b".\r\n");
    assert_eq!(stuff([&b".\r\n"[..]]), b"..\r\n.\r\n");
    assert_eq!(stuff([&b"a\r\n.\r\n..b\r\n"[..]]), b"a\r\n..\r\n...b\r\n.\r\n");
    assert_eq!(stuff([&b"a"[..]]), b"a\r\n.\r\n");
    assert_eq!(stuff([&b"a\r"[..], b"\n", b".b\r\n"]), b"a\r\n..b\r\n.\r\n");
    assert_eq!(Stuffer::new().segments(b"a\r\nb.\r\n").count(), 1);
}

/// Bytes that make line ends and dots likely.
fn noise() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'.'), Just(b'a'), Just(0)], 0..60)
}

/// Messages with strict line ends.
fn message() -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec("[.a]{0,4}", 0..12).prop_map(|lines| lines.iter().flat_map(|line| line.bytes().chain(*b"\r\n")).collect())
}

fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn chunking_changes_nothing(bytes in noise(), size in 1usize..7) {
        prop_assert_eq!(whole(&bytes), decode(bytes.chunks(size)));
        let mut once = LineCheck::new();
        once.feed(&bytes);
        let mut pieces = LineCheck::new();
        bytes.chunks(size).for_each(|piece| pieces.feed(piece));
        prop_assert_eq!(once.finish(), pieces.finish());
    }

    #[test]
    fn only_the_true_end_ends(bytes in noise()) {
        let mut framed = b"\r\n".to_vec();
        framed.extend_from_slice(&bytes);
        let true_end = find(&framed, b"\r\n.\r\n").map(|at| at + 3);
        let decoded = whole(&bytes);
        prop_assert_eq!(decoded.ended.then_some(decoded.used), true_end);
    }

    #[test]
    fn what_passes_has_strict_line_ends(bytes in noise()) {
        let decoded = whole(&bytes);
        if decoded.ended && decoded.flaw.is_none() {
            let mut check = LineCheck::new();
            check.feed(&decoded.message);
            prop_assert_eq!(check.finish(), Ok(&b""[..]));
        }
    }

    #[test]
    fn both_directions_agree(bytes in message(), size in 1usize..7) {
        let stuffed = stuff(bytes.chunks(size));
        prop_assert_eq!(&stuffed, &stuff([bytes.as_slice()]));
        let decoded = decode(stuffed.chunks(size));
        prop_assert_eq!(decoded, Decoded { used: stuffed.len(), message: bytes, ended: true, flaw: None });
    }
}
