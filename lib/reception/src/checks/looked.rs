//! What lists and the DNS say: control/dnsbllist, rhsbllist, reversedns and senderdomain.
//!
//! What it does: one question to stafett-dnsbl at the first recipient of a transaction asks for everything that is not known
//! of this client and sender yet; further recipients ask nothing. No DNS is parsed here.
//!
//! Security stance: a client that may send to anywhere is not looked up, but for its reverse name where reversedns says that
//! this concerns all. A service that does not answer, or answers what was not
//! asked, refuses for now, unless nothing but warnings hang on it.

use std::io;

use stafett_address::Mailbox;
use stafett_instance::Service;
use stafett_smtp::Reply;

use super::{Checked, Context};
use crate::policy::Transaction;
use crate::refusal::{Refusal, Subject};
use crate::services::Note;
use crate::settings::signs::{Demand, Reverse};

mod verdict;

use verdict::judge;

/// How much longer than its look-ups the service may take.
const BESIDE: std::time::Duration = std::time::Duration::from_secs(3);

/// The part about the reverse name of a client.
const REVERSE: &str = "reverse";

/// What is known so far.
#[derive(Debug, Default)]
pub struct Looked {
    /// Of the client's address: lists, reverse name.
    client: Option<Vec<Finding>>,
    /// Of the name in HELO, and which that was.
    helo: Option<(String, Vec<Finding>)>,
    /// Of the sender's domain, and which that was.
    sender: Option<(String, Vec<Finding>)>,
    /// The log knows that the service does not answer.
    has_complained: bool,
}

/// What the service says of one part.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Finding {
    part: String,
    verdict: u8,
    rule: String,
    text: String,
}

/// The parts that are to be asked for.
#[derive(Debug, Default)]
struct Wanted<'a> {
    client: Vec<&'static str>,
    helo: Vec<&'static str>,
    sender: Vec<&'static str>,
    helo_name: &'a str,
    domain: &'a str,
}

/// Refuses recipients of a listed client or sender.
///
/// # Errors
/// The refusal.
pub fn recipient(context: &mut Context<'_, '_>, transaction: &mut Transaction, recipient: &Mailbox) -> Checked {
    let (is_trusted, signs) = (context.policy.is_trusted(context.session), &context.policy.settings.signs);
    if !signs.need_looks() || is_trusted && !(signs.reverse_of_all && signs.reverse != Reverse::None) {
        return Ok(());
    }
    let refusal = |reply, rule: String| Refusal::new(reply, rule, Subject::to(&recipient.to_string()));
    let domain = transaction.envelope.sender.rsplit_once('@').map_or("", |(_, domain)| domain);
    let helo = context.session.greeted.as_ref().map(|greeted| greeted.name.clone()).unwrap_or_default();
    let wanted = if is_trusted { reverse_alone(context) } else { wanted(context, &helo, domain) };
    if !wanted.is_empty()
        && let Err(error) = ask(context, &wanted)
    {
        complain(context, &error);
        if let Some(rule) = wanted.demanding(context) {
            return Err(refusal(Reply::new(451, (4, 3, 0), "the look-ups that are needed cannot be made, try again later"), rule));
        }
    }
    for finding in context.session.looked.of(&helo, domain).filter(|finding| !is_trusted || finding.part == REVERSE) {
        match judge(finding, &context.policy.settings.signs) {
            Some((reply, rule)) => return Err(refusal(reply, rule)),
            None => context.services.note(&Note { check: verdict::check(finding), rule: &finding.rule, text: &finding.text }),
        }
    }
    Ok(())
}

impl Looked {
    /// What is known of the client, of this name in HELO, and of this domain.
    fn of(&self, helo: &str, domain: &str) -> impl Iterator<Item = &Finding> {
        self.client.iter().flatten().chain(kept(&self.helo, helo)).chain(kept(&self.sender, domain))
    }
}

/// What is kept under this name.
fn kept<'a>(known: &'a Option<(String, Vec<Finding>)>, name: &str) -> &'a [Finding] {
    known.as_ref().filter(|(known, _)| known == name).map_or(&[], |(_, findings)| findings)
}

