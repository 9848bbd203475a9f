//! What send is told.

use crate::common::{MESSAGE, Site, envelope, wait_until};
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{self, Style};
use stafett_wire::arrival::Arrival;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Duration;

/// Stands for send.
struct Send {
    listener: OwnedFd,
    caller: Option<OwnedFd>,
}

impl Send {
    fn new(site: &Site) -> Send {
        Send { listener: socket::listen(&site.path("run/send/socket"), Style::Packets, 10).unwrap(), caller: None }
    }

    fn hear(&mut self) -> Vec<u8> {
        if self.caller.is_none() {
            wait_until("queued calls", || {
                self.caller = socket::accept(&self.listener).unwrap();
                self.caller.is_some()
            });
        }
        let caller = self.caller.as_ref().unwrap();
        let (ready, _) = poll::wait_two((caller.as_fd(), Interest::Read), None, Some(Duration::from_secs(20))).unwrap();
        assert!(ready.any(), "nothing was told");
        let mut buffer = vec![0; 100_000];
        let packet = socket::receive_packet(caller, &mut buffer).unwrap();
        buffer.truncate(packet.length);
        buffer
    }
}

#[test]
fn send_is_told_each_message_with_its_envelope() {
    let site = Site::started();
    let mut send = Send::new(&site);
    let id = site.call().inject(&envelope(), MESSAGE);
    let heard = send.hear();
    let Ok(Arrival::Message { id: told, size, envelope }) = Arrival::parse(&heard) else { panic!("{heard:?}") };
    assert_eq!((told.to_string(), size), (id.clone(), MESSAGE.len() as u64));
    let mut on_disk = Vec::new();
    site.entry(&id, MESSAGE.len()).envelope.write(&mut on_disk);
    assert_eq!(envelope, on_disk);
}

#[test]
fn a_send_that_was_away_is_told_to_look() {
    let site = Site::started();
    site.call().inject(&envelope(), MESSAGE);
    let mut send = Send::new(&site);
    assert_eq!(send.hear(), b"S");
    site.call().inject(&envelope(), MESSAGE);
    assert!(matches!(Arrival::parse(&send.hear()), Ok(Arrival::Message { .. })));
    drop(send);
    site.call().inject(&envelope(), MESSAGE);
    let mut send = Send::new(&site);
    assert_eq!(send.hear(), b"S");
}

#[test]
fn a_send_that_does_not_listen_holds_nobody_up() {
    let site = Site::started();
    let mut send = Send::new(&site);
    let mut caller = site.call();
    let many: Vec<_> = (0..1500).map(|_| caller.inject(&envelope(), b"")).collect();
    assert_eq!(site.names("new").len(), many.len());
    let mut told = 0;
    while let Arrival::Message { .. } = Arrival::parse(&send.hear()).unwrap() {
        told += 1;
    }
    assert!(told < many.len(), "all were told, so the line was never full");
}

#[test]
fn an_envelope_that_is_too_large_to_tell_is_to_be_read() {
    let site = Site::started();
    let mut send = Send::new(&site);
    let large = [&b"from s\n"[..], &b"to someone@example.net\n".repeat(3500)].concat();
    let mut caller = site.call();
    for piece in large.chunks(60_000) {
        caller.say(&[&crate::common::letter(b'E', piece)]);
    }
    caller.say(&[b"."]);
    assert!(matches!(caller.hear(), Some(stafett_wire::injector::Answer::Accepted(_))));
    assert_eq!(send.hear(), b"S");
}
