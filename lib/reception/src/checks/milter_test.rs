//! What answers about a message change, and those that are refused.

use super::{apply, at_connection, judged};
use crate::draft::Draft;
use crate::refusal::Subject;
use proptest::prelude::*;
use stafett_ask::{Answer, Verdict};
use stafett_envelope::{Envelope, Recipient};
use std::io::Write;

fn draft(directory: &tempfile::TempDir) -> Draft {
    let recipients = vec![Recipient::new("a@b.example"), Recipient::new("c@d.example")];
    let envelope = Envelope { sender: "s@example.org".to_owned(), recipients, ..Envelope::default() };
    let mut draft = Draft::new(directory.path(), envelope).unwrap();
    draft.write(b"A: b\r\n\r\nbody\r\n").unwrap();
    draft.flush().unwrap();
    draft
}

fn answer(fields: &[&str]) -> Answer {
    fields.iter().fold(Answer::new(Verdict::Ok, ""), |answer, field| answer.with(*field))
}

fn after(fields: &[&str]) -> Result<(Envelope, String, Option<String>), String> {
    let directory = tempfile::tempdir().unwrap();
    let mut draft = draft(&directory);
    let mut body = tempfile::tempfile().unwrap();
    body.write_all(b"new\r\n").unwrap();
    apply(&mut draft, &answer(fields), Some(body))?;
    let mut text = Vec::new();
    draft.read(|bytes| text.extend_from_slice(bytes)).unwrap();
    Ok((draft.envelope, String::from_utf8(text).unwrap(), draft.discarded.map(|discarded| discarded.rule)))
}

fn recipients(envelope: &Envelope) -> Vec<&str> {
    envelope.recipients.iter().map(|recipient| recipient.address.as_str()).collect()
}

#[test]
fn everything_that_can_be_wanted_is_done() {
    let fields = ["Fn@example.net", "Anew@E.example", "Adsn@e.example\0NOTIFY=NEVER", "RA@B.example", "P0 0:X: 1\r\n", "P0 6:", "B8"];
    let (envelope, text, discarded) = after(&fields).unwrap();
    assert_eq!(envelope.sender, "n@example.net");
    assert_eq!(recipients(&envelope), ["c@d.example", "new@e.example", "dsn@e.example"]);
    assert_eq!(envelope.recipients[2].notify.as_deref(), Some("NEVER"));
    assert_eq!(text, "X: 1\r\n\r\nnew\r\n");
    assert_eq!(discarded, None);
}

#[test]
fn messages_are_held_and_discarded() {
    let (envelope, ..) = after(&["Qcontrol/milters:2 looks\nodd"]).unwrap();
    assert_eq!(envelope.hold.as_deref(), Some("control/milters:2 looksodd"));
    assert_eq!(after(&["Xcontrol/milters:3"]).unwrap().2.as_deref(), Some("control/milters:3"));
    // a rule that is none of ours is not repeated
    assert_eq!(after(&["Xfoo bar"]).unwrap().2.as_deref(), Some("control/milters"));
    let (envelope, _, discarded) = after(&["Ra@b.example", "Rc@d.example"]).unwrap();
    assert_eq!(discarded.as_deref(), Some("control/milters"));
    assert_eq!(recipients(&envelope).len(), 2, "the log names them");
}

#[test]
fn an_empty_sender_is_one() {
    assert_eq!(after(&["F"]).unwrap().0.sender, "");
}

#[test]
fn what_cannot_be_done_refuses_the_message() {
    let wrong =
        ["", "?", "Fnodomain", "Fa@b> SIZE=1", "Anodomain", "Aa@b\nc", "A", "P", "P0:", "P9 1:x", "P0 99:x", "P-1 0:x", "Bx", "B99"];
    for field in wrong {
        assert!(after(&[field]).is_err(), "{field:?}");
    }
    assert!(after(&["P0 9:x", "B8"]).is_err());
    let directory = tempfile::tempdir().unwrap();
    assert!(apply(&mut draft(&directory), &answer(&["B8"]), None).is_err());
}

#[test]
fn refusals_keep_their_class_and_lines() {
    let refusal = |verdict, text: &str, rule: &str| *judged(&Answer::new(verdict, text).with(rule), Subject::default()).unwrap_err();
    let one = refusal(Verdict::Permanent, "550 5.7.1 no\nmore", "control/milters:1");
    assert_eq!((one.reply.one_line().as_str(), &*one.rule), ("550 5.7.1 no/more", "control/milters:1"));
    let odd = refusal(Verdict::Permanent, "250 2.0.0 fine", "elsewhere");
    assert_eq!((odd.reply.code(), &*odd.rule), (451, "control/milters"));
    let early = at_connection(Box::new(refusal(Verdict::Temporary, "451 4.7.1 later", "")));
    assert_eq!(early.reply.one_line(), "421 4.7.1 later");
    let never = at_connection(Box::new(refusal(Verdict::Permanent, "550 5.7.1 no", "")));
    assert_eq!(never.reply.one_line(), "554 5.7.1 no");
}

proptest! {
    #[test]
    fn no_answer_harms(fields in prop::collection::vec("[XQFARPB?][ -~\0:0-9]{0,12}", 0..5)) {
        let _ = after(&fields.iter().map(String::as_str).collect::<Vec<_>>());
    }
}