/// The one thing that is asked of a client that may send to anywhere.
fn reverse_alone<'a>(context: &Context<'_, '_>) -> Wanted<'a> {
    let is_known = context.session.looked.client.is_some() || context.policy.client.ip.is_none();
    Wanted { client: if is_known { Vec::new() } else { vec![REVERSE] }, ..Wanted::default() }
}

/// What must be asked for, and is not known yet.
fn wanted<'a>(context: &Context<'_, '_>, helo_name: &'a str, domain: &'a str) -> Wanted<'a> {
    let (signs, looked) = (&context.policy.settings.signs, &context.session.looked);
    let mut wanted = Wanted { helo_name, domain, ..Wanted::default() };
    let has_lists = !context.policy.client.is_unlisted;
    let knows = |known: &Option<(String, Vec<Finding>)>, name: &str| known.as_ref().is_some_and(|(known, _)| known == name);
    if looked.client.is_none() && context.policy.client.ip.is_some() {
        wanted.client.extend((signs.has_lists && has_lists).then_some("client"));
        wanted.client.extend((signs.reverse != Reverse::None).then_some(REVERSE));
    }
    if !knows(&looked.helo, helo_name) {
        wanted.helo.extend((signs.has_domain_lists && has_lists).then_some("helo"));
    }
    if !domain.is_empty() && !knows(&looked.sender, domain) {
        wanted.sender.extend((signs.has_domain_lists && has_lists).then_some("sender"));
        wanted.sender.extend((signs.sender_domain != Demand::None).then_some("domain"));
    }
    wanted
}

impl Wanted<'_> {
    fn parts(&self) -> impl Iterator<Item = &'static str> + '_ {
        [&self.client, &self.helo, &self.sender].into_iter().flatten().copied()
    }

    fn is_empty(&self) -> bool {
        self.parts().next().is_none()
    }

    /// The control file that demands an answer; nothing when there are only warnings.
    fn demanding(&self, context: &Context<'_, '_>) -> Option<String> {
        let signs = &context.policy.settings.signs;
        let file = self.parts().find_map(|part| match part {
            "client" => Some("control/dnsbllist"),
            "helo" | "sender" => Some("control/rhsbllist"),
            "reverse" if signs.reverse != Reverse::Warn => Some("control/reversedns"),
            "domain" if signs.sender_domain != Demand::Warn => Some("control/senderdomain"),
            _ => None,
        });
        file.map(str::to_owned)
    }
}

/// Asks, and keeps what is answered.
fn ask(context: &mut Context<'_, '_>, wanted: &Wanted<'_>) -> io::Result<()> {
    let ip = context.policy.client.ip.map(|ip| ip.to_canonical().to_string()).unwrap_or_default();
    let mut question: Vec<&[u8]> = vec![b"look", ip.as_bytes(), wanted.helo_name.as_bytes(), wanted.domain.as_bytes()];
    question.extend(wanted.parts().map(|part| part.as_bytes()));
    let within = context.policy.settings.signs.look_within + BESIDE;
    let mut found = verdict::read(&context.services.ask(Service::Dnsbl, &question, None, within)?, wanted.parts())?;
    let signs = &context.policy.settings.signs;
    found.iter().filter_map(|finding| verdict::warning(finding, signs)).for_each(|text| context.services.warn(&text));
    let mut take = |parts: &[&str]| {
        let (taken, rest) = std::mem::take(&mut found).into_iter().partition(|finding| parts.contains(&finding.part.as_str()));
        found = rest;
        taken
    };
    let looked = &mut context.session.looked;
    if !wanted.client.is_empty() {
        looked.client = Some(take(&wanted.client));
    }
    if !wanted.helo.is_empty() {
        looked.helo = Some((wanted.helo_name.to_owned(), take(&wanted.helo)));
    }
    if !wanted.sender.is_empty() {
        looked.sender = Some((wanted.domain.to_owned(), take(&wanted.sender)));
    }
    Ok(())
}

fn complain(context: &mut Context<'_, '_>, error: &io::Error) {
    if !std::mem::replace(&mut context.session.looked.has_complained, true) {
        context.services.complain(&format!("unable to ask stafett-dnsbl: {error}"));
    }
}

fn malformed(what: &str) -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, format!("an answer {what}"))
}

#[cfg(test)]
#[path = "looked_test.rs"]
mod looked_test;
