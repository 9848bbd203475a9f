use super::header::{addresses, begins_with_field, fields, length};

#[test]
fn fields_have_names_and_places() {
    let message = b"A: 1\r\nB : 2\r\n 3\r\nno field\r\nC:\r\n\r\nD: 4\r\n";
    let found: Vec<(&[u8], &[u8])> = fields(message).map(|field| (field.name, field.value)).collect();
    assert_eq!(found, [(&b"A"[..], &b" 1\r\n"[..]), (b"B", b" 2\r\n 3\r\n"), (b"C", b"\r\n")]);
    assert!(fields(message).all(|field| message[field.start()..field.place.end] == *field.value));
    assert_eq!(length(message), message.len() - 8);
    assert_eq!(length(b"A: 1\r\n"), 6);
    assert_eq!((fields(b"").count(), fields(b"\r\nA: 1").count()), (0, 0));
    assert!(begins_with_field(b"A: 1\r\n") && !begins_with_field(b"A b: 1\r\n"));
    assert!(!begins_with_field(b"\r\nA: 1\r\n") && !begins_with_field(b"hello\r\n") && !begins_with_field(b""));
}

fn read(value: &str) -> Option<Vec<&str>> {
    addresses(value.as_bytes()).map(|found| found.into_iter().map(|place| &value[place]).collect())
}

#[test]
fn addresses_are_found_behind_names_and_comments() {
    for (value, wanted) in [
        (" a@b\r\n", vec!["a@b"]),
        (" <a@b>", vec!["a@b"]),
        (" A B <a@b>, c@d\r\n\t, \"E, <x@y>\" <e@f>\r\n", vec!["a@b", "c@d", "e@f"]),
        (" (a (x@y) \\) comment) a@b (more)", vec!["a@b"]),
        (" \"a b\"@c", vec!["\"a b\"@c"]),
        (" \"a \\\" <x@y> b\" <a@b>", vec!["a@b"]),
        (" friends: a@b, C <c@d>;, e@f", vec!["a@b", "c@d", "e@f"]),
        (" nobody:;", vec![]),
        (" boss@bank.example <a@b>", vec!["a@b"]),
        (",, a@b,", vec!["a@b"]),
        ("", vec![]),
    ] {
        assert_eq!(read(value), Some(wanted), "{value:?}");
    }
}

#[test]
fn what_can_be_read_in_two_ways_is_not_read() {
    for value in ["<a@b> <c@d>", "<a@b> c@d", "<a@b", "a@b>", "<<a@b>>", "\"a@b", "(a@b", "a@b)", "a: b: c@d;", "a@b; c@d", "<a@b, c@d>"] {
        assert_eq!(read(value), None, "{value:?}");
    }
}
