//! What control/ says to this program, read once and handed to every question.
//!
//! Fails with the control file's error, which names file and line.

use std::time::Duration;

use stafett_control::form::callout::Callout;
use stafett_control::{Control, Error, rows};
use stafett_route::{DomainMap, SmtpRoutes};
use stafett_smtp_client::Settings as Client;
use stafett_wire::delivery::Destination;

/// How long a server may take for one step. Clients do not wait for so long, but the answer still serves the next one.
const STEP: Duration = Duration::from_secs(60);

/// The control files of this program, typed.
#[derive(Debug)]
pub struct Settings {
    /// How to go out.
    pub client: Client,
    routes: SmtpRoutes,
    domains: DomainMap<Callout>,
}

impl Settings {
    /// Reads callout, smtproutes, and all that stafett-remote reads.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Self, Error> {
        Settings::with(Client::read(control)?, control)
    }

    /// Reads them again; what is dear and has not changed is kept.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn renewed(&self, control: &Control) -> Result<Self, Error> {
        Settings::with(self.client.renewed(control)?, control)
    }

    fn with(mut client: Client, control: &Control) -> Result<Self, Error> {
        let patience = &mut client.patience;
        for step in [&mut patience.opening, &mut patience.mail, &mut patience.recipient, &mut patience.block] {
            *step = (*step).min(STEP);
        }
        Ok(Settings { client, routes: routes(control)?, domains: domains(control)? })
    }

    /// How the recipients of a domain are asked for; nothing when they are not.
    pub fn rule(&self, domain: &str) -> Option<&Callout> {
        self.domains.look_up(domain).filter(|callout| callout.on)
    }

    /// Where mail for a domain goes, and so whom to ask.
    pub fn destination(&self, domain: &str) -> Destination {
        self.routes.destination(domain)
    }
}

fn routes(control: &Control) -> Result<SmtpRoutes, Error> {
    let mut routes = SmtpRoutes::new();
    for item in control.map(&rows::SMTPROUTES)?.unwrap_or_default() {
        let (key, value) = item.value;
        routes.insert(&key, &value).map_err(|bad| fault(rows::SMTPROUTES.name, item.line, bad.to_string()))?;
    }
    Ok(routes)
}

fn domains(control: &Control) -> Result<DomainMap<Callout>, Error> {
    let mut domains = DomainMap::default();
    for item in control.map(&rows::CALLOUT)?.unwrap_or_default() {
        let callout = Callout::parse(&item.value.1).map_err(|reason| fault(rows::CALLOUT.name, item.line, reason))?;
        domains.insert(&item.value.0, callout);
    }
    Ok(domains)
}

fn fault(file: &str, line: usize, reason: String) -> Error {
    Error { file: format!("control/{file}"), line, reason }
}
