//! Names by the resolvers of control/, and addresses by control/destinations.

use std::fmt;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use stafett_dns::{Kind, Outcome, Question, Resolver as Dns};
use stafett_smtp_client::door::Allowed;
use ureq::config::Config;
use ureq::http::Uri;
use ureq::unversioned::resolver::{ResolvedSocketAddrs, Resolver};
use ureq::unversioned::transport::NextTimeout;

use crate::failure::{Failure, What};

/// How long names are waited for.
const PATIENCE: Duration = Duration::from_secs(15);
/// Addresses that are tried.
const MOST: usize = 8;

/// The resolver.
pub(crate) struct Names {
    pub(crate) dns: Dns,
    pub(crate) allowed: Allowed,
}

impl fmt::Debug for Names {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Names")
    }
}

impl Names {
    fn addresses(&self, host: &str, within: Duration) -> Result<Vec<IpAddr>, Failure> {
        if let Ok(address) = host.trim_matches(['[', ']']).parse() {
            return Ok(vec![address]);
        }
        // Only for its judgement about the name.
        let question = Question::new(host, Kind::A).map_err(|bad| Failure::new(What::NoHost, bad.to_string()))?;
        match self.dns.addresses(&question.name, within) {
            Outcome::Answer(addresses) => Ok(addresses),
            Outcome::NoSuchName => Err(Failure::new(What::NoHost, format!("{host} does not exist"))),
            Outcome::NoData => Err(Failure::new(What::NoHost, format!("{host} has no address"))),
            Outcome::Temporary(failure) => Err(Failure::new(What::Unreachable, format!("unable to find {host}: {failure}"))),
        }
    }
}

impl Resolver for Names {
    fn resolve(&self, uri: &Uri, _: &Config, timeout: NextTimeout) -> Result<ResolvedSocketAddrs, ureq::Error> {
        let host = uri.host().ok_or(ureq::Error::HostNotFound)?;
        let port = uri.port_u16().unwrap_or(443);
        let within = timeout.not_zero().map_or(PATIENCE, |left| (*left).min(PATIENCE));
        let found = self.addresses(host, within).map_err(other)?;
        let mut addresses = self.empty();
        for address in found.into_iter().filter(|address| self.allowed.contains(*address)).take(MOST) {
            addresses.push(SocketAddr::new(address, port));
        }
        if addresses.is_empty() {
            return Err(other(Failure::new(What::Unreachable, format!("{host} is outside of the networks in control/destinations"))));
        }
        Ok(addresses)
    }
}

impl std::error::Error for Failure {}

fn other(failure: Failure) -> ureq::Error {
    ureq::Error::Other(Box::new(failure))
}
