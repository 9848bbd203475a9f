//! One exchange, message by message. It is a value that each message consumes: nothing of one attempt is left for the next.

use std::time::Duration;

use stafett_ask::{Answer, Verdict};
use stafett_control::form::auth::Mechanism;
use stafett_instance::Service;
use stafett_smtp::Reply;
use stafett_smtp::sasl::{Plain, ScramFirst, unescape};

use super::refusal;
use crate::account::Account;
use crate::checks::{self, Context};
use crate::refusal::Refusal;
use crate::services::Note;
use crate::session::Tls;

/// How long an answer is waited for; who knows passwords may be another program that makes wrong ones wait.
const PATIENCE: Duration = Duration::from_secs(30);

/// Where an exchange stands.
pub struct Exchange {
    mechanism: Mechanism,
    stage: Stage,
}

impl std::fmt::Debug for Exchange {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.mechanism.fmt(f)
    }
}

enum Stage {
    /// The client's first message is awaited.
    First,
    /// LOGIN: the password of that name is.
    Password(String),
    /// SCRAM: the proof of that name is, for what the service has sealed.
    Proof(String, Vec<u8>),
    /// SCRAM: the client is to agree to our proof.
    Agreement(Box<Account>),
}

/// What comes of a message.
pub enum Progress {
    /// This is said, and another message awaited.
    Challenge(Exchange, Vec<u8>),
    /// The client has proved that it has this account, by this mechanism.
    Proved(Box<Account>, Mechanism),
    /// It has not.
    Refused(Box<Refusal>, Wrong),
}

/// Whether a refusal counts as a wrong password.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Wrong(pub bool);

impl Exchange {
    /// Begins; with nothing from the client yet the challenge that asks for it.
    pub fn begin(mechanism: Mechanism) -> (Exchange, &'static [u8]) {
        let prompt: &[u8] = if mechanism == Mechanism::Login { b"Username:" } else { b"" };
        (Exchange { mechanism, stage: Stage::First }, prompt)
    }

    /// Takes a message.
    pub fn take(self, message: &[u8], context: &mut Context<'_, '_>) -> Progress {
        let Exchange { mechanism, stage } = self;
        match (stage, mechanism) {
            (Stage::First, Mechanism::Plain) => plain(message, context),
            (Stage::First, Mechanism::Login) => login(message),
            (Stage::First, Mechanism::Scram | Mechanism::ScramPlus) => scram_first(mechanism, message, context),
            (Stage::Password(name), _) => password(mechanism, &name, message, context),
            (Stage::Proof(name, state), _) => scram_proof(mechanism, &name, (message, &state), context),
            (Stage::Agreement(account), _) if message.is_empty() => Progress::Proved(account, mechanism),
            (Stage::Agreement(account), _) => malformed(mechanism, &account.name),
        }
    }
}

/// What an account may do, without its password; stafett-auth tells root alone.
pub fn described(name: &str, context: &mut Context<'_, '_>) -> Progress {
    let mechanism = Mechanism::Plain;
    if let Err(refused) = checks::authentication(context, &name.to_lowercase()) {
        return told(*refused, name, mechanism);
    }
    match ask(context, mechanism, "account", &[field("name=", name.as_bytes())]) {
        Some(answer) => {
            let rule = part(&answer, "rule=").map(|rule| String::from_utf8_lossy(rule).into_owned()).unwrap_or_default();
            context.services.note(&Note { check: "auth", rule: &rule, text: "who knows its password" });
            proved(&answer, mechanism, name, context).unwrap_or_else(|progress| progress)
        }
        None => away(mechanism, name),
    }
}

fn plain(message: &[u8], context: &mut Context<'_, '_>) -> Progress {
    let mechanism = Mechanism::Plain;
    let Some(plain) = Plain::parse(message) else { return malformed(mechanism, "") };
    if !plain.authorization.is_empty() && !plain.authorization.eq_ignore_ascii_case(plain.name) {
        let reply = Reply::new(535, (5, 7, 8), "authentication credentials invalid");
        return Progress::Refused(refusal(reply, "syntax", plain.name, mechanism.name(), "other-account"), Wrong(true));
    }
    password(mechanism, plain.name, plain.password, context)
}

fn login(message: &[u8]) -> Progress {
    match std::str::from_utf8(message) {
        Ok(name) if !name.is_empty() && !name.contains('\0') => {
            Progress::Challenge(Exchange { mechanism: Mechanism::Login, stage: Stage::Password(name.to_owned()) }, b"Password:".to_vec())
        }
        _ => malformed(Mechanism::Login, ""),
    }
}

fn password(mechanism: Mechanism, name: &str, password: &[u8], context: &mut Context<'_, '_>) -> Progress {
    if let Err(refused) = checks::authentication(context, &name.to_lowercase()) {
        return told(*refused, name, mechanism);
    }
    let fields = [field("name=", name.as_bytes()), field("password=", password)];
    match ask(context, mechanism, "password", &fields) {
        Some(answer) => proved(&answer, mechanism, name, context).unwrap_or_else(|progress| progress),
        None => away(mechanism, name),
    }
}

