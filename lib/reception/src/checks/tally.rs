//! What the checks of limits and greylist need: the rules, and what has been counted for this connection.

use std::os::fd::OwnedFd;

use stafett_control::form::greylist::Greylist;
use stafett_control::form::limits::{Line, Per, Rule, Span, What};
use stafett_control::form::who::{Client, Who};
use stafett_control::{Control, Error, rows};

use crate::refusal::Refusal;

/// control/limits and control/greylist.
#[derive(Debug, Default)]
pub struct Limits {
    rules: Vec<Rule>,
    exempt: Vec<Who>,
    /// Whether mail passes while nobody counts.
    pub away: bool,
    /// How greylisting is done, where it is.
    pub grey: Option<Greylist>,
}

/// What has been counted for this connection.
#[derive(Debug, Default)]
pub struct Tally {
    /// Attempts to log in.
    pub attempts: u32,
    /// Messages that were accepted.
    pub messages: u32,
    /// Recipients that were let pass.
    pub recipients: u32,
    /// Recipients that were refused for good.
    pub refusals: u32,
    /// What the service has counted and nothing has come of yet.
    pub owed: Option<Owed>,
    /// What every further command hears.
    pub barred: Option<Box<Refusal>>,
    /// Ends of pipes; when they are closed, by whatever end of this process, the connection is no longer open.
    pub ends: Vec<OwnedFd>,
}

/// A transaction that was counted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Owed {
    /// Its sender.
    pub sender: String,
    /// Its message, until it is accepted.
    pub messages: u32,
    /// Its recipients, until they are accepted.
    pub recipients: u32,
}

impl Limits {
    /// Reads both files.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(control: &Control) -> Result<Limits, Error> {
        let mut limits = Limits::default();
        for item in control.list(&rows::LIMITS)?.unwrap_or_default() {
            match Line::parse(&item.value).map_err(|reason| wrong(rows::LIMITS.name, item.line, reason))? {
                Line::Rule(rule) => limits.rules.push(*rule),
                Line::Exempt(who) => limits.exempt.extend(who),
                Line::Away(away) => limits.away = away,
            }
        }
        if let Some(lines) = control.list(&rows::GREYLIST)? {
            let mut grey = Greylist::default();
            for item in lines {
                grey.add(&item.value).map_err(|reason| wrong(rows::GREYLIST.name, item.line, reason))?;
            }
            limits.grey = Some(grey);
        }
        Ok(limits)
    }

    /// Whether a limit may hold for that client of which this is true. Hours are the service's affair.
    pub fn any(&self, client: &Client<'_>, test: impl Fn(&Rule) -> bool) -> bool {
        !self.rules.is_empty()
            && self.rules.iter().any(|rule| test(rule) && rule.concerns(client))
            && !self.exempt.iter().any(|who| who.is(client))
    }

    /// Whether a limit on these may hold: with a period or on what is open, or one of this connection or message that
    /// `number` is beyond.
    pub fn touch(&self, client: &Client<'_>, what: What, number: impl Fn(&Rule) -> u32) -> bool {
        self.any(client, |rule| rule.what == what && (rule.span != Span::Whole || number(rule) > rule.most))
    }

    /// Whether open connections are counted for accounts, or for others.
    pub fn count_open(&self, client: &Client<'_>, accounts: bool) -> bool {
        self.any(client, |rule| rule.span == Span::Once && (rule.per == Per::Account) == accounts)
    }

    /// Whether refused recipients are counted.
    pub fn count_refusals(&self, client: &Client<'_>) -> bool {
        self.any(client, |rule| rule.what == What::Refusals)
    }

    /// Whether an account can be locked.
    pub fn know_accounts(&self, client: &Client<'_>) -> bool {
        client.account.is_some() && !self.rules.is_empty()
    }
}

fn wrong(name: &str, line: usize, reason: String) -> Error {
    Error { file: format!("control/{name}"), line, reason }
}
