//! What control/ says to the scheduler.

use crate::scheduler::domain;
use crate::signing::Signing;
use stafett_control::form::parse_limits;
use stafett_control::{Control, Error, Setting, rows};
use stafett_queue_store::journal::Standing;
use stafett_route::{DomainMap, Lifetimes, Locals, Place, SmtpRoutes};
use stafett_wire::delivery::{Destination, Kind};
use std::borrow::Cow;
use std::time::Duration;

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this host.
    pub me: String,
    /// Where mail for a domain goes.
    pub routes: SmtpRoutes,
    /// What is of this host.
    pub locals: Locals,
    /// Deliveries to users of this host at once.
    pub concurrency_local: usize,
    /// Deliveries to one user of this host at once.
    pub concurrency_user: usize,
    /// No delivery to users of this host is begun.
    pub hold_local: bool,
    /// Connections to other hosts at once.
    pub concurrency: usize,
    /// Connections to one destination at once.
    pub concurrency_destination: usize,
    /// No delivery to another host is begun.
    pub hold_remote: bool,
    /// Recipient domains to which nothing is delivered.
    pub held: DomainMap<()>,
    lifetimes: Lifetimes,
    limits: DomainMap<Limits>,
    /// Seconds after which a sender is told that a recipient still waits; `None` tells nobody.
    pub delay_notice: Option<u64>,
    delivery: Duration,
    local_delivery: Duration,
    /// How bounces are written.
    pub bounces: Bounces,
    /// What stafett-dkim is asked about them.
    pub signing: Signing,
}

/// What one destination may get.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once.
    pub connections: usize,
    /// Messages of one connection; `None` for as many as usual.
    pub messages: Option<u32>,
    /// Messages a minute; `None` for as many as it takes.
    pub rate: Option<u32>,
}

/// How bounces are written.
#[derive(Clone, Debug)]
pub struct Bounces {
    /// The address in their From line.
    pub from: String,
    /// The largest message that is returned whole, in bytes.
    pub max_bytes: u64,
    /// Who gets double bounces; `None` discards them.
    pub double_to: Option<String>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// At the first file that does not parse.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let me = control.required(&rows::ME)?;
        let or_me = |row: &Setting| Ok(control.line(row)?.unwrap_or_else(|| me.clone()));
        let number = |row: &'static Setting, default: u64| Ok(control.integer(row)?.unwrap_or(default));
        let user = control.line(&rows::BOUNCEFROM)?.unwrap_or_else(|| "MAILER-DAEMON".to_owned());
        let bounces = Bounces {
            from: format!("{user}@{}", or_me(&rows::BOUNCEHOST)?),
            max_bytes: number(&rows::BOUNCEMAXBYTES, 51_200)?,
            double_to: double_to(control, &or_me(&rows::DOUBLEBOUNCEHOST)?)?,
        };
        let concurrency_destination = size(number(&rows::CONCURRENCYDESTINATION, 20)?);
        Ok(Settings {
            routes: routes(control)?,
            locals: Locals::read(control)?,
            concurrency_local: size(number(&rows::CONCURRENCYLOCAL, 10)?),
            concurrency_user: size(number(&rows::CONCURRENCYUSER, 4)?),
            hold_local: number(&rows::HOLDLOCAL, 0)? == 1,
            concurrency: size(number(&rows::CONCURRENCYREMOTE, 100)?),
            concurrency_destination,
            hold_remote: number(&rows::HOLDREMOTE, 0)? == 1,
            held: held(control)?,
            lifetimes: Lifetimes::read(control)?,
            limits: limits(control, concurrency_destination)?,
            delay_notice: control.integer(&rows::DELAYNOTICE)?.filter(|seconds| *seconds > 0),
            delivery: Duration::from_secs(number(&rows::TIMEOUTDELIVERY, 14_400)?),
            local_delivery: Duration::from_secs(number(&rows::TIMEOUTLOCAL, 1800)?),
            signing: Signing::read(control, &bounces.from)?,
            bounces,
            me,
        })
    }
}

impl Settings {
    /// What a destination may get: by the name of its relay or domain.
    pub fn limits_of(&self, destination: &Destination) -> Limits {
        if destination.kind == Kind::Local {
            return Limits { connections: self.concurrency_user.min(self.concurrency_local), messages: None, rate: None };
        }
        let usual = Limits { connections: self.concurrency_destination, messages: None, rate: None };
        self.limits.look_up(&destination.name).copied().unwrap_or(usual)
    }

    /// Where a recipient's mail goes: by the admin's route for it, to a user of this host, or by the routes of its domain.
    pub fn destination(&self, address: &str, standing: Option<&Standing>) -> Destination {
        let placed = self.locals.place(address);
        let at = |address: &str, routes: &SmtpRoutes| routes.destination(domain(address).unwrap_or(&self.me));
        let mut own = SmtpRoutes::new();
        match (standing.and_then(|standing| standing.route.as_ref()), placed) {
            (Some(route), Place::Here(address) | Place::Elsewhere(address)) if own.insert("", route).is_ok() => at(&address, &own),
            (_, Place::Here(address)) => Destination::user(self.locals.user(&address)),
            (_, Place::Elsewhere(address)) => at(&address, &self.routes),
        }
    }

