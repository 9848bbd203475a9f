use super::{Bound, ROOM, variables};
use crate::{Envelope, Recipient, Ret};
use std::collections::HashMap;

fn recipient(address: &str, notify: Option<&str>, orcpt: Option<&str>) -> Recipient {
    Recipient { notify: notify.map(str::to_owned), orcpt: orcpt.map(str::to_owned), ..Recipient::new(address) }
}

fn wished() -> Envelope {
    Envelope {
        sender: "a+b@sender.test".into(),
        smtputf8: true,
        ret: Some(Ret::Headers),
        envid: Some("X+2B1".into()),
        recipients: vec![
            recipient("\"() { :;}; $(id)\"@x.test", Some("SUCCESS,DELAY"), Some("rfc822;a+2Bb@c")),
            recipient("plain@x.test", None, None),
            recipient("r\u{e4}v@x.test", Some("NEVER"), Some("utf-8;r\u{e4}v@x.test")),
        ],
        ..Envelope::default()
    }
}

fn of(envelope: &Envelope) -> Vec<(String, String)> {
    let (variables, left_out) = variables(envelope, ROOM, str::to_owned);
    assert_eq!(left_out, 0);
    variables
}

fn read(variables: Vec<(String, String)>) -> Result<Option<Bound>, String> {
    let variables: HashMap<_, _> = variables.into_iter().collect();
    Bound::read(|name| variables.get(name).cloned())
}

/// The envelope as qmail-queue's protocol brings it.
fn bare(envelope: &Envelope) -> Envelope {
    let recipients = envelope.recipients.iter().map(|one| Recipient::new(&*one.address)).collect();
    Envelope { sender: envelope.sender.clone(), recipients, ..Envelope::default() }
}

#[test]
fn every_wish_has_its_variable_and_no_address_means_anything_to_a_shell() {
    let shown: Vec<_> = of(&wished()).into_iter().map(|(name, value)| format!("{name}={value}")).collect();
    let wanted = [
        "DSNSENDER=a+2Bb@sender.test",
        "DSNRET=HDRS",
        "DSNENVID=X+2B1",
        "SMTPUTF8=1",
        "DSNRECIPIENT1=+22+28+29+20+7B+20+3A+3B+7D+3B+20+24+28id+29+22@x.test",
        "DSNNOTIFY1=SUCCESS,DELAY",
        "DSNORCPT1=rfc822;a+2Bb@c",
        "DSNRECIPIENT2=plain@x.test",
        "DSNRECIPIENT3=r+C3+A4v@x.test",
        "DSNNOTIFY3=NEVER",
        "DSNORCPT3=utf-8;r\\x{E4}v@x.test",
    ];
    assert_eq!(shown, wanted);
}

#[test]
fn they_come_back_for_the_same_sender_and_recipients() {
    let wished = wished();
    let bound = read(of(&wished)).unwrap().unwrap();
    let mut again = bare(&wished);
    again.recipients.reverse();
    again.recipients.push(Recipient::new("added@x.test"));
    assert!(bound.apply(&mut again) && again.smtputf8);
    assert_eq!(again.recipients[2], wished.recipients[0]);
    assert_eq!(again.recipients[1], wished.recipients[1]);
    assert_eq!(again.recipients[0].notify.as_deref(), Some("NEVER"));
    assert_eq!(again.recipients[0].orcpt.as_deref(), Some("utf-8;r\\x{E4}v@x.test"));
    assert_eq!(again.recipients[3], Recipient::new("added@x.test"));
}

#[test]
fn another_message_has_none_of_them() {
    let wished = wished();
    let bound = read(of(&wished)).unwrap().unwrap();
    let other_sender = Envelope { sender: String::new(), ..bare(&wished) };
    let other_recipients = Envelope { recipients: vec![Recipient::new("postmaster@x.test")], ..bare(&wished) };
    for other in [other_sender, other_recipients] {
        let mut after = other.clone();
        assert!(!bound.apply(&mut after));
        assert_eq!(after, other);
    }
}

#[test]
fn a_bounce_with_wishes_is_bound_to_the_empty_sender() {
    let bounce = Envelope { recipients: vec![recipient("a@x.test", Some("NEVER"), None)], ..Envelope::default() };
    let bound = read(of(&bounce)).unwrap().unwrap();
    let mut again = bare(&bounce);
    assert!(bound.apply(&mut again) && again == bounce);
    assert!(!bound.apply(&mut Envelope { sender: "b@x.test".into(), ..bare(&bounce) }));
}

#[test]
fn who_wished_nothing_has_no_variables() {
    assert_eq!(of(&bare(&wished())), Vec::new());
    let one = Envelope { recipients: vec![Recipient::new("a@b"), recipient("c@d", Some("NEVER"), None)], ..Envelope::default() };
    let names: Vec<_> = of(&one).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["DSNSENDER", "DSNRECIPIENT1", "DSNNOTIFY1"]);
    assert_eq!(read(vec![("DSNRET".into(), "HDRS".into())]), Ok(None), "they are bound to nobody");
}

#[test]
fn what_cannot_be_passed_on_is_left_out() {
    let long = format!("utf-8;{}@x.test", "\u{e4}".repeat(200));
    let odd = Envelope { recipients: vec![recipient("a@b", Some("OFTEN"), Some(&long))], ..Envelope::default() };
    let names: Vec<_> = of(&odd).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["DSNSENDER", "DSNRECIPIENT1"]);
}

#[test]
fn more_than_there_is_room_for_is_counted() {
    let orcpt = format!("rfc822;{}", "x".repeat(490));
    let recipients = (0..1000).map(|number| recipient(&format!("{number}@x.test"), Some("NEVER"), Some(&orcpt))).collect();
    let (variables, left_out) = variables(&Envelope { recipients, ..Envelope::default() }, ROOM, str::to_owned);
    let taken: usize = variables.iter().map(|(name, value)| name.len() + value.len()).sum();
    assert!(taken < ROOM && taken > ROOM / 2, "{taken}");
    assert_eq!(variables.iter().filter(|(name, _)| name.starts_with("DSNRECIPIENT")).count() + left_out, 1000);
}

#[test]
fn what_is_no_value_is_named() {
    for (name, value) in [
        ("DSNSENDER", "a+2"),
        ("DSNSENDER", "a+0A@b"),
        ("DSNSENDER", "+FF@b"),
        ("DSNRECIPIENT1", "a+\u{e4}"),
        ("DSNNOTIFY1", "often"),
        ("DSNORCPT1", "a@b"),
    ] {
        let mut variables = vec![("DSNRECIPIENT1".to_owned(), "a@b".to_owned())];
        variables.push((name.into(), value.into()));
        assert_eq!(read(variables), Err(name.to_owned()), "{value}");
    }
}
