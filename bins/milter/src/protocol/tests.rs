//! The protocol against well-formed and hostile bytes.

use super::frame::{self, Frame};
use super::options::{Agreed, Stage, actions, offer, steps};
use super::reply::Reply;
use super::response::{Change, Response};
use super::{Malformed, command};
use proptest::prelude::*;

fn response(code: u8, data: &[u8]) -> Result<Response, Malformed> {
    Response::parse(&Frame { code, data: data.to_vec() })
}

fn agreed(version: u32, actions: u32, steps: u32, rest: &[u8]) -> Result<Agreed, Malformed> {
    Agreed::parse(&[&version.to_be_bytes()[..], &actions.to_be_bytes(), &steps.to_be_bytes(), rest].concat())
}

#[test]
fn our_offer_is_version_6_with_all_that_we_can() {
    assert_eq!(offer(), b"\x00\x00\x00\x0dO\x00\x00\x00\x06\x00\x00\x01\xff\x00\x1f\xf7\xff");
    assert_eq!((actions::ALL, steps::ALL), (0x1ff, 0x1f_f7ff));
}

#[test]
fn packets_are_taken_whole_or_not_at_all() {
    let mut buffer = b"\x00\x00\x00\x03yAB\x00\x00\x00\x01c\x00\x00".to_vec();
    assert_eq!(frame::take(&mut buffer).unwrap(), Some(Frame { code: b'y', data: b"AB".to_vec() }));
    assert_eq!(frame::take(&mut buffer).unwrap(), Some(Frame { code: b'c', data: Vec::new() }));
    assert_eq!(frame::take(&mut buffer).unwrap(), None);
    assert!(frame::take(&mut b"\x00\x00\x00\x00c".to_vec()).is_err());
    assert!(frame::take(&mut b"\x7f\xff\xff\xffc".to_vec()).is_err());
}

#[test]
fn commands_have_their_form() {
    let mut out = Vec::new();
    command::connect(&mut out, "client.example", "192.0.2.1".parse().ok(), 0x1234);
    assert_eq!(out, b"\x00\x00\x00\x1dCclient.example\x004\x12\x34192.0.2.1\x00");
    out.clear();
    command::connect(&mut out, "x", None, 0);
    assert_eq!(out, b"\x00\x00\x00\x04Cx\x00U");
    out.clear();
    command::with_arguments(&mut out, b'M', &["<a@b>", "BODY=8BITMIME\0X"]);
    assert_eq!(out, b"\x00\x00\x00\x17M<a@b>\x00BODY=8BITMIME?X\x00");
    out.clear();
    command::macros(&mut out, b'C', &[("j", "relay"), ("{client_addr}", "192.0.2.1")]);
    assert_eq!(out, b"\x00\x00\x00\x22DCj\x00relay\x00{client_addr}\x00192.0.2.1\x00");
    out.clear();
    command::header(&mut out, b"Subject", b" a\r\n\tb");
    assert_eq!(out, b"\x00\x00\x00\x0fLSubject\x00 a\n\tb\x00");
}

#[test]
fn a_field_of_any_length_fits_into_a_packet() {
    let mut out = Vec::new();
    command::header(&mut out, &[b'n'; 100_000], &[b'v'; 100_000]);
    assert!(out.len() <= 65_535 + 5);
}

#[test]
fn what_was_not_offered_is_not_agreed_upon() {
    let all = agreed(6, u32::MAX, u32::MAX, b"").unwrap();
    assert!(all.has(steps::ALL) && !all.has(0x800) && !all.wants_data());
    assert!(agreed(6, 0, 0, b"").unwrap().wants_data());
    assert!(!agreed(2, 0, 0, b"").unwrap().wants_data());
    assert!(agreed(1, 0, 0, b"").is_err() && agreed(7, 0, 0, b"").is_err());
}

#[test]
fn a_filter_may_name_its_macros() {
    let agreed = agreed(6, actions::MACROS, 0, b"\x00\x00\x00\x00j {client_addr}\x00\x00\x00\x00\x05i\x00").unwrap();
    assert_eq!(agreed.macros(Stage::Connect).unwrap(), ["j", "{client_addr}"]);
    assert_eq!(agreed.macros(Stage::End).unwrap(), ["i"]);
    assert_eq!(agreed.macros(Stage::Mail), None);
    assert!(Agreed::parse(b"\x00\x00\x00\x06\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x09j\x00").is_err());
}

