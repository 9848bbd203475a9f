//! By which kind of route a recipient's mail goes: control/smtproutes as the scheduler reads it.
//!
//! How it fails: a file that does not parse leaves the last good routes in force.
//! Known limits: a route that an admin gave one message is not seen.

use stafett_control::{Control, rows};
use stafett_route::{Locals, Place, SmtpRoutes};
use stafett_wire::delivery::{Kind, LOCAL};
use std::time::SystemTime;

/// The routes in force.
#[derive(Debug)]
pub struct Routes {
    table: SmtpRoutes,
    locals: Locals,
    /// When the newest of the files was written; nothing was read yet where there is no outer one.
    read: Option<Option<SystemTime>>,
}

impl Routes {
    /// Everything by MX.
    pub fn none() -> Routes {
        Routes { table: SmtpRoutes::new(), locals: Locals::default(), read: None }
    }

    /// Reads the files again if one has changed.
    pub fn refresh(&mut self, control: &Control) {
        let files = [&rows::SMTPROUTES, &rows::LOCALS, &rows::VIRTUALDOMAINS];
        let changed =
            files.into_iter().filter_map(|row| std::fs::metadata(control.path(row)).and_then(|found| found.modified()).ok()).max();
        if self.read == Some(changed) {
            return;
        }
        self.read = Some(changed);
        if let Ok(locals) = Locals::read(control) {
            self.locals = locals;
        }
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
        assert!(self.table.insert(domain, route).is_ok(), "{domain}:{route}");
    }

    /// `local`, `mx`, `host` or `lmtp`.
    pub fn kind(&self, address: &str) -> &'static str {
        if matches!(self.locals.place(address), Place::Here(_)) {
            return LOCAL;
        }
        let domain = address.rsplit_once('@').map_or("", |(_, domain)| domain);
        match self.table.destination(domain).kind {
            Kind::Mx => "mx",
            Kind::Host => "host",
            Kind::Lmtp | Kind::LmtpSocket => "lmtp",
            Kind::Local => LOCAL,
        }
    }
}
