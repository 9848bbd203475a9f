//! STARTTLS before anybody has taken the handshake: a client is told to begin only when somebody is there for it.

#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

mod support;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};

use stafett_sys::poll::{Interest, wait};
use stafett_sys::socket::{self, Style};
use stafett_wire::netstring::{all, push};
use support::{Client, Instance, Mood, variables};

/// A stafett-tls that receives one handoff and answers with these words, or hangs up.
fn tls(instance: &Instance, answer: Option<[&'static str; 3]>) {
    fs::create_dir_all(instance.path("run/tls")).unwrap();
    let listener = socket::listen(&instance.path("run/tls/socket"), Style::Packets, 4).unwrap();
    std::thread::spawn(move || {
        let readable = |descriptor: &OwnedFd| wait(&[(descriptor.as_fd(), Interest::Read)], None).unwrap();
        readable(&listener);
        let caller = socket::accept(&listener).unwrap().unwrap();
        readable(&caller);
        let mut buffer = [0; 1024];
        let packet = socket::receive_packet(&caller, &mut buffer).unwrap();
        assert!(packet.descriptor.is_some());
        // the tag, and the client, whose next connection the same child may serve
        assert_eq!(all(&buffer[..packet.length], 4).unwrap(), [&b"1"[..], b"192.0.2.7"]);
        let Some(words) = answer else { return };
        let mut out = Vec::new();
        words.iter().for_each(|word| push(&mut out, word.as_bytes()));
        socket::send_packet(&caller, &out, None).unwrap();
        // one that was refused must not be waited for
        readable(&caller);
    });
}

fn greeted(instance: &Instance) -> Client {
    instance.control("rcpthosts", "example.org\n");
    let mut client = instance.serve(&variables(&[("PROTO", "TCP"), ("TCPREMOTEIP", "192.0.2.7"), ("UCSPITLS", "")]));
    client.greeted();
    assert!(client.ask("EHLO client.example").starts_with("250 "));
    client
}

#[test]
fn a_service_that_refuses_or_hangs_up_is_told_before_the_client_begins() {
    let refusals = [Some(["Z", "1", "unable to fork: out of memory"]), None];
    for answer in refusals {
        let instance = Instance::new(Mood::Accept);
        tls(&instance, answer);
        let mut client = greeted(&instance);
        assert_eq!(client.ask("STARTTLS"), "454 4.7.0 TLS is not available for now");
        // the session goes on in the clear
        assert_eq!(client.ask("MAIL FROM:<a@example.net>"), "250 2.1.0 ok");
        assert!(client.ask("QUIT").starts_with("221 "));
        let (_, log) = client.end();
        assert!(log.contains("stafett-tls does not take a client at "), "{log}");
        assert!(answer.is_none() || log.contains("unable to fork: out of memory"), "{log}");
    }
}

#[test]
fn a_client_begins_when_somebody_is_there() {
    let instance = Instance::new(Mood::Accept);
    tls(&instance, Some(["S", "1", "4711"]));
    let mut client = greeted(&instance);
    assert_eq!(client.ask("STARTTLS"), "220 2.0.0 ready for TLS");
}
