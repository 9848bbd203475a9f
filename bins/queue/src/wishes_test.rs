use super::Wishes;
use stafett_envelope::{Envelope, Recipient, Ret};

fn parse(notify: &str, ret: &str, envid: &str) -> Option<Wishes> {
    let some = |text: &str| Some(text.to_owned()).filter(|text| !text.is_empty());
    Wishes::parse(some(notify), None, some(ret), some(envid)).ok()
}

#[test]
fn the_original_recipient_is_named_as_in_smtp() {
    let orcpt = |name: &str| Wishes::parse(None, Some(name.to_owned()), None, None).ok();
    let mut envelope = Envelope { recipients: vec![Recipient::new("a@b")], ..Envelope::default() };
    orcpt("rfc822;a+2Bb@c").unwrap().apply(&mut envelope);
    assert_eq!(envelope.recipients[0].orcpt.as_deref(), Some("rfc822;a+2Bb@c"));
    for wrong in ["a@b", ";a@b", "rfc822;", "rf c;a@b", "rfc822;a=b", "utf-8;\u{e4}@b", &format!("rfc822;{}", "x".repeat(500))] {
        assert!(orcpt(wrong).is_none(), "{wrong}");
    }
}

#[test]
fn wishes_are_those_of_the_standard() {
    let mut envelope = Envelope { recipients: vec![Recipient::new("a@b"), Recipient::new("c@d")], ..Envelope::default() };
    parse("success,Delay", "hdrs", "a+2Bb").unwrap().apply(&mut envelope);
    assert!(envelope.recipients.iter().all(|one| one.notify.as_deref() == Some("SUCCESS,DELAY")));
    assert_eq!((envelope.ret, envelope.envid.as_deref()), (Some(Ret::Headers), Some("a+2Bb")));
    assert_eq!(parse("", "", ""), Some(Wishes::default()));
    for (notify, ret, envid) in [
        ("NEVER,DELAY", "", ""),
        ("SUCCESS,", "", ""),
        ("often", "", ""),
        ("SUCCESS\nto x@y", "", ""),
        ("", "BODY", ""),
        ("", "", "a b"),
        ("", "", "a=b"),
        ("", "", "a+b"),
        ("", "", "a+2b"),
        ("", "", "+"),
        ("", "", "\u{e4}"),
        ("", "", &"x".repeat(101)),
    ] {
        assert!(parse(notify, ret, envid).is_none(), "{notify} {ret} {envid}");
    }
}
