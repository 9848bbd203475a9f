//! What makes a client or a sender suspicious: the settings of the checks in badhelo, early and looked, and of the tarpit.

use std::time::Duration;

use stafett_control::{Control, Error, Setting, rows};

use crate::badhelo::BadHelo;
use crate::policy::Policy;
use crate::settings::fault;

/// The settings; by default nothing is suspicious.
#[derive(Debug, Default)]
pub struct Signs {
    /// How long a client waits for the greeting.
    pub greet_delay: Duration,
    /// Names that clients must not give themselves.
    pub badhelo: BadHelo,
    /// Whether lists of addresses are asked.
    pub has_lists: bool,
    /// Whether lists of domains are asked.
    pub has_domain_lists: bool,
    /// What the reverse name of a client must be worth.
    pub reverse: Reverse,
    /// Whether that concerns clients too that may send to anywhere.
    pub reverse_of_all: bool,
    /// Whether the domain of a sender must be able to have mail.
    pub sender_domain: Demand,
    /// How long the look-ups may take.
    pub look_within: Duration,
    /// When replies become slow.
    pub tarpit: Tarpit,
}

/// What the reverse name of a client must be worth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reverse {
    /// It is not asked for.
    #[default]
    None,
    /// It is asked for and told.
    Warn,
    /// There must be one.
    Require,
    /// It must lead back.
    Confirm,
}

/// Whether something is demanded.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Demand {
    /// It is not asked for.
    #[default]
    None,
    /// It is asked for and told.
    Warn,
    /// It must be so.
    Require,
}

/// When replies become slow, and how slow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tarpit {
    /// Recipients or errors before; 0 = never.
    pub count: u64,
    /// How long each reply waits then.
    pub delay: Duration,
}

impl Signs {
    /// Reads them.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let seconds = |row, default| Ok::<_, Error>(Duration::from_secs(control.integer(row)?.unwrap_or(default)));
        let has_lines = |row| Ok::<_, Error>(control.list(row)?.is_some_and(|lines| !lines.is_empty()));
        let names = word(control, &rows::REVERSEDNS)?;
        Ok(Self {
            greet_delay: seconds(&rows::GREETDELAY, 0)?,
            badhelo: badhelo(control)?,
            has_lists: has_lines(&rows::DNSBLLIST)?,
            has_domain_lists: has_lines(&rows::RHSBLLIST)?,
            reverse: reverse(names.split_ascii_whitespace().next().unwrap_or_default()),
            reverse_of_all: names.ends_with(" all"),
            sender_domain: demand(&word(control, &rows::SENDERDOMAIN)?),
            look_within: seconds(&rows::DNSBLTIMEOUT, 5)?,
            tarpit: Tarpit { count: control.integer(&rows::TARPITCOUNT)?.unwrap_or(0), delay: seconds(&rows::TARPITDELAY, 5)? },
        })
    }
}

impl Signs {
    /// Whether anything is asked of stafett-dnsbl.
    pub fn need_looks(&self) -> bool {
        let Signs { has_lists, has_domain_lists, reverse, sender_domain, .. } = self;
        *has_lists || *has_domain_lists || *reverse != Reverse::None || *sender_domain != Demand::None
    }
}

impl Policy<'_> {
    /// How long this client waits for its greeting.
    pub fn greet_delay(&self) -> Duration {
        match self.client.greet_delay {
            _ if self.client.relay.is_some() => Duration::ZERO,
            None if self.client.submission.is_some() => Duration::ZERO,
            Some(seconds) => Duration::from_secs(seconds),
            None => self.settings.signs.greet_delay,
        }
    }

    /// How long a reply waits after so many recipients and errors.
    pub fn tarpit(&self, recipients: u64, errors: u64) -> Duration {
        let tarpit = self.settings.signs.tarpit;
        let count = self.client.tarpit_count.unwrap_or(if self.client.relay.is_some() || self.client.submission.is_some() {
            0
        } else {
            tarpit.count
        });
        if count == 0 || recipients.max(errors) <= count {
            return Duration::ZERO;
        }
        self.client.tarpit_delay.map_or(tarpit.delay, Duration::from_secs)
    }
}

fn badhelo(control: &Control) -> Result<BadHelo, Error> {
    let mut bad = BadHelo::default();
    for item in control.list(&rows::BADHELO)?.unwrap_or_default() {
        bad.insert(item.line, &item.value).map_err(|reason| fault(rows::BADHELO.name, item.line, &item.value, reason))?;
    }
    Ok(bad)
}

/// The last line counts.
fn word(control: &Control, row: &Setting) -> Result<String, Error> {
    Ok(control.list(row)?.unwrap_or_default().pop().map(|item| item.value).unwrap_or_default())
}

/// The row has judged the word already.
fn reverse(word: &str) -> Reverse {
    match word {
        "warn" => Reverse::Warn,
        "require" => Reverse::Require,
        "confirm" => Reverse::Confirm,
        _ => Reverse::None,
    }
}

fn demand(word: &str) -> Demand {
    match word {
        "warn" => Demand::Warn,
        "require" => Demand::Require,
        _ => Demand::None,
    }
}
