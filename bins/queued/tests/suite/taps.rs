//! Copies, and messages that are held from the start.

use crate::common::{MESSAGE, Site, is_root, text, wait_until};
use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::{Id, Place, Store};

fn mail(sender: &str, recipients: &[&str]) -> Envelope {
    let recipients = recipients.iter().map(|address| Recipient::new(*address)).collect();
    Envelope { sender: sender.into(), recipients, origin: "smtp 192.0.2.1 helo.example".into(), ..Envelope::default() }
}

fn copies(site: &Site, envelope: &Envelope) -> Vec<String> {
    let id = site.call().inject(&text(envelope), MESSAGE);
    let taken = site.entry(&id, MESSAGE.len()).envelope.recipients;
    assert!(taken.iter().filter(|one| one.copy).all(|one| one.notify.as_deref() == Some("NEVER")));
    taken.into_iter().filter(|one| one.copy).map(|one| one.address).collect()
}

#[test]
fn mail_is_copied_as_the_file_says_and_as_it_says_from_then_on() {
    let mut site = Site::new();
    site.control("taps", "A:.*:log@localhost\nF:^boss@:boss@log.example\nT:@example\\.org$:org@log.example");
    site.start();
    assert_eq!(copies(&site, &mail("x@y", &["a@example.net"])), ["log@localhost"]);
    assert_eq!(copies(&site, &mail("boss@y", &["A@EXAMPLE.ORG", "b@c"])), ["log@localhost", "boss@log.example", "org@log.example"]);
    assert_eq!(copies(&site, &mail("", &["log@localhost"])), Vec::<String>::new());
    site.control("taps", "F:(:broken@log.example");
    wait_until("the fault is told", || site.log().contains("control/taps:1: "));
    assert_eq!(copies(&site, &mail("x@y", &["a@example.net"])), ["log@localhost"]);
    std::fs::remove_file(site.path("control/taps")).unwrap();
    wait_until("nothing is copied", || copies(&site, &mail("x@y", &["a@example.net"])).is_empty());
}

#[test]
fn smtpd_may_have_a_message_held_and_others_may_not() {
    let mut site = Site::new();
    site.give("run/smtpd", 0);
    site.start();
    let held = Envelope { hold: Some("control/milters:1 looks\u{1b} odd".replace('\u{1b}', "")), ..mail("x@y", &["a@b"]) };
    let id = site.call().inject(&text(&held), MESSAGE);
    assert_eq!((site.names("new").len(), site.names("hold").len()), (0, 1));
    let line = format!("stafett-queued: hold msg {id}: control/milters:1 looks odd; qtool release {id} delivers it\n");
    wait_until("it is said", || site.log().contains(&line));
    let store = Store::open(&site.path("queue")).unwrap();
    let entry = store.read(Id::parse(&id).unwrap(), MESSAGE.len() as u64, Place::Held).unwrap().unwrap();
    assert_eq!(entry.envelope.hold, held.hold);

    if is_root() {
        let site = Site::started();
        let id = site.call().inject(&text(&held), MESSAGE);
        assert_eq!(site.entry(&id, MESSAGE.len()).envelope.hold, None);
    }
}
