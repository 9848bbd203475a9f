//! Messages whose body and envelope filters change.

use super::Mail;
use crate::protocol::response::{Address, Change};
use std::io::{Read, Seek, Write};

fn mail(message: &[u8]) -> Mail {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(message).unwrap();
    Mail::read(file, &[]).unwrap()
}

fn new_body(pieces: &[&[u8]]) -> String {
    let mut mail = mail(b"A: b\r\n\r\nold\r\n");
    mail.apply(pieces.iter().map(|piece| Change::Body(piece.to_vec())).collect(), false).unwrap();
    let (file, from) = mail.new_body().unwrap();
    assert_eq!(from, 8);
    let (mut text, mut file) = (String::new(), file.try_clone().unwrap());
    file.rewind().unwrap();
    file.read_to_string(&mut text).unwrap();
    text
}

#[test]
fn the_body_is_read_in_parts() {
    let mail = mail(b"A: b\r\n\r\n0123456789\r\n");
    let mut buffer = [0; 8];
    assert_eq!(mail.body(0, &mut buffer).unwrap(), b"01234567");
    assert_eq!(mail.body(8, &mut buffer).unwrap(), b"89\r\n");
    assert_eq!(mail.body(12, &mut buffer).unwrap(), b"");
}

#[test]
fn a_new_body_has_whole_lines() {
    assert_eq!(new_body(&[b"one\r\ntwo\n", b"three\r", b"\nfour\rfive"]), "one\r\ntwo\r\nthree\r\nfour\r\nfive\r\n");
    assert_eq!(new_body(&[b"\r", b"\r", b"\n", b"x\r"]), "\r\n\r\nx\r\n");
    assert_eq!(new_body(&[b""]), "");
}

#[test]
fn a_new_body_is_bounded() {
    let pieces = (0..600).map(|_| Change::Body(vec![b'x'; 65_535])).collect();
    assert!(mail(b"\r\n").apply(pieces, false).is_err());
}

#[test]
fn the_next_filter_sees_the_new_body() {
    let mut mail = mail(b"A: b\r\n\r\nold\r\n");
    mail.apply(vec![Change::Body(b"new\n".to_vec())], false).unwrap();
    assert_eq!(mail.body(0, &mut [0; 20]).unwrap(), b"new\r\n");
}

#[test]
fn addresses_that_cannot_be_are_refused() {
    let address = |text: &str| Change::AddRecipient(Address { address: text.to_owned(), parameters: Vec::new() });
    assert!(mail(b"").apply(vec![address("a@b")], false).is_ok());
    assert!(mail(b"").apply(vec![address("a@b\nRCPT TO:<c@d>")], false).is_err());
    assert!(mail(b"").apply(vec![address(&"x".repeat(2000))], false).is_err());
    assert!(mail(b"").apply((0..101).map(|_| address("a@b")).collect(), false).is_err());
}

#[test]
fn header_changes_are_bounded() {
    let add = || Change::AddHeader { name: b"X".to_vec(), value: vec![b'v'; 60_000] };
    assert!(mail(b"\r\n").apply(vec![add()], false).is_ok());
    assert!(mail(b"\r\n").apply(vec![add(), add()], false).is_err());
}

#[test]
fn a_header_that_is_too_large_is_said_to_be() {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(&b"A: b\r\n".repeat(200_000)).unwrap();
    assert!(Mail::read(file, &[]).is_err());
}
