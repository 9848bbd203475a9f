//! The services that know what destinations promise and that count what they keep: stafett-mtasts and stafett-tlsrpt.
//!
//! Neither is asked or told anything where its control file is missing.
//! How it fails: a policy that cannot be asked for is an error, and mail waits; a count that cannot be told is a note for the log.

use std::io;
use std::path::PathBuf;
use std::time::Duration;

use stafett_control::form::https::Sts as Rule;
use stafett_control::{Control, Error, rows};
use stafett_instance::{Instance, Service};
use stafett_route::DomainMap;
use stafett_sts::{Count, Known, question};

/// How long a policy is waited for; the service answers within 15 seconds.
const POLICY: Duration = Duration::from_secs(30);
/// How long a count may take; mail is not held up for it.
const COUNT: Duration = Duration::from_secs(1);

/// Where they are.
#[derive(Clone, Debug, Default)]
pub struct Services {
    policies: Option<(PathBuf, DomainMap<Rule>)>,
    counts: Option<PathBuf>,
}

impl Services {
    /// Reads mtasts, and whether there is tlsrpt.
    ///
    /// # Errors
    /// When one of them does not parse.
    pub fn read(control: &Control) -> Result<Services, Error> {
        let (rules, counts) = (control.map(&rows::MTASTS)?, control.list(&rows::TLSRPT)?);
        if rules.is_none() && counts.is_none() {
            return Ok(Services::default());
        }
        let fault = |line, reason| Error { file: format!("control/{}", rows::MTASTS.name), line, reason };
        let root = control.directory().parent().unwrap_or(control.directory());
        let instance = Instance::at(root).map_err(|error| fault(0, error.to_string()))?;
        let mut domains = DomainMap::default();
        for item in rules.iter().flatten() {
            domains.insert(&item.value.0, Rule::parse(&item.value.1).map_err(|reason| fault(item.line, reason))?);
        }
        let policies = rules.map(|_| (instance.socket(Service::MtaSts), domains));
        let counts = counts.filter(|lines| !lines.is_empty()).map(|_| instance.socket(Service::TlsRpt));
        Ok(Services { policies, counts })
    }

    /// What a domain promises; nothing where nobody asks.
    ///
    /// # Errors
    /// When the service does not say.
    pub fn policy_of(&self, domain: &str) -> io::Result<Option<Known>> {
        match &self.policies {
            Some((socket, rules)) if rules.look_up(domain).is_some_and(|rule| *rule != Rule::Off) => {
                Known::about(domain, socket, POLICY).map(Some)
            }
            _ => Ok(None),
        }
    }

    /// A host did not keep the policy of its domain. Nothing hangs on the answer: the next delivery asks again.
    pub fn policy_failed(&self, domain: &str) {
        if let Some((socket, _)) = &self.policies {
            let _ = question::tell_of_failure(domain, socket, COUNT);
        }
    }

    /// Counts a session, if anybody does.
    ///
    /// # Errors
    /// When it was not counted.
    pub fn count(&self, count: impl FnOnce() -> Count) -> io::Result<()> {
        self.counts.as_ref().map_or(Ok(()), |socket| count().tell(socket, COUNT))
    }
}
