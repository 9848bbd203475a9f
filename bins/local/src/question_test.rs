use super::{LARGEST, next};
use stafett_handoff::Conversation;
use stafett_sys::descriptor;
use stafett_sys::socket::{self, Style};
use stafett_wire::netstring::push;
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

const LONG: Duration = Duration::from_secs(20);

/// Whoever asks, the conversation with it, and what ends that.
fn conversation() -> (OwnedFd, Conversation, OwnedFd) {
    let (caller, descriptor) = socket::pair(Style::Packets).unwrap();
    let (lifeline, end) = descriptor::pipe().unwrap();
    (caller, Conversation { strings: Vec::new(), descriptor, lifeline, door: 1 }, end)
}

fn question(address: &[u8]) -> Vec<u8> {
    let mut packet = Vec::new();
    push(&mut packet, b"recipient");
    push(&mut packet, address);
    packet
}

#[test]
fn a_question_that_waits_is_the_next() {
    let (caller, conversation, _end) = conversation();
    socket::send_packet(&caller, &question(b"joe@here.test"), None).unwrap();
    assert_eq!(next(&conversation, Instant::now() + LONG).unwrap(), [b"recipient".to_vec(), b"joe@here.test".to_vec()]);
}

#[test]
fn who_asks_nothing_more_keeps_no_process() {
    let (_caller, conversation, _end) = conversation();
    let begun = Instant::now();
    assert!(next(&conversation, begun + LONG).is_none());
    assert!(begun.elapsed() < LONG / 2);
}

#[test]
fn the_conversation_is_over_when_its_time_or_the_service_ends_or_the_caller_goes_or_talks_nonsense() {
    let (caller, conversation, _end) = self::conversation();
    socket::send_packet(&caller, b"nonsense", None).unwrap();
    assert!(next(&conversation, Instant::now() + LONG).is_none());
    socket::send_packet(&caller, &question(&[b'x'; LARGEST]), None).unwrap();
    assert!(next(&conversation, Instant::now() + LONG).is_none());
    drop(caller);
    assert!(next(&conversation, Instant::now() + LONG).is_none());
    let (caller, conversation, end) = self::conversation();
    assert!(next(&conversation, Instant::now()).is_none());
    socket::send_packet(&caller, &question(b"joe@here.test"), None).unwrap();
    drop(end);
    assert!(next(&conversation, Instant::now() + LONG).is_none(), "the service ends");
}
