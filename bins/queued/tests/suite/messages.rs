//! What becomes of a message, good or bad.

use crate::common::{MESSAGE, Site, envelope, letter};
use stafett_wire::injector::{Answer, Injector};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::time::Duration;

#[test]
fn a_message_is_on_disk_when_it_is_accepted() {
    let site = Site::started();
    let id = site.call().inject(&envelope(), MESSAGE);
    let name = format!("{id},S={}", MESSAGE.len());
    assert_eq!(site.names("new"), [name.as_str()]);
    assert!(site.names("tmp").is_empty());
    let path = site.path("queue/new").join(name);
    assert!(fs::read(&path).unwrap().starts_with(MESSAGE));
    assert_eq!(fs::metadata(path).unwrap().permissions().mode() & 0o777, 0o644, "the admins' group may read; queue/ keeps the others out");
    assert_eq!(site.entry(&id, MESSAGE.len()).envelope.sender, "s@example.org");
}

#[test]
fn one_connection_carries_many_messages_and_any_pieces() {
    let site = Site::started();
    let mut caller = site.call();
    let first = caller.inject(&envelope(), b"");
    let large = b"0123456789abcd\r\n".repeat(40_000);
    let (text, message) = (envelope(), &large[..]);
    let (left, right) = text.split_at(5);
    caller.say(&[&letter(b'E', left), &letter(b'E', right)]);
    for piece in message.chunks(65_521) {
        caller.say(&[&letter(b'D', piece)]);
    }
    caller.say(&[b"."]);
    let Some(Answer::Accepted(second)) = caller.hear() else { panic!() };
    assert!(first < second);
    assert_eq!(site.names("new"), [format!("{first},S=0"), format!("{second},S={}", message.len())]);
    site.entry(&second, message.len());
}

#[test]
fn the_envelope_may_come_behind_the_message() {
    let site = Site::started();
    let mut caller = site.call();
    caller.say(&[&letter(b'D', MESSAGE), &letter(b'E', &envelope()), b"."]);
    let Some(Answer::Accepted(id)) = caller.hear() else { panic!() };
    site.entry(&id, MESSAGE.len());
}

#[test]
fn lines_that_are_not_strict_are_refused_and_leave_nothing() {
    let site = Site::started();
    let mut caller = site.call();
    for bad in ["a\n", "a\rb\r\n", "a\r\n.\n", "no end", "a\r", "\n", "a\r\r\n"] {
        let (first, second) = bad.as_bytes().split_at(1);
        caller.say(&[&letter(b'E', &envelope()), &letter(b'D', first), &letter(b'D', second), b"."]);
        let answer = caller.hear();
        assert!(matches!(&answer, Some(Answer::Permanent(text)) if text.starts_with("554 5.6.0")), "{bad:?}: {answer:?}");
        site.assert_empty(bad);
    }
    caller.inject(&envelope(), MESSAGE);
}

#[test]
fn a_bad_envelope_is_refused_and_the_connection_goes_on() {
    let site = Site::started();
    let mut caller = site.call();
    let long = format!("from {}\nto a\n", "x".repeat(1004));
    for bad in
        ["from a\n", "to a\n", "from a\nto b", "from a\nwhat x\n", "from a\nto \n", "from a\x01\nto b\n", "from a\nnotify NEVER\n", &long]
    {
        caller.say(&[&letter(b'E', bad.as_bytes()), &letter(b'D', MESSAGE), b"."]);
        let answer = caller.hear();
        assert!(matches!(&answer, Some(Answer::Permanent(text)) if text.starts_with("554 5.")), "{bad:?}: {answer:?}");
        site.assert_empty(bad);
    }
    caller.inject(&envelope(), MESSAGE);
}