fn scram_first(mechanism: Mechanism, message: &[u8], context: &mut Context<'_, '_>) -> Progress {
    let name = ScramFirst::parse(message).and_then(|first| unescape(first.name));
    let Some(name) = name else { return malformed(mechanism, "") };
    if let Err(refused) = checks::authentication(context, &name.to_lowercase()) {
        return told(*refused, &name, mechanism);
    }
    let Some(answer) = ask(context, mechanism, "first", &[field("message=", message)]) else { return away(mechanism, &name) };
    match (answer.verdict, part(&answer, "challenge="), part(&answer, "state=")) {
        (Verdict::Ok, Some(challenge), Some(state)) => {
            Progress::Challenge(Exchange { mechanism, stage: Stage::Proof(name, state.to_vec()) }, challenge.to_vec())
        }
        _ => refused(&answer, mechanism, &name),
    }
}

fn scram_proof(mechanism: Mechanism, name: &str, (message, state): (&[u8], &[u8]), context: &mut Context<'_, '_>) -> Progress {
    let fields = [field("message=", message), field("state=", state)];
    let Some(answer) = ask(context, mechanism, "proof", &fields) else { return away(mechanism, name) };
    // the account counts once the client agrees, which it cannot refuse but by hanging up
    match (proved(&answer, mechanism, name, context), part(&answer, "challenge=")) {
        (Ok(Progress::Proved(account, _)), Some(challenge)) => {
            Progress::Challenge(Exchange { mechanism, stage: Stage::Agreement(account) }, challenge.to_vec())
        }
        (Ok(_), _) => away(mechanism, name),
        (Err(progress), _) => progress,
    }
}

/// The account of an answer, or what the client hears instead.
fn proved(answer: &Answer, mechanism: Mechanism, name: &str, context: &mut Context<'_, '_>) -> Result<Progress, Progress> {
    if answer.verdict != Verdict::Ok {
        return Err(refused(answer, mechanism, name));
    }
    match Account::read(answer) {
        Ok(account) => Ok(Progress::Proved(Box::new(account), mechanism)),
        Err(reason) => {
            context.services.complain(&format!("unable to let {} in: stafett-auth says {reason}", crate::client::plain(name)));
            Err(away(mechanism, name))
        }
    }
}

/// What the service refused.
fn refused(answer: &Answer, mechanism: Mechanism, name: &str) -> Progress {
    let text = |name| part(answer, name).map(|value| String::from_utf8_lossy(value).into_owned());
    let Some(rule) = text("rule=").filter(|_| answer.verdict != Verdict::Ok) else { return away(mechanism, name) };
    let reason = text("reason=").unwrap_or_default();
    let is_wrong = matches!(reason.as_str(), "wrong" | "unknown" | "other-account" | "binding");
    Progress::Refused(refusal(Reply::from_text(&answer.text), rule, name, mechanism.name(), &reason), Wrong(is_wrong))
}

fn ask(context: &mut Context<'_, '_>, mechanism: Mechanism, verb: &str, fields: &[Vec<u8>]) -> Option<Answer> {
    let about = about(context, mechanism);
    let mut question: Vec<&[u8]> = vec![verb.as_bytes()];
    question.extend(fields.iter().map(Vec::as_slice));
    question.extend(about.iter().map(String::as_bytes));
    match context.services.ask(Service::Auth, &question, None, PATIENCE) {
        Ok(answer) => Some(answer),
        Err(error) => {
            context.services.complain(&format!("unable to ask stafett-auth: {error}; nobody can log in (454)"));
            None
        }
    }
}

/// What the service must know of the connection.
fn about(context: &Context<'_, '_>, mechanism: Mechanism) -> Vec<String> {
    let (client, session) = (context.policy.client, &context.session);
    let offers = context.policy.settings.auth.usable(session).any(|mechanism| mechanism == Mechanism::ScramPlus);
    let mut about: Vec<String> = client.ip.iter().map(|ip| format!("ip={ip}")).collect();
    about.extend(client.local_ip.map(|ip| format!("local={ip}")));
    about.extend(session.tls.is_some().then(|| "tls=1".to_owned()));
    about.extend((mechanism == Mechanism::ScramPlus).then(|| "binds=1".to_owned()));
    about.extend(offers.then(|| "offers=1".to_owned()));
    let channels = session.tls.iter().flat_map(Tls::channels);
    about.extend(channels.map(|(kind, data)| format!("channel={kind}:{data}")));
    about
}

/// A refusal of control/limits, which tells of the account too.
fn told(limited: Refusal, name: &str, mechanism: Mechanism) -> Progress {
    // what reads like a wrong password takes as long as one
    let is_wrong = Wrong(limited.reply.one_line().starts_with("535 5.7.8 "));
    Progress::Refused(refusal(limited.reply, limited.rule, name, mechanism.name(), "limit"), is_wrong)
}

fn malformed(mechanism: Mechanism, name: &str) -> Progress {
    let reply = Reply::new(501, (5, 5, 2), "that is no message of this mechanism");
    Progress::Refused(refusal(reply, "syntax", name, mechanism.name(), "malformed"), Wrong(false))
}

/// RFC 4954 §6: nobody can tell now.
fn away(mechanism: Mechanism, name: &str) -> Progress {
    let reply = Reply::new(454, (4, 7, 0), "passwords cannot be looked at now, try again later");
    Progress::Refused(refusal(reply, "auth", name, mechanism.name(), "away"), Wrong(false))
}

fn field(name: &str, value: &[u8]) -> Vec<u8> {
    [name.as_bytes(), value].concat()
}

fn part<'a>(answer: &'a Answer, name: &str) -> Option<&'a [u8]> {
    answer.fields.iter().find_map(|field| field.strip_prefix(name.as_bytes()))
}
