//! Headers are split, changed, and patched where they were changed alone.

use super::{Field, Header, Patch};
use proptest::prelude::*;

const MESSAGE: &[u8] = b"Received: a\r\n\tb\r\nSubject: one\r\nTo: x\r\nSubject:two\r\n\r\nbody: no field\r\n";

/// The message with its patches applied.
fn patched(bytes: &[u8], patches: &[Patch]) -> String {
    let (mut out, mut at) = (Vec::new(), 0);
    for patch in patches {
        let (start, end) = (usize::try_from(patch.range.start).unwrap(), usize::try_from(patch.range.end).unwrap());
        assert!(start >= at && end >= start, "{patches:?}");
        out.extend_from_slice(&bytes[at..start]);
        out.extend_from_slice(&patch.with);
        at = end;
    }
    out.extend_from_slice(&bytes[at..]);
    String::from_utf8(out).unwrap()
}

fn after(bytes: &[u8], change: impl FnOnce(&mut Header)) -> String {
    let mut header = Header::parse(bytes, &[]);
    change(&mut header);
    patched(bytes, &header.patches())
}

#[test]
fn fields_are_found() {
    let header = Header::parse(MESSAGE, &[b"Authentication-Results: me;", b"\tspf=pass"]);
    let names: Vec<_> = header.fields().iter().map(|field| String::from_utf8_lossy(field.name()).into_owned()).collect();
    assert_eq!(names, ["Authentication-Results", "Received", "Subject", "To", "Subject"]);
    assert_eq!(header.fields()[1].value(true), b" a\r\n\tb");
    assert_eq!(header.fields()[4].value(false), b"two");
    assert_eq!(header.end(), 53);
    assert_eq!(header.patches(), []);
}

#[test]
fn changes_touch_what_they_name_alone() {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let whole = text(MESSAGE);
    assert_eq!(after(MESSAGE, |h| h.append(Field::new(b"X", b"1", false))), whole.replace("two\r\n", "two\r\nX: 1\r\n"));
    assert_eq!(after(MESSAGE, |h| h.insert(0, Field::new(b"X", b" 1", true))), format!("X: 1\r\n{whole}"));
    assert_eq!(after(MESSAGE, |h| h.insert(1, Field::new(b"X", b"1", false))), format!("X: 1\r\n{whole}"));
    assert_eq!(after(MESSAGE, |h| h.insert(3, Field::new(b"X", b"1", false))), whole.replace("To:", "X: 1\r\nTo:"));
    assert_eq!(after(MESSAGE, |h| h.change(2, b"subject", b"new", false)), whole.replace("Subject:two", "Subject: new"));
    assert_eq!(after(MESSAGE, |h| h.change(1, b"SUBJECT", b"", false)), whole.replace("Subject: one\r\n", ""));
    assert_eq!(after(MESSAGE, |h| h.change(3, b"Subject", b"", false)), whole);
    assert_eq!(after(MESSAGE, |h| h.change(3, b"Subject", b"3", false)), whole.replace("two\r\n", "two\r\nSubject: 3\r\n"));
    let all = after(MESSAGE, |h| {
        for name in [&b"Received"[..], b"Subject", b"Subject", b"To"] {
            h.change(1, name, b"", false);
        }
        h.append(Field::new(b"X", b"1", false));
    });
    assert_eq!(all, "X: 1\r\n\r\nbody: no field\r\n");
}

#[test]
fn lines_in_front_cannot_be_changed() {
    let mut header = Header::parse(MESSAGE, &[b"Front: 1"]);
    header.change(1, b"Front", b"2", false);
    header.change(1, b"Front", b"", false);
    header.insert(0, Field::new(b"X", b"1", false));
    assert_eq!(patched(MESSAGE, &header.patches()), format!("X: 1\r\n{}", String::from_utf8_lossy(MESSAGE)));
    assert_eq!(header.fields()[0].value(false), b"1");
}

#[test]
fn a_message_without_header_gets_one() {
    assert_eq!(after(b"just text\r\n", |h| h.append(Field::new(b"X", b"1", false))), "X: 1\r\n\r\njust text\r\n");
    assert_eq!(after(b"\r\ntext\r\n", |h| h.append(Field::new(b"X", b"1", false))), "X: 1\r\n\r\ntext\r\n");
    assert_eq!(after(b"A: b\r\ntext\r\n", |h| h.append(Field::new(b"X", b"1", false))), "A: b\r\nX: 1\r\n\r\ntext\r\n");
    assert_eq!(after(b"", |h| h.append(Field::new(b"X", b"1", false))), "X: 1\r\n\r\n");
    assert_eq!(after(b" no\r\n", |_| {}), " no\r\n");
}

#[test]
fn a_value_stays_in_its_field() {
    let value = |value: &[u8]| String::from_utf8_lossy(&Field::new(b"X", value, true).bytes()).into_owned();
    assert_eq!(value(b" a\nBcc: evil"), "X: a\r\n\tBcc: evil\r\n");
    assert_eq!(value(b" a\r\n\tb\r\n"), "X: a\r\n\tb\r\n");
    assert_eq!(value(b" a\n\n\nbody"), "X: a\r\n\tbody\r\n");
    assert_eq!(value(b" a\rb\x00c\x1b"), "X: a?b?c?\r\n");
}

proptest! {
    #[test]
    fn untouched_messages_stay(bytes in "[a-zA-Z: \t\r\n]{0,200}") {
        let header = Header::parse(bytes.as_bytes(), &[]);
        prop_assert_eq!(header.patches(), vec![]);
        prop_assert!(header.end() <= bytes.len() as u64);
    }

    #[test]
    fn any_changes_make_whole_lines(
        lines in prop::collection::vec("(A|B|C): [a-z]{0,8}\r\n|\t[a-z]{1,4}\r\n", 0..6),
        changes in prop::collection::vec((0_u8..3, 0_u32..8, "(A|B|C)", prop::collection::vec(any::<u8>(), 0..12)), 0..8),
    ) {
        let message = format!("{}\r\nbody\r\n", lines.concat());
        let mut header = Header::parse(message.as_bytes(), &[]);
        for (kind, which, name, value) in &changes {
            match kind {
                0 => header.append(Field::new(name.as_bytes(), value, false)),
                1 => header.insert(*which, Field::new(name.as_bytes(), value, false)),
                _ => header.change(*which, name.as_bytes(), value, false),
            }
        }
        let patches = header.patches();
        let (mut out, mut at) = (Vec::new(), 0);
        for patch in &patches {
            prop_assert!(patch.range.start >= at && patch.range.end >= patch.range.start);
            out.extend_from_slice(&message.as_bytes()[usize::try_from(at).unwrap()..usize::try_from(patch.range.start).unwrap()]);
            out.extend_from_slice(&patch.with);
            at = patch.range.end;
        }
        out.extend_from_slice(&message.as_bytes()[usize::try_from(at).unwrap()..]);
        // read again, the message has the fields that were wanted, in that order
        let again = Header::parse(&out, &[]);
        let names = |header: &Header| header.fields().iter().map(|field| field.name().to_vec()).collect::<Vec<_>>();
        if !lines.first().is_some_and(|line| line.starts_with('\t')) {
            prop_assert_eq!(names(&header), names(&again));
            prop_assert!(out.ends_with(b"\r\nbody\r\n"));
        }
    }
}
