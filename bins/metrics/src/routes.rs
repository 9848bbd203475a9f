//! By which kind of route a recipient's mail goes: control/smtproutes as the scheduler reads it.
//!
//! How it fails: a file that does not parse leaves the last good routes in force.
//! Known limits: a route that an admin gave one message is not seen.

use stafett_control::{Control, rows};
use stafett_route::SmtpRoutes;
use stafett_wire::delivery::Kind;
use std::time::SystemTime;

/// The routes in force.
#[derive(Debug)]
pub struct Routes {
    table: SmtpRoutes,
    read: Option<SystemTime>,
}

impl Routes {
    /// Everything by MX.
    pub fn none() -> Routes {
        Routes { table: SmtpRoutes::new(), read: None }
    }

    /// Reads the file again if it has changed.
    pub fn refresh(&mut self, control: &Control) {
        let changed = std::fs::metadata(control.path(&rows::SMTPROUTES)).and_then(|found| found.modified()).ok();
        if changed == self.read {
            return;
        }
        self.read = changed;
        let Ok(items) = control.map(&rows::SMTPROUTES) else { return };
        let mut table = SmtpRoutes::new();
        let items = items.unwrap_or_default();
        if items.iter().all(|item| table.insert(&item.value.0, &item.value.1).is_ok()) {
            self.table = table;
        }
    }

    /// Adds one, for tests.
    #[cfg(test)]
    pub fn insert(&mut self, domain: &str, route: &str) {
        self.table.insert(domain, route).unwrap();
    }

    /// `mx`, `host` or `lmtp`.
    pub fn kind(&self, address: &str) -> &'static str {
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        match self.table.destination(domain).kind {
            Kind::Mx => "mx",
            Kind::Host => "host",
            Kind::Lmtp | Kind::LmtpSocket => "lmtp",
        }
    }
}