#[test]
fn answers_are_read() {
    assert_eq!(response(b'c', b"").unwrap(), Response::Continue);
    assert_eq!(response(b'a', b"").unwrap(), Response::Accept);
    assert_eq!(response(b'd', b"").unwrap(), Response::Discard);
    assert_eq!(response(b'p', b"").unwrap(), Response::Progress);
    assert_eq!(response(b's', b"").unwrap(), Response::Skip);
    assert_eq!(response(b'4', b"").unwrap(), Response::GivesUp);
    let insert = Change::InsertHeader { before: 1, name: b"A".to_vec(), value: b"b".to_vec() };
    assert_eq!(response(b'i', b"\x00\x00\x00\x01A\x00b\x00").unwrap(), Response::Change(insert));
    let Response::Change(Change::AddRecipient(address)) = response(b'2', b"<c@d>\x00NOTIFY=NEVER X=1\x00").unwrap() else { panic!() };
    assert_eq!((address.address.as_str(), address.parameters.len()), ("c@d", 2));
    assert_eq!(response(b'q', b"spam\r\nX\x00").unwrap(), Response::Change(Change::Quarantine("spam  X".to_owned())));
}

#[test]
fn answers_that_are_none_are_faults() {
    let wrong: [(u8, &[u8]); 10] = [
        (b'?', b""),
        (b'h', b"A\x00b"),
        (b'h', b"\x00b\x00"),
        (b'h', b"A:\x00b\x00"),
        (b'h', b"A B\x00b\x00"),
        (b'i', b"\x00\x00"),
        (b'm', b"\x00\x00\x00\x01A"),
        (b'+', b"a@b"),
        (b'e', b"\xff\x00"),
        (b'y', b"550 no"),
    ];
    for (code, data) in wrong {
        assert!(response(code, data).is_err(), "{} {data:?}", char::from(code));
    }
}

#[test]
fn words_of_a_filter_become_harmless() {
    let cases: [(&[u8], &str); 12] = [
        (b"550 5.7.1 no", "550 5.7.1 no"),
        (b"550 no", "550 5.7.1 no"),
        (b"451 5.7.1 later", "451 4.7.1 5.7.1 later"),
        (b"421 4.7.0 bye", "451 4.7.0 bye"),
        (b"550-5.7.1 one\r\n550-5.7.1 two\r\n550 5.7.1 three", "550 5.7.1 one\ntwo\nthree"),
        (b"550 5.7.1 100%% spam", "550 5.7.1 100% spam"),
        (b"550 5.7.1 a\rb\x1b[2J\xff", "550 5.7.1 a?b?[2J?"),
        (b"550", "550 5.7.1 refused by a mail filter"),
        (b"250 2.0.0 taken", "451 4.7.1 refused by a mail filter for now, try again later"),
        (b"5500 no", "451 4.7.1 refused by a mail filter for now, try again later"),
        (b"", "451 4.7.1 refused by a mail filter for now, try again later"),
        (b"\r\n250 ok", "451 4.7.1 refused by a mail filter for now, try again later"),
    ];
    for (text, expected) in cases {
        assert_eq!(Reply::parse(text).text(), expected, "{}", text.escape_ascii());
    }
    assert!(Reply::parse(&b"550 x\n".repeat(1000)).text().lines().count() <= 20);
    assert!(Reply::parse(&[b"550 ", &[b'x'; 9000][..]].concat()).text().len() < 500);
}

proptest! {
    #[test]
    fn whatever_a_filter_says_is_an_answer_or_a_fault(bytes in prop::collection::vec(any::<u8>(), 0..400)) {
        let mut buffer = bytes.clone();
        while let Ok(Some(frame)) = frame::take(&mut buffer) {
            let _ = Response::parse(&frame);
        }
        let _ = Agreed::parse(&bytes);
        let code = bytes.first().copied().unwrap_or_default();
        let _ = response(code, bytes.get(1..).unwrap_or_default());
    }

    #[test]
    fn no_reply_of_a_filter_accepts_or_leaves_its_line(text in prop::collection::vec(any::<u8>(), 0..200)) {
        let shown = Reply::parse(&text).text();
        prop_assert!(shown.starts_with('4') || shown.starts_with('5'));
        prop_assert!(shown.chars().all(|symbol| symbol == '\n' || symbol == ' ' || symbol.is_ascii_graphic()));
    }
}
