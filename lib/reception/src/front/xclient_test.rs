//! The command XCLIENT.

use super::*;

#[test]
fn attributes_are_read_whatever_their_order_and_case() {
    let who =
        parse(b" name=Mail.Example.ORG ADDR=192.0.2.7 port=4711 PROTO=ESMTP HELO=x LOGIN=+41dmin DESTADDR=192.0.2.1 DESTPORT=25").unwrap();
    assert_eq!(who.ip, Some("192.0.2.7".parse().unwrap()));
    assert_eq!((who.port, who.host.as_deref()), (Some(4711), Some("mail.example.org")));
    assert_eq!(who.local, Some("192.0.2.1:25".parse().unwrap()));
    assert_eq!(parse(b" ADDR=IPV6:2001:db8::7").unwrap().ip, Some("2001:db8::7".parse().unwrap()));
    assert_eq!(parse(b" ADDR=IPV6:::ffff:192.0.2.7").unwrap().ip, Some("192.0.2.7".parse().unwrap()));
    let unknown = parse(b" ADDR=[UNAVAILABLE] NAME=[TEMPUNAVAIL] PORT=[UNAVAILABLE]").unwrap();
    assert_eq!(unknown, Introduction::default());
}

#[test]
fn what_makes_no_sense_is_a_fault() {
    for text in [
        "",
        " NAME=x.example",
        " ADDR",
        " ADDR=",
        " ADDR=localhost",
        " ADDR=0.0.0.0",
        " ADDR=192.0.2.7 PORT=-1",
        " ADDR=192.0.2.7 NAME=+0D+0A",
        " ADDR=192.0.2.7 NAME=a+2",
        " ADDR=192.0.2.7 NAME=[192.0.2.1]",
        " ADDR=192.0.2.7 NAME=not+20a+20name",
        " ADDR=192.0.2.7 COLOUR=red",
    ] {
        assert!(parse(text.as_bytes()).is_err(), "{text}");
    }
    assert!(parse(b" ADDR=\xff").is_err());
}

#[test]
fn the_verb_is_this_one_alone() {
    assert_eq!(of(b"xclient ADDR=1"), Some(&b" ADDR=1"[..]));
    assert_eq!(of(b"XCLIENT"), Some(&b""[..]));
    assert_eq!(of(b"XCLIENTS ADDR=1"), None);
    assert_eq!(of(b"EHLO x"), None);
}
