//! What control/ says to this program, read once and handed to every look-up.
//!
//! Fails with the control file's error, which names file and line.

use stafett_control::form::https::Sts;
use stafett_control::{Control, Error, rows};
use stafett_https::Https;
use stafett_route::DomainMap;
use stafett_smtp_client::Reach;

/// The control files of this program, typed.
#[derive(Debug)]
pub struct Settings {
    /// Whom to ask for names, and who may vouch for hosts.
    pub reach: Reach,
    /// The way to policy hosts.
    pub https: Https,
    domains: DomainMap<Sts>,
}

impl Settings {
    /// Reads mtasts, httpsproxy, and what [`Reach`] reads.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let reach = Reach::read(control)?;
        let https = Https::new(control, &reach)?;
        let mut domains = DomainMap::default();
        for item in control.map(&rows::MTASTS)?.unwrap_or_default() {
            let (key, word) = item.value;
            let fault = |reason| Error { file: format!("control/{}", rows::MTASTS.name), line: item.line, reason };
            domains.insert(&key, Sts::parse(&word).map_err(fault)?);
        }
        Ok(Settings { reach, https, domains })
    }

    /// What is done about the policy of a domain.
    pub fn rule(&self, domain: &str) -> Sts {
        self.domains.look_up(domain).copied().unwrap_or_default()
    }
}
