//! What control/ says to this program.
//!
//! Fails with the control file's error, which names file and line.

use crate::lists::Lists;
use stafett_control::{Control, Error, rows};
use stafett_dns::{Chosen, Resolver};
use std::time::Duration;

/// How long one inquiry may take where control/dnsbltimeout is absent, in seconds.
const WITHIN: u64 = 5;

/// The settings.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Lists of addresses.
    pub addresses: Lists,
    /// Lists of domains.
    pub domains: Lists,
    /// How long one inquiry may take.
    pub within: Duration,
    /// Whom to ask.
    pub resolver: Resolver,
    chosen: Chosen,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// When a file does not parse.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let lines = control.list(&rows::RESOLVERS)?.unwrap_or_default();
        let chosen = Chosen::from_lines(lines.iter().map(|item| item.value.as_str()));
        Ok(Settings {
            addresses: Lists::read(control, &rows::DNSBLLIST)?,
            domains: Lists::read(control, &rows::RHSBLLIST)?,
            within: Duration::from_secs(control.integer(&rows::DNSBLTIMEOUT)?.unwrap_or(WITHIN)),
            resolver: Resolver::new(chosen.servers.clone()),
            chosen,
        })
    }

    /// Lists that a command line names, and the system's name servers.
    pub fn of_system(addresses: Lists) -> Settings {
        let chosen = Chosen::from_lines([]);
        Settings {
            addresses,
            domains: Lists::of(Vec::new()),
            within: Duration::from_secs(WITHIN),
            resolver: Resolver::new(chosen.servers.clone()),
            chosen,
        }
    }

    /// Whether /etc/resolv.conf is in use and has changed since it was read.
    pub fn are_stale(&self) -> bool {
        self.chosen.is_stale()
    }
}
