//! What SMTP clients and servers send.

use stafett_address::Path;
use stafett_smtp::Command;
use stafett_smtp::decode::{Decoder, LineCheck};
use stafett_smtp::ehlo::Capabilities;
use stafett_smtp::encode::Stuffer;
use stafett_smtp::hops::HopCounter;
use stafett_smtp::response::{Malformed, Parser, Response};

/// A client's command line: its reply is one line, and a path is canonical.
pub fn smtp_command(line: &[u8]) {
    match Command::parse(line) {
        Ok(Command::Mail(path, _) | Command::Rcpt(path, _)) => same_path(&path),
        Ok(_) => {}
        Err(fault) => {
            let mut out = Vec::new();
            fault.reply().write(&mut out);
            assert!(out.ends_with(b"\r\n") && out.len() <= 512, "{out:?}");
            assert!(out[..out.len() - 2].iter().all(|byte| *byte == b' ' || byte.is_ascii_graphic()), "{out:?}");
        }
    }
}

fn same_path(path: &Path) {
    if let Path::Mailbox(mailbox) = path {
        assert_eq!(Path::parse(&format!("<{mailbox}>")).as_ref(), Ok(path), "{mailbox}");
    }
}

/// Message data: the same whatever the pieces, and just what the plain reading of RFC 5321 §4.5.2 says.
pub fn data_decoder(input: &[u8]) {
    let (cut, bytes) = input.split_first().map_or((1, input), |(first, rest)| (usize::from(*first % 7) + 1, rest));
    let mut decoder = Decoder::new();
    let (mut message, mut used) = (Vec::new(), 0);
    let mut hops = HopCounter::new();
    for piece in bytes.chunks(cut) {
        used += decoder.feed(piece, |slice| {
            hops.feed(slice);
            message.extend_from_slice(slice);
        });
    }
    let end = end_of_data(bytes);
    assert_eq!(decoder.is_ended(), end.is_some(), "{bytes:?}");
    assert_eq!(used, end.unwrap_or(bytes.len()), "{bytes:?}");
    let sent = &bytes[..end.unwrap_or(bytes.len())];
    match end {
        Some(_) => assert_eq!(decoder.flaw().is_some(), !is_strict(sent), "{bytes:?}"),
        None => assert!(decoder.flaw().is_none() || !is_strict(&[sent, b"\r\n"].concat()), "{bytes:?}"),
    }
    if let (Some(_), None) = (end, decoder.flaw()) {
        assert_eq!(message, unstuffed(sent), "{bytes:?}");
        let mut check = LineCheck::new();
        message.chunks(cut).for_each(|piece| check.feed(piece));
        assert_eq!(check.finish(), Ok(&b""[..]), "{message:?}");
    }
}

/// Where CR LF `.` CR LF ends; the data begins as after CR LF.
fn end_of_data(bytes: &[u8]) -> Option<usize> {
    if bytes.starts_with(b".\r\n") {
        return Some(3);
    }
    bytes.windows(5).position(|five| five == b"\r\n.\r\n").map(|at| at + 5)
}

fn is_strict(bytes: &[u8]) -> bool {
    let rest: Vec<u8> = String::from_utf8_lossy(bytes).replace("\r\n", "").into_bytes();
    !rest.iter().any(|byte| matches!(byte, b'\r' | b'\n'))
}

/// The lines without the last, each without its first dot.
fn unstuffed(sent: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    let body = sent.strip_suffix(b".\r\n").unwrap_or(sent);
    for line in body.split_inclusive(|byte| *byte == b'\n') {
        out.extend_from_slice(line.strip_prefix(b".").unwrap_or(line));
    }
    out
}

/// What is stuffed comes back as it was, whatever the pieces, and the end stands at the end only.
pub fn data_encoder(input: &[u8]) {
    let (cut, bytes) = input.split_first().map_or((1, input), |(first, rest)| (usize::from(*first % 7) + 1, rest));
    // The encoder's caller has strict lines.
    let text: Vec<u8> = bytes.iter().copied().filter(|byte| *byte != b'\r').flat_map(|byte| if byte == b'\n' { vec![b'\r', b'\n'] } else { vec![byte] }).collect();
    let mut stuffer = Stuffer::new();
    let mut wire = Vec::new();
    text.chunks(cut).for_each(|piece| stuffer.append(piece, &mut wire));
    wire.extend_from_slice(stuffer.end());
    assert_eq!(end_of_data(&wire), Some(wire.len()), "{text:?}");
    assert!(is_strict(&wire), "{text:?}");
    let whole = if text.is_empty() || text.ends_with(b"\r\n") { text } else { [&text[..], b"\r\n"].concat() };
    assert_eq!(unstuffed(&wire), whole);
}

/// A server's replies: the same whatever the pieces, capped, printable in one line.
pub fn reply(input: &[u8]) {
    let (cut, bytes) = input.split_first().map_or((1, input), |(first, rest)| (usize::from(*first % 7) + 1, rest));
    let whole = replies(bytes, bytes.len().max(1));
    assert_eq!(replies(bytes, cut), whole, "{bytes:?}");
    for response in &whole.0 {
        assert!((200..600).contains(&response.code()));
        assert!(response.one_line(100).bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic()));
        let _ = (Capabilities::parse(response), response.enhanced());
    }
}

fn replies(bytes: &[u8], cut: usize) -> (Vec<Response>, Option<Malformed>) {
    let mut parser = Parser::default();
    let mut found = Vec::new();
    for mut piece in bytes.chunks(cut) {
        while !piece.is_empty() {
            match parser.feed(piece) {
                Ok((used, response)) => {
                    assert!(used > 0);
                    piece = &piece[used..];
                    found.extend(response);
                }
                Err(what) => return (found, Some(what)),
            }
        }
    }
    (found, None)
}