#[test]
fn what_is_no_request_is_answered_and_cut_off() {
    let site = Site::started();
    for bad in [
        &b"rubbish"[..],
        b"5:abcde;",
        b"99999999:x",
        b"0:,",
        b"1:.,",
        b"1:X,",
        b"1:R,",
        b"3:R-1,",
        b"2:.x,",
        b"-1:,",
        b":,",
        b"\0\0\0\0\0\0\0\0\0\0\0\0",
    ] {
        let mut caller = site.call();
        caller.raw(bad);
        let answer = caller.hear();
        assert!(
            matches!(&answer, Some(Answer::Permanent(text)) if text.contains("malformed")),
            "{}: {answer:?}",
            String::from_utf8_lossy(bad)
        );
        assert!(caller.hear().is_none());
    }
    // Also in the middle of a message, of which nothing stays.
    let mut caller = site.call();
    caller.say(&[&letter(b'E', &envelope()), &letter(b'D', &b"x\r\n".repeat(20_000)), b"?"]);
    assert!(matches!(caller.hear(), Some(Answer::Permanent(_))));
    site.assert_empty("malformed in the middle");
}

#[test]
fn an_envelope_without_end_is_cut_off() {
    let site = Site::started();
    let mut caller = site.call();
    let piece = letter(b'E', &b"to a@example.net\n".repeat(3800));
    for _ in 0..300 {
        caller.say(&[&piece]);
    }
    let answer = caller.hear();
    assert!(matches!(&answer, Some(Answer::Permanent(text)) if text.starts_with("552")), "{answer:?}");
}

#[test]
fn a_caller_that_vanishes_leaves_nothing() {
    let site = Site::started();
    for cut in [1, 10, 40, 100_000, 199_000] {
        let mut whole = Vec::new();
        stafett_wire::netstring::push(&mut whole, &letter(b'E', &envelope()));
        (0..10).for_each(|_| stafett_wire::netstring::push(&mut whole, &letter(b'D', &b"x\r\n".repeat(7000))));
        let mut caller = site.call();
        caller.raw(&whole[..cut]);
        caller.close_writing();
        assert!(caller.hear().is_none(), "{cut}");
        drop(caller);
        site.assert_empty(&format!("cut after {cut} bytes"));
    }
}

#[test]
fn room_is_told_and_the_floor_is_kept() {
    let mut site = Site::new();
    site.control("queuefree", "0");
    site.start();
    let mut caller = site.call();
    caller.say(&[b"R1000"]);
    assert_eq!(caller.hear(), Some(Answer::Accepted("ok".into())));
    site.control("queuefree", &u64::MAX.to_string());
    crate::common::wait_until("the floor counts", || {
        caller.say(&[b"R1"]);
        matches!(caller.hear(), Some(Answer::Temporary(text)) if text.starts_with("452 4.3.1"))
    });
    caller.say(&[&letter(b'E', &envelope()), &letter(b'D', MESSAGE), b"."]);
    assert!(matches!(caller.hear(), Some(Answer::Temporary(text)) if text.starts_with("452 4.3.1")));
    site.assert_empty("below the floor");
    assert!(site.log().contains("the queue's file system is full"), "{}", site.log());
}

#[test]
fn what_was_done_is_told_in_numbers_alone() {
    let site = Site::started();
    let mut caller = site.call();
    caller.inject(&envelope(), MESSAGE);
    caller.inject(&envelope(), MESSAGE);
    caller.say(&[&letter(b'E', &envelope()), &letter(b'D', b"no end"), b"."]);
    assert!(matches!(caller.hear(), Some(Answer::Permanent(_))));
    let mut injector = Injector::connect(&site.path("run/queue/socket"), Duration::from_secs(20)).unwrap();
    let Answer::Accepted(text) = injector.statistics().unwrap() else { panic!() };
    let words: Vec<&str> = text.split(' ').collect();
    let number = |name: &str| -> u64 { words.chunks(2).find(|pair| pair[0] == name).unwrap()[1].parse().unwrap() };
    assert_eq!((number("accepted"), number("bytes")), (2, 2 * MESSAGE.len() as u64));
    assert_eq!((number("refused_content"), number("refused_full"), number("refused_protocol")), (1, 0, 0));
    assert_eq!(number("fsync_count"), 2);
    assert!(number("fsync_micros") > 0 && number("fsync_to_1000000") <= 2, "{text}");
    assert!(text.len() < 900, "{text}");
    caller.inject(&envelope(), MESSAGE);
    let Answer::Accepted(text) = injector.statistics().unwrap() else { panic!() };
    assert!(text.starts_with("accepted 3 bytes "), "{text}");
}
