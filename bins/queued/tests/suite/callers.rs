//! Who may say what.

use crate::common::{MESSAGE, Site, is_root, letter, text};
use stafett_envelope::{Envelope, Head, Recipient};
use stafett_sys::user::Uid;
use stafett_wire::injector::Answer;

fn with_origin() -> Vec<u8> {
    text(&Envelope {
        sender: "s@example.org".into(),
        origin: "smtp 192.0.2.1 helo.example".into(),
        uid: Some(7),
        head: vec![Head::WithId("Received: from x by y id ".into(), "; now".into()), Head::Line("\tmore".into())],
        recipients: vec![Recipient::new("a@example.net")],
        ..Envelope::default()
    })
}

#[test]
fn what_a_stranger_says_about_itself_is_replaced() {
    if !is_root() {
        return; // Every process of an ordinary user's instance is the same user.
    }
    let site = Site::started();
    let id = site.call().inject(&with_origin(), MESSAGE);
    let envelope = site.entry(&id, MESSAGE.len()).envelope;
    assert_eq!((envelope.uid, envelope.origin.as_str()), (Some(0), "local"));
    let [Head::Line(head)] = &envelope.head[..] else { panic!("{:?}", envelope.head) };
    assert!(head.starts_with(&format!("Received: by relay.example (stafett-queue, uid 0) id {id}; ")), "{head}");
}

#[test]
fn smtpd_says_where_a_message_comes_from() {
    let mut site = Site::new();
    site.give("run/smtpd", 0);
    site.start();
    let id = site.call().inject(&with_origin(), MESSAGE);
    let envelope = site.entry(&id, MESSAGE.len()).envelope;
    assert_eq!((envelope.uid, envelope.origin.as_str()), (Some(Uid::effective().0), "smtp 192.0.2.1 helo.example"));
    assert_eq!(envelope.head, [Head::Line(format!("Received: from x by y id {id}; now")), Head::Line("\tmore".into())]);
}

#[test]
fn one_user_cannot_take_all_connections() {
    if !is_root() {
        return;
    }
    let site = Site::started();
    let _idle: Vec<_> = (0..50)
        .map(|_| {
            let mut caller = site.call();
            caller.say(&[b"R1"]);
            assert!(matches!(caller.hear(), Some(Answer::Accepted(_))));
            caller
        })
        .collect();
    let mut caller = site.call();
    caller.say(&[&letter(b'E', &with_origin())]);
    let answer = caller.hear();
    assert!(matches!(&answer, Some(Answer::Temporary(text)) if text.starts_with("451 4.3.2")), "{answer:?}");
    assert!(site.log().contains("user 0 has 50 connections"), "{}", site.log());
}
