use super::{Here, Lines, as_in_smtp, as_it_came, convert, sender};
use crate::qmail::bounce::Failure;
use crate::qmail::letter::{Addressee, Channel, Letter};
use stafett_route::Locals;
use std::io::Write;
use std::time::{Duration, SystemTime};

fn locals() -> Locals {
    let mut locals = Locals::new("here.example", '-');
    locals.insert("here.example");
    locals.insert_virtual("lists.example", "alias-lists");
    locals.insert_virtual("sales@shop.example", "joe");
    locals.insert_virtual(".below.example", "a");
    locals
}

fn letter(recipients: &[(&str, Channel, bool)], failures: &[(&str, &str)]) -> Letter {
    let mut content = tempfile::tempfile().unwrap();
    content.write_all(b"Subject: x\n\ntext").unwrap();
    let time = SystemTime::UNIX_EPOCH + Duration::from_secs(1000);
    let addressee = |(address, channel, done): &(&str, Channel, bool)| Addressee {
        address: address.as_bytes().to_vec(),
        channel: *channel,
        done: *done,
    };
    let failure = |(address, text): &(&str, &str)| Failure { address: address.as_bytes().to_vec(), text: (*text).to_owned() };
    Letter {
        sender: b"s@here.example".to_vec(),
        uid: None,
        recipients: recipients.iter().map(addressee).collect(),
        failures: failures.iter().map(failure).collect(),
        failed_at: time + Duration::from_secs(5),
        birth: time,
        due: None,
        content,
        written: time,
    }
}

#[test]
fn addresses_get_back_what_virtualdomains_took() {
    for (address, came) in [
        ("joe@here.example", Some("joe@here.example")),
        ("joe-x@here.example", Some("joe-x@here.example")),
        ("alias-lists-news@lists.example", Some("news@lists.example")),
        ("alias-lists-a-b@lists.example", Some("a-b@lists.example")),
        ("joe-sales@shop.example", Some("sales@shop.example")),
        ("a-b-c@x.below.example", Some("b-c@x.below.example")),
        ("joe-other@shop.example", None),
        ("news@lists.example", None),
    ] {
        assert_eq!(as_it_came(address, &locals()).as_deref(), came, "{address}");
    }
}

#[test]
fn local_parts_get_the_quotes_of_smtp() {
    for (raw, said) in [
        ("joe@b.example", "joe@b.example"),
        ("joe smith@b.example", "\"joe smith\"@b.example"),
        ("a\"b\\c@b.example", "\"a\\\"b\\\\c\"@b.example"),
        ("a@b@c.example", "\"a@b\"@c.example"),
        ("x> NOTIFY=NEVER@b.example", "\"x> NOTIFY=NEVER\"@b.example"),
        ("joe", "joe"),
    ] {
        assert_eq!((as_in_smtp(raw).as_str(), sender(raw).as_str()), (said, said));
    }
    for plain in ["", "#@[]", "list-@b.example-@[]"] {
        assert_eq!(sender(plain), plain);
    }
    assert_eq!(sender("my list-@b.example-@[]"), "\"my list-\"@b.example-@[]");
    let recipients = [("alias-lists-big news@lists.example", Channel::Local, true), ("a b@far.example", Channel::Unsorted, false)];
    let here = Here { theirs: locals(), ours: Some(locals()) };
    let converted = convert(&letter(&recipients, &[("big news@lists.example", "no")]), 7, &here).unwrap();
    let addresses: Vec<_> = converted.envelope.recipients.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(addresses, ["\"big news\"@lists.example", "\"a b\"@far.example"]);
    assert_eq!(converted.journal, "1005 0 D no\n");
}

#[test]
fn a_failure_is_told_and_anything_else_that_is_done_is_not_done_again() {
    let recipients = [
        ("alias-lists-no@lists.example", Channel::Local, true),
        ("joe@here.example", Channel::Local, true),
        ("a@far.example", Channel::Remote, false),
    ];
    let failures = [("no@lists.example", "no mailbox"), ("gone@far.example", "550 no")];
    let here = Here { theirs: locals(), ours: Some(locals()) };
    let converted = convert(&letter(&recipients, &failures), 7, &here).unwrap();
    let addresses: Vec<_> = converted.envelope.recipients.iter().map(|one| one.address.as_str()).collect();
    assert_eq!(addresses, ["no@lists.example", "joe@here.example", "a@far.example", "gone@far.example"]);
    let expected = "1005 0 D no mailbox\n1000 1 K done by qmail before the message was taken over\n1005 3 D 550 no\n";
    assert_eq!(converted.journal, expected);
    assert_eq!(converted.envelope.origin, "qmail 7");
}

#[test]
fn a_recipient_whose_way_is_lost_keeps_its_message() {
    let here = |ours| Here { theirs: locals(), ours };
    let lost = [("joe-other@shop.example", Channel::Local, false)];
    assert!(convert(&letter(&lost, &[]), 7, &here(None)).unwrap_err().contains("do not say so any more"));
    let local = [("joe@here.example", Channel::Local, false)];
    let nothing = || Some(Locals::new("here.example", '-'));
    assert!(convert(&letter(&local, &[]), 7, &here(nothing())).unwrap_err().contains("add the service local"));
    for unsorted in ["joe@here.example", "joe", "news@lists.example"] {
        let unsorted = [(unsorted, Channel::Unsorted, false)];
        assert!(convert(&letter(&unsorted, &[]), 7, &here(nothing())).unwrap_err().contains("add the service local"));
        assert!(convert(&letter(&unsorted, &[]), 7, &here(Some(locals()))).is_ok());
    }
    assert!(convert(&letter(&[("joe@far.example", Channel::Unsorted, false)], &[]), 7, &here(nothing())).is_ok());
    assert!(convert(&letter(&[("a\nb@c", Channel::Remote, false)], &[]), 7, &here(None)).is_err());
}

fn converted(pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let (mut lines, mut out) = (Lines::default(), Vec::new());
    for piece in pieces {
        out.extend(lines.take(piece).ok()?);
    }
    out.extend_from_slice(lines.end().ok()?);
    Some(out)
}

#[test]
fn lines_end_as_in_mail() {
    for (given, expected) in [("", ""), ("\n", "\r\n"), ("a\nb", "a\r\nb\r\n"), ("a\r\nb\n", "a\r\nb\r\n")] {
        assert_eq!(converted(&[given.as_bytes()]).unwrap(), expected.as_bytes());
    }
    assert_eq!(converted(&[b"a\r", b"\nb"]).unwrap(), b"a\r\nb\r\n");
    for bad in ["\r", "a\rb\n", "a\r\r\n"] {
        assert_eq!(converted(&[bad.as_bytes()]), None);
    }
}
