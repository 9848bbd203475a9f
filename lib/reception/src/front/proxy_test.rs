//! PROXY headers, whole, in pieces and wrong.

use super::*;
use proptest::prelude::*;

fn read(input: &[u8]) -> Header {
    let (header, used) = parse(input).unwrap().unwrap();
    assert_eq!(used, input.len());
    header
}

fn named(ip: &str, port: u16, local: &str) -> Header {
    Header::Client(Introduction { ip: Some(ip.parse().unwrap()), port: Some(port), host: None, local: Some(local.parse().unwrap()) })
}

fn version_two(kind: u8, family: u8, body: &[u8]) -> Vec<u8> {
    let length = u16::try_from(body.len()).unwrap().to_be_bytes();
    [&SIGNATURE[..], &[kind, family], &length, body].concat()
}

#[test]
fn both_versions_name_the_client() {
    assert_eq!(read(b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"), named("192.0.2.7", 4711, "192.0.2.1:25"));
    assert_eq!(read(b"PROXY TCP6 2001:db8::7 2001:db8::1 4711 25\r\n"), named("2001:db8::7", 4711, "[2001:db8::1]:25"));
    assert_eq!(read(b"PROXY TCP6 ::ffff:192.0.2.7 ::ffff:192.0.2.1 4711 25\r\n"), named("192.0.2.7", 4711, "192.0.2.1:25"));
    let four = [192, 0, 2, 7, 192, 0, 2, 1, 0x12, 0x67, 0, 25];
    assert_eq!(read(&version_two(0x21, 0x11, &four)), named("192.0.2.7", 4711, "192.0.2.1:25"));
    assert_eq!(read(&version_two(0x21, 0x11, &[&four[..], &[0x20, 0, 1, 7]].concat())), named("192.0.2.7", 4711, "192.0.2.1:25"));
    let six = [&Ipv6Addr::from(7).octets()[..], &Ipv6Addr::from(9).octets(), &[0, 1, 0, 25]].concat();
    assert_eq!(read(&version_two(0x21, 0x21, &six)), named("::7", 1, "[::9]:25"));
}

#[test]
fn who_speaks_for_nobody_is_nobody() {
    for input in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN 1 2 3 4\r\n", &version_two(0x20, 0, b""), &version_two(0x21, 0, b"x")] {
        assert_eq!(read(input), Header::Nobody);
    }
}

#[test]
fn a_header_may_come_byte_by_byte_and_ends_where_it_ends() {
    let two = version_two(0x21, 0x11, &[1, 2, 3, 4, 5, 6, 7, 8, 0, 1, 0, 2]);
    for whole in [&b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\r\n"[..], &two] {
        for end in 0..whole.len() {
            assert_eq!(parse(&whole[..end]), Ok(None), "{end}");
        }
        let more = [whole, b"EHLO x\r\n"].concat();
        assert_eq!(parse(&more).unwrap().unwrap().1, whole.len());
    }
}

#[test]
fn what_is_not_of_the_form_is_an_error() {
    for input in [
        &b"EHLO x\r\n"[..],
        b"proxy TCP4 192.0.2.7 192.0.2.1 4711 25\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 4711 25 x\r\n",
        b"PROXY TCP4  192.0.2.7 192.0.2.1 4711 25\r\n",
        b"PROXY TCP4 2001:db8::7 192.0.2.1 4711 25\r\n",
        b"PROXY TCP6 192.0.2.7 192.0.2.1 4711 25\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 +711 25\r\n",
        b"PROXY TCP4 192.0.2.7 192.0.2.1 70000 25\r\n",
        b"PROXY TCP4 0.0.0.0 192.0.2.1 1 25\r\n",
        b"PROXY UDP4 192.0.2.7 192.0.2.1 1 25\r\n",
        &[b"PROXY UNKNOWN ".as_slice(), &[b'x'; 200]].concat(),
        &version_two(0x11, 0x11, &[0; 12]),
        &version_two(0x22, 0x11, &[0; 12]),
        &version_two(0x21, 0x41, &[0; 12]),
        &version_two(0x21, 0x11, &[1; 11]),
        &version_two(0x21, 0x21, &[1; 35]),
        &version_two(0x21, 0x11, &[1; 5000])[..100],
    ] {
        assert!(parse(input).is_err(), "{:?}", String::from_utf8_lossy(input));
    }
}

proptest! {
    #[test]
    fn nothing_panics_and_nothing_behind_the_input_is_used(mut input in proptest::collection::vec(any::<u8>(), 0..80), two in any::<bool>()) {
        if two {
            input.splice(0..0, *SIGNATURE);
        }
        if let Ok(Some((_, used))) = parse(&input) {
            prop_assert!(used <= input.len());
        }
    }
}
