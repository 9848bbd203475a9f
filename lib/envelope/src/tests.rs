use crate::{Envelope, Head, Recipient, Ret};

fn full() -> Envelope {
    Envelope {
        sender: "s@example.org".into(),
        eight_bit: true,
        smtputf8: true,
        require_tls: true,
        ret: Some(Ret::Headers),
        envid: Some("QQ314159".into()),
        origin: "smtp 192.0.2.1 helo.example".into(),
        uid: Some(1000),
        hold: Some("control/milters:1 odd".into()),
        head: vec![Head::WithId("Received: by relay.example id ".into(), "; now".into()), Head::Line("\tsecond".into())],
        recipients: vec![
            Recipient::new("a@example.net"),
            Recipient {
                address: "r\u{e4}v@example.net".into(),
                notify: Some("FAILURE".into()),
                orcpt: Some("rfc822;x".into()),
                copy: true,
            },
        ],
    }
}

#[test]
fn what_is_written_is_read_back() {
    let mut text = Vec::new();
    full().write(&mut text);
    assert_eq!(Envelope::parse(&text).unwrap(), full());
}

#[test]
fn a_value_cannot_smuggle_in_a_line() {
    let mut envelope = full();
    envelope.sender = "a\nto evil@example.com".into();
    let mut text = Vec::new();
    envelope.write(&mut text);
    assert!(Envelope::parse(&text).is_err());
}

#[test]
fn hostile_text_is_an_error_with_its_line() {
    for (bad, line) in [
        (&b"from a@b\nto c"[..], 2),
        (b"from a\nfrom b\n", 2),
        (b"from a\nnotify NEVER\n", 2),
        (b"from a\nto \n", 2),
        (b"from \xff\n", 1),
        (b"from a\x01b\n", 1),
        (b"from a\nwhat ever\n", 2),
        (b"to a@b\n", 0),
        (b"", 0),
    ] {
        assert_eq!(Envelope::parse(bad).unwrap_err().line, line, "{}", String::from_utf8_lossy(bad));
    }
    let long = format!("from {}\n", "x".repeat(1004));
    assert_eq!(Envelope::parse(long.as_bytes()).unwrap_err().line, 1);
}

#[test]
fn the_id_goes_where_room_was_left() {
    let mut envelope = full();
    envelope.put_id("42");
    assert_eq!(envelope.head[0], Head::Line("Received: by relay.example id 42; now".into()));
}
