//! Where a recipient's mail goes, as the scheduler decides it: the admin's own route for it, else
//! this host itself, else control/smtproutes, else the MX records of its domain.

use stafett_control::{Control, Error, rows};
use stafett_queue_store::Id;
use stafett_queue_store::journal::Standing;
use stafett_route::{Lifetimes, Locals, Place, SmtpRoutes};
use stafett_wire::delivery::Destination;
use std::collections::HashMap;
use std::sync::Mutex;

/// Names that are remembered at most, so that a queue full of odd domains does not fill memory.
const MOST_KNOWN: usize = 50_000;

/// The routes in force.
#[derive(Debug)]
pub struct Routes {
    table: SmtpRoutes,
    locals: Locals,
    lifetimes: Lifetimes,
    me: String,
    known: Mutex<HashMap<String, String>>,
}

impl Routes {
    /// Reads control/smtproutes, control/me, and how long recipients are tried.
    ///
    /// # Errors
    /// At the first line that does not parse.
    pub fn read(control: &Control) -> Result<Routes, Error> {
        let mut table = SmtpRoutes::new();
        for item in control.map(&rows::SMTPROUTES)?.unwrap_or_default() {
            let (key, value) = item.value;
            let file = format!("control/{}", rows::SMTPROUTES.name);
            table.insert(&key, &value).map_err(|bad| Error { file, line: item.line, reason: bad.to_string() })?;
        }
        Ok(Routes {
            table,
            locals: Locals::read(control)?,
            lifetimes: Lifetimes::read(control)?,
            me: control.line(&rows::ME)?.unwrap_or_default(),
            known: Mutex::default(),
        })
    }

    /// Whether a text is a route, as control/smtproutes has it behind the domain.
    ///
    /// # Errors
    /// In words, what to write.
    pub fn check(route: &str) -> Result<(), String> {
        SmtpRoutes::new().insert("", route).map_err(|bad| bad.to_string())
    }

    /// No routes: everything goes by MX.
    pub fn none() -> Routes {
        Routes {
            table: SmtpRoutes::new(),
            locals: Locals::default(),
            lifetimes: Lifetimes::default(),
            me: String::new(),
            known: Mutex::default(),
        }
    }

    /// The destination of a recipient, in the words of the scheduler.
    pub fn destination(&self, address: &str, standing: &Standing) -> String {
        let domain = domain(address).unwrap_or(&self.me);
        if let Some(route) = &standing.route {
            let mut own = SmtpRoutes::new();
            if own.insert("", route).is_ok() {
                return own.destination(domain).to_string();
            }
        }
        match self.locals.place(address) {
            Place::Here(address) => Destination::user(self.locals.user(&address)).to_string(),
            Place::Elsewhere(address) => self.of_domain(crate::routes::domain(&address).unwrap_or(domain)),
        }
    }

    /// Until when a recipient of a message from `sender` is tried, seconds since 1970.
    pub fn end(&self, id: Id, sender: &str, address: &str) -> u64 {
        id.birth_seconds().saturating_add(self.lifetimes.of(sender, domain(address).unwrap_or_default()))
    }

    /// The destination of a domain.
    pub fn of_domain(&self, domain: &str) -> String {
        let Ok(mut known) = self.known.lock() else { return self.table.destination(domain).to_string() };
        if let Some(found) = known.get(domain) {
            return found.clone();
        }
        let found = self.table.destination(domain).to_string();
        if known.len() < MOST_KNOWN {
            known.insert(domain.to_owned(), found.clone());
        }
        found
    }
}

/// The domain of an address, if it has one.
pub(crate) fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
}
