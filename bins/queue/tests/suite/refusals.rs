//! Every way to fail has its exit code, and nothing is queued.

use crate::common::{ENVELOPE, Ended, Run, Site};
use std::path::Path;

/// The exit code when queued says this.
fn answered(answer: &'static [u8]) -> Ended {
    let site = Site::new();
    let queued = site.answering(answer);
    let ended = site.queue(b"x\n", ENVELOPE);
    queued.join().unwrap();
    ended
}

#[test]
fn queued_is_away() {
    let site = Site::new();
    let ended = site.queue(b"x\n", ENVELOPE);
    assert_eq!(ended.code, 74);
    assert!(ended.stderr.contains("stafett-queued must run there"), "{}", ended.stderr);
    // Also when a dead one left its socket.
    drop(std::os::unix::net::UnixListener::bind(site.socket()).unwrap());
    assert_eq!(site.queue(b"x\n", ENVELOPE).code, 74);
}

#[test]
fn queued_hangs_up_or_talks_nonsense() {
    assert_eq!(answered(b"").code, 74);
    assert_eq!(answered(b"17:K17637").code, 74);
    assert_eq!(answered(b"3:X12,").code, 81);
    assert_eq!(answered(b"rubbish, rubbish").code, 81);
}

#[test]
fn queued_refuses() {
    assert_eq!(answered(b"36:Z452 4.3.1 insufficient disk storage,").code, 53);
    assert_eq!(answered(b"21:Z451 4.3.0 not by now,").code, 71);
    let ended = answered(b"21:D554 5.6.0 never ever,");
    assert_eq!(ended.code, 31);
    assert_eq!(ended.stderr, "stafett-queue: fatal: the message was not queued: 554 5.6.0 never ever\n");
}

#[test]
fn queued_refuses_in_the_middle_of_a_large_message() {
    let site = Site::new();
    let listener = std::os::unix::net::UnixListener::bind(site.socket()).unwrap();
    let queued = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        std::io::Write::write_all(&mut stream, b"20:D552 5.3.4 too large,").unwrap();
    });
    assert_eq!(site.queue(&b"x\n".repeat(5_000_000), ENVELOPE).code, 31);
    queued.join().unwrap();
}

#[test]
fn words_go_to_descriptor_six_if_it_is_a_pipe() {
    let site = Site::new();
    let queued = site.answering(b"36:Z452 4.3.1 insufficient disk storage,");
    let ended = Run::new(&site).listening_for_text().feed(b"x\n", ENVELOPE);
    queued.join().unwrap();
    assert_eq!((ended.code, ended.text.as_str()), (82, "Z452 4.3.1 insufficient disk storage"));

    let ended = Run::new(&site).listening_for_text().feed(b"a\rb\n", ENVELOPE);
    assert_eq!((ended.code, ended.text.as_str()), (82, "D554 5.6.0 the message holds a CR without LF"));

    let ended = Run::new(&site).listening_for_text().feed(b"a\n", b"rubbish");
    assert_eq!((ended.code, ended.text.as_str()), (91, ""));

    let file = site.root().join("six");
    let ended = Run::new(&site).with_file_at_six(&file).feed(b"a\rb\n", ENVELOPE);
    assert_eq!(ended.code, 31);
    assert_eq!(std::fs::read(file).unwrap(), b"");
}

#[test]
fn what_the_caller_gives_is_checked() {
    let long = [b"F", &[b'x'; 1004][..], b"\0\0"].concat();
    let cases: [(&[u8], &[u8], i32); 9] = [
        (b"x\n", b"", 54),
        (b"x\n", b"Fs@example.org\0Ta@example.net\0", 54),
        (b"x\n", b"Ts@example.org\0\0", 91),
        (b"x\n", b"Fs\0X\0", 91),
        (b"x\n", &long, 11),
        (b"x\n", b"Fs\0Tb\nto c\0\0", 31),
        (b"x\n", b"Fs\0T\xff\0\0", 31),
        (b"a\rb\n", ENVELOPE, 31),
        (b"a\r", ENVELOPE, 31),
    ];
    let site = Site::new();
    for (message, envelope, code) in cases {
        // queued is away: whoever asked it would get 74.
        let ended = site.queue(message, envelope);
        assert_eq!(ended.code, code, "{}: {}", String::from_utf8_lossy(envelope), ended.stderr);
        assert!(ended.stderr.starts_with("stafett-queue: fatal: "));
    }
}

#[test]
fn a_large_message_without_a_whole_envelope_is_given_up() {
    let site = Site::new();
    let queued = site.answering(b"");
    assert_eq!(site.queue(&b"x\n".repeat(200_000), b"Fs\0Ta\0").code, 54);
    assert!(!queued.join().unwrap().whole, "queued must see that it was given up");
}

#[test]
fn descriptors_that_cannot_be_read() {
    let site = Site::new();
    let output = crate::common::shell(&site, "exec \"$0\" </ 1</dev/null");
    assert_eq!(output.status.code(), Some(54));
}

#[test]
fn an_instance_that_is_not_there() {
    let site = Site::new();
    let ended = Run::new(&site).at(Path::new("/nonexistent/stafett")).feed(b"x\n", ENVELOPE);
    assert_eq!(ended.code, 55);
    assert!(ended.stderr.contains("set STAFETT"), "{}", ended.stderr);
}
