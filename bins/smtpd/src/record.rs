//! The log of a session, line by line; stafett-smtpd(8) says what each line means.
//!
//! Security stance: every text of the client goes through [`safe`], and blanks in it become `_`, so that the words of a line
//! keep their places.

use std::fmt;
use std::time::Instant;

use stafett_log::{Log, safe};
use stafett_sys::process::Pid;

use crate::channel::End;
use crate::message::Stored;
use stafett_reception::account::Account;
use stafett_reception::client::Client;
use stafett_reception::refusal::{Refusal, Subject};
use stafett_reception::session::{Greeted, Tls};

/// What happened in a session, and where it is told.
#[derive(Debug)]
pub struct Record<'a> {
    log: Log,
    quiet: bool,
    client: &'a Client,
    started: Instant,
    /// The client spoke before the greeting.
    pub early: bool,
    /// Messages that were accepted.
    pub accepted: u64,
    /// Commands and messages that a rule refused.
    pub refused: u64,
    /// Command lines.
    pub commands: u64,
    /// Replies that were errors, but for recipients beyond the limit.
    pub errors: u64,
}

impl<'a> Record<'a> {
    /// Begins with the session.
    pub fn new(log: Log, quiet: bool, client: &'a Client) -> Self {
        Self { log, quiet, client, started: Instant::now(), early: false, accepted: 0, refused: 0, commands: 0, errors: 0 }
    }

    /// The connection is under TLS now.
    pub fn secured(&self, tls: &Tls) {
        if self.quiet {
            return;
        }
        let word = |value: &Option<String>| value.clone().unwrap_or_else(|| "-".to_owned());
        let Tls { protocol, cipher, server_name, fingerprint, .. } = tls;
        self.log.line(format_args!(
            "tls {protocol} {cipher} name {} certificate {} {}",
            word(server_name),
            word(fingerprint),
            self.who(None)
        ));
    }

    /// The client has logged in.
    pub fn logged_in(&self, mechanism: &str, account: Option<&Account>, greeted: Option<&Greeted>) {
        if let (Some(account), false) = (account, self.quiet) {
            self.log.line(format_args!("auth {} mechanism {mechanism} {}", Word(&account.name), self.who(greeted)));
        }
    }

    /// A message was accepted, or, if a filter wants that, thrown away with the same answer.
    pub fn accept(&mut self, stored: &Stored, greeted: Option<&Greeted>) {
        self.accepted += 1;
        match &stored.discarded {
            // Not even `-q` silences this: the client was told that we keep it, and nothing else will tell of it.
            Some(discarded) => self.log.line(format_args!("discard {} {}", discarded.rule.replace(' ', "_"), self.about(stored, greeted))),
            None if self.quiet => {}
            None => self.log.line(format_args!("accept {} {}", stored.id, self.about(stored, greeted))),
        }
    }

    fn about(&self, stored: &Stored, greeted: Option<&Greeted>) -> String {
        let envelope = &stored.envelope;
        let first = envelope.recipients.first().map_or("", |recipient| recipient.address.as_str());
        format!(
            "bytes {} from <{}> to <{}> recipients {} {}",
            stored.size,
            Word(&envelope.sender),
            Word(first),
            envelope.recipients.len(),
            self.who(greeted)
        )
    }

    /// A rule refused something.
    pub fn refuse(&mut self, refusal: &Refusal, greeted: Option<&Greeted>) {
        self.refused += 1;
        if self.quiet {
            return;
        }
        self.log.line(format_args!(
            "refuse {} {} {}: {}",
            refusal.rule.replace(' ', "_"),
            About(&refusal.subject),
            self.who(greeted),
            safe(refusal.reply.one_line().as_bytes()),
        ));
    }

    /// The session is over.
    pub fn end(&self, end: &End, greeted: Option<&Greeted>) {
        if self.quiet {
            return;
        }
        let early = if self.early { " early" } else { "" };
        self.log.line(format_args!(
            "end {} {} host {} accepted {} refused {} commands {} errors {} seconds {:.3}{early}",
            word(end),
            self.who(greeted),
            self.client.host,
            self.accepted,
            self.refused,
            self.commands,
            self.errors,
            self.started.elapsed().as_secs_f64(),
        ));
        if let End::Failed(error) = end {
            self.log.warning(format_args!("unable to talk to {}: {error}", self.client.address()));
        }
    }

    fn who(&self, greeted: Option<&Greeted>) -> String {
        let name = greeted.map_or("-", |greeted| greeted.name.as_str());
        format!("client {} helo {} pid {}", self.client.address(), Word(name), Pid::own())
    }
}

fn word(end: &End) -> &'static str {
    match end {
        End::Quit => "quit",
        End::Closed => "closed",
        End::Timeout => "timeout",
        End::SessionTime => "session-time",
        End::Shutdown => "shutdown",
        End::Replaced => "replaced",
        End::Errors => "errors",
        End::Commands => "commands",
        End::Failed(_) => "failed",
    }
}

/// What a refusal is about, as words of a line.
struct About<'a>(&'a Subject);

impl fmt::Display for About<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "from <{}>", Word(&self.0.from))?;
        if let Some(to) = &self.0.to {
            write!(out, " to <{}>", Word(to))?;
        }
        match &self.0.count {
            Some(count) => write!(out, " {count}"),
            None => Ok(()),
        }
    }
}

/// Text of a client as one word of a line.
struct Word<'a>(&'a str);

impl fmt::Display for Word<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = safe(self.0.as_bytes()).to_string();
        out.write_str(&text.replace([' ', '\t'], "_"))
    }
}
