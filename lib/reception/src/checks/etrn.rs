//! control/etrn: who may have the mail that waits here for a domain tried (ETRN, RFC 1985).
//!
//! Security stance: without a line for the domain that names the client nothing is asked. What is asked makes send try mail where
//! it goes anyway; the client gets none of it for its asking, and learns no more than how much waits.
//! How it fails: with the replies of RFC 1985 section 5; when send does not answer with 458.

use std::time::Duration;

use stafett_address::Domain;
use stafett_ask::Verdict;
use stafett_control::form::etrn::parse_askers;
use stafett_control::form::who::Who;
use stafett_control::{Control, Error, rows};
use stafett_instance::Service;
use stafett_route::DomainMap;
use stafett_smtp::Reply;

use super::Context;
use crate::policy::Policy;
use crate::refusal::{Refusal, Subject};
use crate::session::Session;
use crate::settings::fault;

/// How long send may take: it does not wait for disks or other hosts.
const PATIENCE: Duration = Duration::from_secs(10);

/// The lines, each with its number.
#[derive(Debug, Default)]
pub struct Rules {
    domains: DomainMap<(usize, Vec<Who>)>,
    /// Everybody whom a line names.
    all: Vec<Who>,
}

impl Rules {
    /// Reads the file.
    ///
    /// # Errors
    /// When a line does not parse.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let mut rules = Rules::default();
        for item in control.map(&rows::ETRN)?.unwrap_or_default() {
            let (domain, value) = &item.value;
            let askers = parse_askers(value).map_err(|reason| fault(rows::ETRN.name, item.line, value, reason))?;
            rules.all.extend(askers.iter().cloned());
            rules.domains.insert(domain, (item.line, askers));
        }
        Ok(rules)
    }

    /// Whether nobody may ask for anything.
    pub fn are_none(&self) -> bool {
        self.all.is_empty()
    }
}

/// Whether the client may ask for anything.
pub fn is_offered(policy: Policy<'_>, session: &Session) -> bool {
    let (rules, client) = (&policy.settings.etrn, policy.who(session));
    rules.all.iter().any(|who| who.is(&client))
}

/// Has the mail of a domain tried; the reply.
///
/// # Errors
/// The refusal.
pub fn start(context: &mut Context<'_, '_>, node: &str) -> Result<Reply, Box<Refusal>> {
    let name = match name_of(node) {
        Ok(name) => name,
        Err(reply) => return Ok(reply),
    };
    may_ask(context.policy, context.session, node, &name)?;
    let (at, client) = (if node.starts_with('@') { "@" } else { "" }, context.policy.client.ip);
    let client = client.map_or_else(|| "here".to_owned(), |ip| ip.to_string());
    let asked = format!("{at}{name}");
    let question: [&[u8]; 3] = [b"etrn", asked.as_bytes(), client.as_bytes()];
    match context.services.ask(Service::Etrn, &question, None, PATIENCE) {
        Ok(answer) if answer.verdict == Verdict::Ok => Ok(started(&answer.field(0).unwrap_or_default(), answer.field(1), &asked)),
        Ok(_) => Ok(Reply::new(458, (4, 3, 2), format!("unable to queue messages for node {asked} now"))),
        Err(error) => {
            context.services.complain(&format!("unable to ask stafett-send for ETRN at run/etrn: {error}"));
            Ok(Reply::new(458, (4, 3, 0), format!("unable to queue messages for node {asked}")))
        }
    }
}

/// The domain of a node name.
fn name_of(node: &str) -> Result<String, Reply> {
    if node.starts_with('#') {
        return Err(Reply::new(504, (5, 5, 4), "queues have no names here"));
    }
    let domain = Domain::parse(node.strip_prefix('@').unwrap_or(node)).ok();
    let name = domain.as_ref().and_then(Domain::as_name).map(str::to_owned);
    name.ok_or_else(|| Reply::new(501, (5, 5, 4), "syntax: ETRN domain"))
}

fn may_ask(policy: Policy<'_>, session: &Session, node: &str, name: &str) -> Result<(), Box<Refusal>> {
    let (rules, client) = (&policy.settings.etrn, policy.who(session));
    let may = |domain: &str| rules.domains.look_up(domain).is_some_and(|(_, askers)| askers.iter().any(|who| who.is(&client)));
    // With an @ it is about everything below, too, which a line of its own must allow.
    if may(name) && (!node.starts_with('@') || may(&format!("any.{name}"))) {
        return Ok(());
    }
    let line = rules.domains.look_up(name).map(|(line, _)| format!(":{line}")).unwrap_or_default();
    let reply = Reply::new(459, (5, 7, 1), format!("node {name} not allowed: its mail is not for you to ask for"));
    Err(Refusal::new(reply, format!("control/{}{line}", rows::ETRN.name), Subject::default().count(format!("etrn {name}"))))
}

fn started(code: &str, count: Option<String>, node: &str) -> Reply {
    match (code, count) {
        ("251", _) => Reply::new(251, (2, 0, 0), format!("ok, no messages waiting for node {node}")),
        ("252", _) => Reply::new(252, (2, 0, 0), format!("ok, pending messages for node {node} started")),
        ("253", Some(count)) => Reply::new(253, (2, 0, 0), format!("ok, {count} pending messages for node {node} started")),
        _ => Reply::new(250, (2, 0, 0), format!("ok, queuing for node {node} started")),
    }
}
