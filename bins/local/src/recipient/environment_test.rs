use super::{Variables, from_line, hosts, wishes};
use crate::recipient::tests::delivery;
use stafett_envelope::{Envelope, Recipient, Ret};
use std::path::Path;
use std::time::{Duration, UNIX_EPOCH};

#[test]
fn the_line_between_messages_is_that_of_mbox() {
    let time = UNIX_EPOCH + Duration::from_secs(1_764_709_600);
    assert_eq!(from_line("a b@c", time), "From a-b@c Tue Dec  2 21:06:40 2025\n");
    assert_eq!(from_line("", UNIX_EPOCH), "From MAILER-DAEMON Thu Jan  1 00:00:00 1970\n");
}

#[test]
fn addresses_have_no_quotes_but_in_the_line_of_a_header() {
    let delivery = delivery(Envelope { sender: "\"a b\"@from.test".to_owned(), ..Envelope::default() }, Path::new("/"), "");
    let variables = Variables::new(&delivery, "\"my list-\"@here.test-@[]", None);
    let value = |wanted: &str| variables.iter().find(|(name, _)| *name == wanted).map(|(_, value)| value.as_str()).unwrap();
    assert_eq!((value("SENDER"), value("NEWSENDER")), ("a b@from.test", "my list-@here.test-@[]"));
    assert_eq!(value("RPLINE"), "Return-Path: <\"a b\"@from.test>\n");
    assert!(value("UFLINE").starts_with("From a-b@from.test "), "{}", value("UFLINE"));
}

#[test]
fn what_the_sender_asked_for_is_told_where_it_was_said() {
    let asked = Recipient { notify: Some("NEVER".to_owned()), orcpt: Some("rfc822;a@b".to_owned()), ..Recipient::default() };
    let (ret, envid, recipients) = (Some(Ret::Headers), Some("X+2B1".to_owned()), vec![asked]);
    let envelope = Envelope { ret, envid, recipients, require_tls: true, ..Envelope::default() };
    let told: Vec<_> = wishes(&envelope).map(|(name, value)| format!("{name}={value}")).collect();
    assert_eq!(told, ["NOTIFY=NEVER", "ORCPT=rfc822;a@b", "RET=HDRS", "ENVID=X+2B1", "REQUIRETLS=yes"]);
    assert_eq!(wishes(&Envelope { recipients: vec![Recipient::default()], ..Envelope::default() }).count(), 0);
}

#[test]
fn hosts_lose_their_end() {
    assert_eq!(hosts("a.b.c"), ["a.b", "a", "a"]);
}
