//! What reaches queued.

use crate::common::{ENVELOPE, Run, Site, shell};

#[test]
fn message_and_envelope_arrive() {
    let site = Site::new();
    let queued = site.answering(b"17:K1763758000123456,");
    let ended = site.queue(b"Subject: x\n\nhello\nlast", ENVELOPE);
    assert_eq!((ended.code, ended.stderr.as_str()), (0, ""));
    let sent = queued.join().unwrap();
    assert_eq!(sent.message, b"Subject: x\r\n\r\nhello\r\nlast\r\n");
    let envelope = sent.envelope.unwrap();
    assert_eq!(envelope.sender, "s@example.org");
    assert_eq!(envelope.recipients.iter().map(|one| one.address.as_str()).collect::<Vec<_>>(), ["a@example.net", "b@example.net"]);
    assert!(!envelope.eight_bit && !envelope.smtputf8 && envelope.head.is_empty() && envelope.origin.is_empty());
}

#[test]
fn eight_bit_and_utf8_are_told() {
    let site = Site::new();
    let queued = site.answering(b"17:K1763758000123456,");
    let ended = site.queue("r\u{e4}v\n".as_bytes(), "F\0Tr\u{e4}v@example.net\0\0".as_bytes());
    assert_eq!(ended.code, 0);
    let envelope = queued.join().unwrap().envelope.unwrap();
    assert!(envelope.eight_bit && envelope.smtputf8 && envelope.sender.is_empty());
}

#[test]
fn a_large_message_is_streamed() {
    let site = Site::new();
    let queued = site.answering(b"17:K1763758000123456,");
    let message = b"0123456789abcdef0123456789abcdef\n".repeat(2_000_000);
    let ended = Run::new(&site).with_memory(32 * 1024).feed(&message, ENVELOPE);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let sent = queued.join().unwrap();
    assert_eq!(sent.message.len(), message.len() + 2_000_000);
    assert!(sent.whole);
}

#[test]
fn files_serve_as_well_as_pipes() {
    let site = Site::new();
    let queued = site.answering(b"17:K1763758000123456,");
    let (message, envelope) = (site.root().join("m"), site.root().join("e"));
    std::fs::write(&message, "x\n").unwrap();
    std::fs::write(&envelope, ENVELOPE).unwrap();
    let output = shell(&site, &format!("exec \"$0\" <'{}' 1<'{}'", message.display(), envelope.display()));
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(queued.join().unwrap().message, b"x\r\n");
}
