//! The way to a child of stafett-tls: it is kept for the client's next connection, and not a moment longer than it is good.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod support;

use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use stafett_sys::poll::{Interest, wait};
use stafett_sys::socket::{self, Style};
use stafett_wire::netstring::push;
use support::resident::Resident;

const CLIENT: [&str; 3] = ["PROTO=TCP", "TCPREMOTEIP=192.0.2.7", "UCSPITLS="];

/// What a child does after a connection.
#[derive(Clone, Copy)]
enum Then {
    /// It says that it is ready.
    Ready,
    /// It says nothing.
    Silent,
    /// It says that it is ready, and is not.
    LastWord,
}

#[derive(Clone, Default)]
struct Seen {
    handoffs: Arc<AtomicUsize>,
    /// Children that have ended.
    ended: Arc<AtomicUsize>,
}

/// A stafett-tls that hands a client's connection back as its plain text.
fn tls(resident: &Resident, then: Then) -> Seen {
    let directory = resident.instance.path("run/tls");
    fs::create_dir_all(&directory).unwrap();
    let listener = socket::listen(&directory.join("socket"), Style::Packets, 64).unwrap();
    let seen = Seen::default();
    let Seen { handoffs, ended } = seen.clone();
    std::thread::spawn(move || {
        loop {
            let caller = loop {
                readable(&listener);
                if let Some(caller) = socket::accept(&listener).unwrap() {
                    break caller;
                }
            };
            let link = descriptor(&caller).unwrap();
            handoffs.fetch_add(1, Ordering::SeqCst);
            socket::send_packet(&caller, b"1:S,1:1,4:4711,", None).unwrap();
            let ended = Arc::clone(&ended);
            std::thread::spawn(move || {
                child(&link, then);
                drop(link);
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
    });
    seen
}

fn child(link: &OwnedFd, then: Then) {
    while let Some(client) = descriptor(link) {
        let mut packet = Vec::new();
        [&b"K"[..], b"SSL_PROTOCOL=TLSv1.3"].iter().for_each(|field| push(&mut packet, field));
        socket::send_packet(link, &packet, Some(client.as_fd())).unwrap();
        match then {
            Then::Silent => {}
            Then::Ready => drop(socket::send_packet(link, b"5:ready,", None)),
            Then::LastWord => return drop(socket::send_packet(link, b"5:ready,", None)),
        }
    }
}

fn readable(descriptor: &OwnedFd) {
    wait(&[(descriptor.as_fd(), Interest::Read)], None).unwrap();
}

fn descriptor(socket: &OwnedFd) -> Option<OwnedFd> {
    readable(socket);
    socket::receive_packet(socket, &mut [0; 1024]).ok()?.descriptor
}

/// One connection from the greeting to the end, under what passes for TLS.
fn converse(resident: &mut Resident) {
    let mut client = resident.connect(&CLIENT);
    client.greeted();
    assert_eq!(client.ask("STARTTLS"), "220 2.0.0 ready for TLS");
    assert!(client.ask("EHLO client.example").starts_with("250 "));
    assert!(client.ask("QUIT").starts_with("221 "));
    resident.ended();
}

#[test]
fn a_child_that_is_ready_takes_the_next_connection_without_a_handoff() {
    let mut resident = Resident::start();
    let seen = tls(&resident, Then::Ready);
    // a link is old after a second, which a loaded machine may need for a connection
    let spared = (1..=100).any(|connections| {
        converse(&mut resident);
        seen.handoffs.load(Ordering::SeqCst) < connections
    });
    assert!(spared, "{}", resident.log());
}

#[test]
fn a_child_that_is_not_ready_or_gone_is_not_waited_for() {
    for then in [Then::Silent, Then::LastWord] {
        let mut resident = Resident::start();
        let seen = tls(&resident, then);
        for connections in 1..=3 {
            converse(&mut resident);
            assert_eq!(seen.handoffs.load(Ordering::SeqCst), connections, "{}", resident.log());
            let deadline = Instant::now() + Duration::from_secs(30);
            while matches!(then, Then::LastWord) && seen.ended.load(Ordering::SeqCst) < connections {
                assert!(Instant::now() < deadline, "a child does not end");
                std::thread::sleep(Duration::from_millis(2));
            }
        }
    }
}
