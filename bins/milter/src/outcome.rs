//! The answer about a message: what the filters want of it, field by field. stafett-protocols(7) has the letters.

use crate::mail::Mail;
use crate::protocol::response::{Address, Change};
use stafett_ask::{Answer, Verdict};
use std::fs::File;

/// A message that is taken and thrown away.
pub fn discarded(rule: &str) -> Answer {
    Answer::new(Verdict::Ok, "").with(format!("X{rule}"))
}

/// Whether one of these changes holds the message.
pub fn holds(changes: &[Change]) -> bool {
    changes.iter().any(|change| matches!(change, Change::Quarantine(_)))
}

/// What has changed, and the new body if there is one.
pub fn changed(mail: &Mail, held_by: Option<&str>) -> (Answer, Option<File>) {
    let mut answer = Answer::new(Verdict::Ok, "");
    for change in &mail.envelope {
        answer = match change {
            Change::Sender(address) => answer.with(format!("F{}", address.address)),
            Change::AddRecipient(address) => answer.with(format!("A{}", with_parameters(address))),
            Change::RemoveRecipient(address) => answer.with(format!("R{}", address.address)),
            Change::Quarantine(reason) => answer.with(format!("Q{} {reason}", held_by.unwrap_or("control/milters"))),
            _ => answer,
        };
    }
    for patch in mail.header.patches() {
        let place = format!("P{} {}:", patch.range.start, patch.range.end);
        answer = answer.with([place.as_bytes(), &patch.with].concat());
    }
    match mail.new_body().map(|(file, from)| (file.try_clone(), from)) {
        None => (answer, None),
        Some((Ok(file), from)) => (answer.with(format!("B{from}")), Some(file)),
        Some((Err(error), _)) => (Answer::new(Verdict::Temporary, format!("451 4.3.0 unable to hand a new body over: {error}")), None),
    }
}

fn with_parameters(address: &Address) -> String {
    std::iter::once(&address.address).chain(&address.parameters).map(String::as_str).collect::<Vec<_>>().join("\0")
}
