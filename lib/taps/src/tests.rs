//! Which mail is copied to whom.

use super::Taps;
use stafett_control::Control;
use stafett_envelope::{Envelope, Recipient};

fn taps(text: &str) -> Result<Taps, String> {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("taps"), text).unwrap();
    Taps::read(&Control::new(directory.path())).map_err(|error| error.to_string())
}

fn envelope(sender: &str, recipients: &[&str]) -> Envelope {
    let recipients = recipients.iter().map(|address| Recipient::new(*address)).collect();
    Envelope { sender: sender.to_owned(), recipients, ..Envelope::default() }
}

fn copies(text: &str, sender: &str, recipients: &[&str]) -> Vec<String> {
    let mut envelope = envelope(sender, recipients);
    taps(text).unwrap().apply(&mut envelope);
    envelope.recipients.into_iter().filter(|one| one.copy).map(|one| one.address).collect()
}

#[test]
fn each_kind_looks_at_its_own() {
    let file = "F:^boss@:from@log\nT:@example\\.org$:to@log\nA:eve:all@log\n";
    assert_eq!(copies(file, "boss@x", &["a@b"]), ["from@log"]);
    assert_eq!(copies(file, "x@boss", &["a@EXAMPLE.ORG", "b@c"]), ["to@log"]);
    assert_eq!(copies(file, "eve@x", &["a@b"]), ["all@log"]);
    assert_eq!(copies(file, "a@b", &["Eve@x"]), ["all@log"]);
    assert_eq!(copies(file, "", &["a@b"]), Vec::<String>::new());
    assert_eq!(copies("A:.*:log@localhost\n", "", &["a@b"]), ["log@localhost"]);
}

#[test]
fn a_copy_is_one_and_silent() {
    let taps = taps("A::log@localhost\nT:b:log@localhost\nT:log:second@localhost\n").unwrap();
    let mut mail = envelope("a@a", &["b@b", "b@c"]);
    taps.apply(&mut mail);
    assert_eq!(mail.recipients.len(), 3);
    assert!(mail.recipients[2].copy && !mail.recipients[2].notify_failure() && !mail.recipients[2].notify_success());
    taps.apply(&mut mail);
    assert_eq!(mail.recipients.len(), 3);
    let mut own = envelope("a@a", &["LOG@localhost"]);
    taps.apply(&mut own);
    assert_eq!(own.recipients[0].address, "LOG@localhost");
    assert!(!own.recipients[0].copy);
}

#[test]
fn an_address_in_utf8_is_the_affair_of_its_copy() {
    let mut mail = envelope("a@a", &["b@b"]);
    taps("A::kopié@log.example\n").unwrap().apply(&mut mail);
    assert_eq!((mail.recipients.len(), mail.smtputf8), (2, false));
}

#[test]
fn a_pattern_may_hold_colons() {
    assert_eq!(copies("T:(?:a|b)@c:log@x\n", "", &["b@c"]), ["log@x"]);
}

#[test]
fn slips_are_named() {
    for wrong in ["X:a:b@c", "A:b@c", "A:(:b@c", "A:a:b", "A:a:", "A:a:b@c d", "", "F"] {
        let line = format!("# first\n{wrong}\n");
        assert!(wrong.is_empty() || taps(&line).unwrap_err().contains("control/taps:2"), "{wrong}");
    }
    assert!(taps(&format!("A:{}:b@c\n", "x".repeat(300))).is_err());
    assert!(taps("A:((x{100}){100}){100}:b@c\n").is_err());
}