    /// Whether a recipient is a user of this host.
    pub fn is_local(&self, address: &str, standing: Option<&Standing>) -> bool {
        !self.locals.are_none() && matches!(self.locals.place(address), Place::Here(_)) && !is_routed(standing)
    }

    /// An address as it goes to a destination: with what control/virtualdomains prepends at this host, and as control/percenthack
    /// reads it elsewhere. `None` when it belongs to the other kind of destination by now: the files have changed while it waited.
    pub fn address_for<'a>(&self, address: &'a str, standing: Option<&Standing>, is_local: bool) -> Option<Cow<'a, str>> {
        match self.locals.place(address) {
            Place::Here(placed) if is_local => Some(placed),
            Place::Elsewhere(placed) if !is_local => Some(placed),
            Place::Here(_) if is_routed(standing) => Some(Cow::Borrowed(address)),
            _ => None,
        }
    }

    /// Whether no delivery to such destinations is begun.
    pub fn holds(&self, is_local: bool) -> bool {
        if is_local { self.hold_local } else { self.hold_remote }
    }

    /// Deliveries or connections at once, to users of this host or to other hosts.
    pub fn concurrency_of(&self, is_local: bool) -> usize {
        if is_local { self.concurrency_local } else { self.concurrency }
    }

    /// How long stafett-local or stafett-remote may take for a delivery.
    pub fn patience(&self, is_local: bool) -> Duration {
        if is_local { self.local_delivery } else { self.delivery }
    }

    /// Seconds that a recipient in `domain` of a message from `sender` is tried.
    pub fn lifetime_of(&self, sender: &str, domain: &str) -> u64 {
        self.lifetimes.of(sender, domain)
    }

    /// Whether the mail of a domain is kept here until its own host is back.
    pub fn keeps(&self, domain: &str) -> bool {
        self.lifetimes.keep(domain)
    }

    /// Whether mail is kept here for any domain.
    pub fn keeps_any(&self) -> bool {
        self.lifetimes.keep_any()
    }

    /// Whether mail is kept here for other domains than by these.
    pub fn keeps_otherwise(&self, other: &Settings) -> bool {
        self.lifetimes.keep_others(&other.lifetimes)
    }

    /// Whether recipients may have other destinations than by these.
    pub fn leads_elsewhere(&self, other: &Settings) -> bool {
        self.me != other.me || self.routes != other.routes || self.locals != other.locals
    }
}

/// Whether the admin has set a usable route for a recipient.
fn is_routed(standing: Option<&Standing>) -> bool {
    let route = standing.and_then(|standing| standing.route.as_ref());
    route.is_some_and(|route| SmtpRoutes::new().insert("", route).is_ok())
}

fn held(control: &Control) -> Result<DomainMap<()>, Error> {
    let mut held = DomainMap::default();
    control.list(&rows::HOLDDOMAINS)?.unwrap_or_default().iter().for_each(|item| held.insert(&item.value, ()));
    Ok(held)
}

fn limits(control: &Control, usual: usize) -> Result<DomainMap<Limits>, Error> {
    let mut limits = DomainMap::default();
    for item in control.map(&rows::CONCURRENCYDEST)?.unwrap_or_default() {
        let (domain, rest) = item.value;
        let file = format!("control/{}", rows::CONCURRENCYDEST.name);
        let [connections, messages, rate] = parse_limits(&rest).map_err(|reason| Error { file, line: item.line, reason })?;
        let connections = connections.map_or(usual, |number| size(number.into()));
        limits.insert(&domain, Limits { connections, messages, rate });
    }
    Ok(limits)
}

fn routes(control: &Control) -> Result<SmtpRoutes, Error> {
    let mut routes = SmtpRoutes::new();
    for item in control.map(&rows::SMTPROUTES)?.unwrap_or_default() {
        let (key, value) = item.value;
        let file = format!("control/{}", rows::SMTPROUTES.name);
        routes.insert(&key, &value).map_err(|bad| Error { file, line: item.line, reason: bad.to_string() })?;
    }
    Ok(routes)
}

/// An absent file means postmaster; an empty first line means that nobody gets them.
fn double_to(control: &Control, host: &str) -> Result<Option<String>, Error> {
    let row = &rows::DOUBLEBOUNCETO;
    match control.line(row)? {
        Some(user) => Ok(Some(format!("{user}@{host}"))),
        None if control.path(row).exists() => Ok(None),
        None => Ok(Some(format!("postmaster@{host}"))),
    }
}

fn size(number: u64) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
