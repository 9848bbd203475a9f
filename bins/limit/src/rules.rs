//! The control files limits, greylist and limitstore, and which of the limits an event touches.
//!
//! How it fails: a file that does not parse is an error with file and line; the caller keeps its last good copy.

use crate::counters::{Counters, Kind};
use crate::request::{Event, Request, network};
use stafett_control::form::greylist::Greylist;
use stafett_control::form::limits::{Line, Per, Rule, Span, What};
use stafett_control::form::who::Who;
use stafett_control::{Control, Error, rows};

/// The three files.
#[derive(Debug, Default)]
pub struct Settings {
    /// The limits in the order of their lines.
    pub limits: Vec<Limit>,
    /// Clients without limits.
    pub exempt: Vec<Who>,
    /// How greylisting is done, where it is.
    pub grey: Option<Greylist>,
    /// Where the shared store is.
    pub store: Option<String>,
}

/// A rule and its place.
#[derive(Debug)]
pub struct Limit {
    /// Its line.
    pub line: usize,
    /// What it says.
    pub rule: Rule,
    /// Where its counts are, if it has a period.
    pub kind: Option<Kind>,
}

/// A count that an event touches.
#[derive(Clone, Debug)]
pub struct Check<'a> {
    /// The limit.
    pub limit: &'a Limit,
    /// For whom.
    pub key: String,
    /// How many are added when all is well.
    pub add: u32,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let mut settings = Settings::default();
        for item in control.list(&rows::LIMITS)?.unwrap_or_default() {
            match Line::parse(&item.value).map_err(|reason| wrong(rows::LIMITS.name, item.line, reason))? {
                Line::Rule(rule) => settings.limits.push(Limit { line: item.line, rule: *rule, kind: None }),
                Line::Exempt(who) => settings.exempt.extend(who),
                Line::Away(_) => {}
            }
        }
        if let Some(lines) = control.list(&rows::GREYLIST)? {
            let mut grey = Greylist::default();
            for item in lines {
                grey.add(&item.value).map_err(|reason| wrong(rows::GREYLIST.name, item.line, reason))?;
            }
            if grey.window <= grey.wait {
                return Err(wrong(rows::GREYLIST.name, 1, "window must be longer than wait, or no mail ever passes".to_owned()));
            }
            settings.grey = Some(grey);
        }
        settings.store = control.list(&rows::LIMITSTORE)?.unwrap_or_default().into_iter().next().map(|item| item.value);
        Ok(settings)
    }

    /// Gives each limit with a period its table.
    pub fn own(&mut self, counters: &mut Counters) {
        counters.disown();
        for limit in &mut self.limits {
            if let Span::Period(period) = limit.rule.span {
                limit.kind = Some(counters.kind(&limit.rule.identity, period.as_millis() as u64, limit.rule.most));
            }
        }
    }

    /// The limits that hold for a client at a minute of the day.
    pub fn holding<'a>(&'a self, request: &'a Request, minute: u16) -> impl Iterator<Item = &'a Limit> {
        let client = request.client();
        let exempt = self.exempt.iter().any(|who| who.is(&client));
        let holds =
            move |limit: &&Limit| !exempt && limit.rule.concerns(&client) && limit.rule.hours.is_none_or(|hours| hours.contain(minute));
        self.limits.iter().filter(holds)
    }
}

impl Limit {
    /// The count that an event touches here, if it does.
    pub fn touched<'a>(&'a self, event: Event, request: &Request) -> Option<Check<'a>> {
        let add = match (event, self.rule.what, self.rule.per) {
            (Event::Connection, What::Connections, per) => u32::from(per != Per::Account),
            // an account's connection begins when it has proved who it is: a claim must not use up what belongs to another
            (Event::Login, What::Connections, Per::Account) => 1,
            (Event::Authentication, What::Authentications, _) | (Event::Message, What::Messages, _) => 1,
            (Event::Recipient, What::Recipients, _) | (Event::Refused, What::Refusals, _) => 1,
            (Event::Back, What::Messages, _) => request.number,
            (Event::Back, What::Recipients, _) => request.recipients,
            (Event::Connection | Event::Message | Event::Recipient, What::Refusals, _) => 0,
            _ => return None,
        };
        if add == 0 && self.rule.what != What::Refusals {
            return None;
        }
        Some(Check { limit: self, key: self.key(request)?, add })
    }

    /// Whom an event is counted for; nobody where that is not known.
    fn key(&self, request: &Request) -> Option<String> {
        match self.rule.per {
            Per::Address => Some(request.ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_string())),
            Per::Network(four, six) => Some(network(request.ip, (four, six))),
            Per::Account => request.account.clone(),
            Per::Sender => Some(request.sender.clone()).filter(|sender| !sender.is_empty()),
            Per::Domain => Some(request.domain().to_owned()).filter(|domain| !domain.is_empty()),
            Per::All => Some("all".to_owned()),
            Per::Connection | Per::Message => Some(String::new()),
        }
    }
}

fn wrong(name: &str, line: usize, reason: String) -> Error {
    Error { file: format!("control/{name}"), line, reason }
}
