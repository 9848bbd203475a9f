use super::{envelope, text_of};
use crate::recipient::tests::delivery;
use stafett_envelope::{Envelope, Recipient};
use std::path::Path;

#[test]
fn a_message_that_needs_tls_needs_it_after_a_forward_too() {
    for require_tls in [true, false] {
        let before = Envelope { sender: "a@from.test".to_owned(), require_tls, ..Envelope::default() };
        for sender in ["a@from.test", "joe-owner@here.test"] {
            let after = envelope(&delivery(before.clone(), Path::new("/"), ""), sender, &[b"b@to.test"]).unwrap();
            assert_eq!(after.require_tls, require_tls, "{sender}");
        }
    }
}

#[test]
fn success_is_told_of_once() {
    let orcpt = Some("rfc822;joe@here.test".to_owned());
    for (asked, onward) in [("SUCCESS,FAILURE", "FAILURE"), ("success", "NEVER"), ("NEVER", "NEVER"), ("DELAY", "DELAY")] {
        let joe = Recipient { notify: Some(asked.to_owned()), orcpt: orcpt.clone(), ..Recipient::new("joe@here.test") };
        let before = Envelope { sender: "a@from.test".to_owned(), recipients: vec![joe], ..Envelope::default() };
        let after = envelope(&delivery(before, Path::new("/"), ""), "a@from.test", &[b"b@to.test"]).unwrap();
        let found: Vec<_> = after.recipients.iter().map(|one| (one.notify.as_deref(), &one.orcpt)).collect();
        assert_eq!(found, [(Some(onward), &orcpt)], "{asked}");
    }
}

#[test]
fn a_forward_gets_the_quotes_that_smtp_needs() {
    let before = Envelope { sender: "a@from.test".to_owned(), ..Envelope::default() };
    let after = envelope(&delivery(before, Path::new("/"), ""), "my list-owner@here.test", &[b"joe doe@to.test", b"bob"]).unwrap();
    let addresses: Vec<&str> = after.recipients.iter().map(|one| one.address.as_str()).collect();
    assert_eq!((after.sender.as_str(), addresses), ("\"my list-owner\"@here.test", vec!["\"joe doe\"@to.test", "bob"]));
}

#[test]
fn a_line_that_can_only_be_a_mistake_is_no_address() {
    for line in [
        "",
        " ./Maildir/",
        "~/Maildir/",
        "Maildir/",
        "<a@b.test>",
        " a@b.test",
        "a@b.test (A B)",
        "A B <a@b.test>",
        "a@b.test, c@d.test",
        "a@b.test\0",
    ] {
        assert!(text_of(line.as_bytes()).is_err(), "{line}");
    }
    for line in [
        "a@b.test",
        "a",
        "joe doe@b.test",
        "a/b/@b.test",
        "a@b@c.test",
        "a@[192.0.2.1]",
        "a@[IPv6:2001:db8::1]",
        "j\u{f6}rg@m\u{fc}ller.test",
        "a@",
        "a<b>@c.test",
        "\"a@b, c\"@d.test",
        "a b@c.test",
    ] {
        assert_eq!(text_of(line.as_bytes()), Ok(line));
    }
}
