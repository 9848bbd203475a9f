//! Which of this host's addresses a connection comes from: control/outgoingip and control/domainbindings.
//!
//! A line of outgoingip that names the destination goes first, because a destination that admits one address alone is
//! the harder bound; then the sender's line of domainbindings; then outgoingip's line for all. Each family is looked up
//! by itself. An address that this host does not have fails the connection; another one is never taken in its place.
//! Fails with the control file's error, which names file and line.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use stafett_control::form::network::ip_address;
use stafett_control::form::outgoing::split;
use stafett_control::{Control, Error, rows};

/// The addresses to come from, one for each family; without one the system chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sources {
    four: Option<Ipv4Addr>,
    six: Option<Ipv6Addr>,
}

impl Sources {
    /// The address for connections to `target`.
    pub fn towards(&self, target: IpAddr) -> Option<IpAddr> {
        match target {
            IpAddr::V4(_) => self.four.map(IpAddr::V4),
            IpAddr::V6(_) => self.six.map(IpAddr::V6),
        }
    }

    /// The address of the other family of the same line stays.
    fn take(&mut self, address: IpAddr) {
        match address {
            IpAddr::V4(four) => self.four = Some(four),
            IpAddr::V6(six) => self.six = Some(six),
        }
    }

    fn or(self, other: Sources) -> Sources {
        Sources { four: self.four.or(other.four), six: self.six.or(other.six) }
    }
}

/// What both files say.
#[derive(Clone, Debug, Default)]
pub struct Outgoing {
    destinations: HashMap<String, Sources>,
    senders: HashMap<String, Sources>,
    everything: Sources,
}

impl Outgoing {
    /// Reads both files.
    ///
    /// # Errors
    /// When a line does not parse.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let mut outgoing = Outgoing::default();
        // The rows have judged each line already.
        let lines = control.list(&rows::OUTGOINGIP)?.unwrap_or_default();
        for (domain, address) in lines.iter().filter_map(|item| split(&item.value).ok()) {
            match domain.as_str() {
                "" => outgoing.everything.take(address),
                _ => outgoing.destinations.entry(domain).or_default().take(address),
            }
        }
        let pairs = control.map(&rows::DOMAINBINDINGS)?.unwrap_or_default();
        for (domain, address) in pairs.into_iter().map(|item| item.value) {
            if let Ok(address) = ip_address(&address) {
                outgoing.senders.entry(domain).or_default().take(address);
            }
        }
        Ok(outgoing)
    }

    /// The addresses for mail from `sender` to a destination of that name.
    pub fn sources(&self, destination: &str, sender: &str) -> Sources {
        let domain = sender.rsplit_once('@').map_or("", |(_, domain)| domain);
        // The sender of double bounces is no address; see `script::reverse_path`.
        let domain = if domain == "[]" { "" } else { domain };
        let by_sender = look_up(&self.senders, domain).or(self.senders.get("").copied().unwrap_or_default());
        look_up(&self.destinations, destination).or(by_sender).or(self.everything)
    }
}

/// The domain itself, then each `.suffix`; a family is taken where it is first found.
fn look_up(table: &HashMap<String, Sources>, domain: &str) -> Sources {
    if table.is_empty() || domain.is_empty() {
        return Sources::default();
    }
    let domain = domain.to_lowercase();
    let suffixes = domain.match_indices('.').filter_map(|(dot, _)| domain.get(dot..));
    let found = std::iter::once(domain.as_str()).chain(suffixes).filter_map(|key| table.get(key));
    found.fold(Sources::default(), |sources, more| sources.or(*more))
}

#[cfg(test)]
#[path = "outgoing_test.rs"]
mod outgoing_test;
