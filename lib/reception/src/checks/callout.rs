//! control/callout: is the recipient there? The next host is asked, by way of stafett-callout.
//!
//! The last check, because it may wait for another host; clients with RELAYCLIENT are not judged by it.
//! How it fails: without an answer the client is put off; whether a recipient that was there before stays valid then is the
//! service's judgement.

use std::time::Duration;

use stafett_address::Mailbox;
use stafett_ask::Verdict;
use stafett_control::form::callout::Callout;
use stafett_control::{Control, Error, rows};
use stafett_instance::Service;
use stafett_route::DomainMap;
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::refusal::{Refusal, Subject};
use crate::services::Note;
use crate::settings::fault;

/// What the service may take beyond the time that the file gives it.
const GRACE: Duration = Duration::from_secs(5);

/// The lines, each with its number.
#[derive(Debug, Default)]
pub struct Rules(DomainMap<(usize, Callout)>);

impl Rules {
    /// Reads the file.
    ///
    /// # Errors
    /// When a line does not parse.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let mut rules = DomainMap::default();
        for item in control.map(&rows::CALLOUT)?.unwrap_or_default() {
            let (domain, value) = &item.value;
            let callout = Callout::parse(value).map_err(|reason| fault(rows::CALLOUT.name, item.line, value, reason))?;
            rules.insert(domain, (item.line, callout));
        }
        Ok(Rules(rules))
    }
}

/// Refuses whom the next host refuses.
pub fn check(context: &mut Context<'_, '_>, recipient: &Mailbox) -> Checked {
    let policy = context.policy;
    let domain = recipient.domain().to_string();
    let Some((line, callout)) = policy.settings.callout.0.look_up(&domain).filter(|(_, callout)| callout.on) else { return Ok(()) };
    if policy.is_trusted(context.session) {
        return Ok(());
    }
    let rule = format!("control/callout:{line}");
    let address = recipient.to_string();
    if context.services.explains() {
        context.services.note(&Note { check: "callout", rule: &rule, text: "the next host would be asked; here it is not" });
        return Ok(());
    }
    let question: [&[u8]; 2] = [b"recipient", address.as_bytes()];
    let reply = match context.services.ask(Service::Callout, &question, None, callout.wait + GRACE) {
        Ok(answer) if answer.verdict == Verdict::Ok => {
            let source = answer.field(0).unwrap_or_default();
            context.services.note(&Note { check: "callout", rule: &rule, text: &source });
            return Ok(());
        }
        Ok(answer) => Reply::from_text(&answer.text),
        Err(error) => {
            context.services.complain(&format!("unable to ask stafett-callout: {error}"));
            Reply::new(451, (4, 3, 0), "unable to verify that recipient, try again later")
        }
    };
    Err(Refusal::new(reply, rule, Subject::to(&address)))
}
