use super::Signing;
use stafett_ask::{Answer, Desk, Question, Service, Verdict};
use stafett_control::Control;
use stafett_envelope::{Envelope, Head, Recipient};
use stafett_log::Log;
use std::fs::{self, File};
use std::io::Read;

const FROM: &str = "MAILER-DAEMON@relay.example";

fn control(files: &[(&str, &str)]) -> (tempfile::TempDir, Signing) {
    let directory = tempfile::tempdir().unwrap();
    files.iter().for_each(|(name, text)| fs::write(directory.path().join(name), text).unwrap());
    let signing = Signing::read(&Control::new(directory.path()), FROM).unwrap();
    (directory, signing)
}

fn bounce(to: &str) -> Envelope {
    Envelope { recipients: vec![Recipient::new(to)], ..Envelope::default() }
}

struct Oracle;

impl Service for Oracle {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, mut question: Question) {
        let mut message = String::new();
        if let Some(descriptor) = question.descriptor.take() {
            File::from(descriptor).read_to_string(&mut message).unwrap();
        }
        let answer = match (question.verb(), message.as_str(), question.text(1)) {
            ("sign", "message", _) => Answer::new(Verdict::Ok, "").with("DKIM-Signature: x").with("\tb=y"),
            ("reverse", "", Some("SRS0=ours@srs.example")) => Answer::new(Verdict::Ok, "").with("a@b.example"),
            _ => Answer::new(Verdict::Permanent, "was not made here"),
        };
        question.answer(&answer);
    }
}

#[test]
fn a_bounce_that_is_to_be_signed_waits_for_that() {
    for (lines, waits) in
        [("*relay.example::s\n", true), ("*:x.example:s\n", true), ("*:-\n", false), ("other.example::s\n", false), ("", false)]
    {
        let (directory, signing) = control(&[("dkimsign", lines), ("srsdomain", "srs.example\n")]);
        let applied = signing.apply(&directory.path().join("away"), &mut bounce("a@b.example"), b"message");
        assert_eq!(applied.is_err(), waits, "{lines}");
    }
    let (directory, signing) = control(&[("srsdomain", "srs.example\n")]);
    assert!(signing.apply(&directory.path().join("away"), &mut bounce("SRS0=ours@srs.example"), b"message").is_err());
}

#[test]
fn it_bears_its_signature_and_goes_home() {
    let (directory, signing) = control(&[("dkimsign", "relay.example::s\n"), ("srsdomain", "srs.example\n")]);
    let socket = directory.path().join("socket");
    let (ready, is_ready) = std::sync::mpsc::channel();
    let path = socket.clone();
    std::thread::spawn(move || {
        let desk = Desk::listen(Log::new("oracle"), &path, &[]).unwrap();
        ready.send(()).unwrap();
        desk.run(&mut Oracle)
    });
    is_ready.recv().unwrap();
    for (to, becomes) in
        [("srs0=OURS@SRS.example", "srs0=OURS@SRS.example"), ("SRS0=ours@srs.example", "a@b.example"), ("c@d.example", "c@d.example")]
    {
        let mut envelope = bounce(to);
        signing.apply(&socket, &mut envelope, b"message").unwrap();
        assert_eq!(envelope.recipients[0].address, becomes);
        assert_eq!(envelope.head, [Head::Line("DKIM-Signature: x".to_owned()), Head::Line("\tb=y".to_owned())]);
    }
}
