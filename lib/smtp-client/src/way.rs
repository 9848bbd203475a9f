//! From a destination to a session with one of its hosts.
//!
//! Every address is tried in its turn; whatever goes wrong before the first MAIL leads to the next one. A [`Way`]
//! remembers who has been tried, so that a message which a host puts off can go on to the next. Where TLS is welcome but
//! not demanded, an address whose TLS does not work is tried once more with less.
//! Fails with [`NoSession`], which names each address tried and its reason.

mod admission;

use std::collections::VecDeque;
use std::net::IpAddr;
use std::time::Instant;

use stafett_control::form::smtpauth::Account;
use stafett_wire::delivery::{Destination, Kind};

use crate::door::{self, Failure};
use crate::judgement::{self, NoSession, Place};
use crate::opening::{Lack, Opening, Useless};
use crate::outgoing::Sources;
use crate::peer::Peer;
use crate::race::{Course, Race};
use crate::session::Session;
use crate::settings::Settings;
use crate::targets::{self, Target};
use crate::tls::demand::Unfit;
use crate::tls::{Demand, Need, Outcome, Policy, PolicyType, ResultType, Secrecy, policy_for, report_outcome};

/// The hosts of a destination that are left to try.
#[derive(Debug)]
pub struct Way<'a> {
    settings: &'a Settings,
    destination: &'a Destination,
    /// Where its connections come from.
    pub sources: Sources,
    policy: Policy,
    hosts: VecDeque<Host<'a>>,
    reasons: Vec<String>,
    /// Something other than control/destinations has refused an address.
    is_allowed: bool,
    /// A host was left because of its TLS.
    is_insecure: bool,
    notes: Vec<String>,
    /// An address was left for something that has nothing to do with TLS, and may be there later.
    is_away: bool,
    /// A host speaks TLS as it should, and does not offer REQUIRETLS.
    lacks_promise: bool,
    /// Whom its hosts are told that we are.
    account: Option<&'a Account>,
}

#[derive(Debug)]
struct Host<'a> {
    target: Target,
    door: Door<'a>,
    /// What it must give; looked up when its turn comes.
    demand: Option<Demand>,
    /// Addresses that are tried once more with less.
    relaxed: Vec<(IpAddr, Demand)>,
    /// A socket is one address: it is tried once.
    is_tried: bool,
}

#[derive(Debug)]
enum Door<'a> {
    Addresses(Race),
    Socket(&'a str),
}

impl<'a> Way<'a> {
    /// Finds the hosts of `destination`, and what is demanded of them.
    ///
    /// # Errors
    /// [`NoSession`] where no address can be found, or not the credentials that the route names.
    pub fn find(settings: &'a Settings, destination: &'a Destination, sources: Sources, secrecy: Secrecy) -> Result<Self, NoSession> {
        Way::under(settings, destination, sources, policy_for(settings, destination)?.wanted(secrecy))
    }

    /// As [`Way::find`], under a policy of the caller's.
    ///
    /// # Errors
    /// As [`Way::find`].
    pub fn under(settings: &'a Settings, destination: &'a Destination, sources: Sources, policy: Policy) -> Result<Self, NoSession> {
        let account = destination.word("auth").map(|name| settings.credentials.named(name)).transpose();
        let account = account.map_err(|reason| judgement::no_credentials(destination, &reason))?;
        let host = |target, door| Host { target, door, demand: None, relaxed: Vec::new(), is_tried: false };
        let hosts = match destination.kind {
            Kind::LmtpSocket => VecDeque::from([host(Target::default(), Door::Socket(&destination.name))]),
            _ => {
                let race = |target: &Target| Door::Addresses(Race::new(target.addresses.clone(), destination.port));
                let found = targets::find(settings, destination)?.into_iter();
                found.map(|target| (race(&target), target)).map(|(door, target)| host(target, door)).collect()
            }
        };
        Ok(Way {
            settings,
            destination,
            sources,
            policy,
            hosts,
            reasons: Vec::new(),
            is_allowed: false,
            is_insecure: false,
            notes: Vec::new(),
            is_away: false,
            lacks_promise: false,
            account,
        })
    }

    /// Connects to the next address that serves, and says EHLO or LHLO; `until` is the end of all patience.
    ///
    /// # Errors
    /// [`NoSession`] where none of the addresses that are left serves.
    pub fn next(&mut self, until: Instant) -> Result<Session, NoSession> {
        while !self.hosts.is_empty() {
            if !self.is_fit() {
                self.hosts.pop_front();
                continue;
            }
            let Some((peer, place)) = self.connect(until) else {
                self.hosts.pop_front();
                continue;
            };
            if let Some(session) = self.open(peer, place)? {
                return Ok(session);
            }
        }
        let (destination, reasons) = (self.destination, &self.reasons);
        let lacks_required = self.policy.secrecy == Secrecy::Required && !self.is_away;
        Err(match self.is_allowed {
            _ if lacks_required => judgement::cannot_require_tls(destination, reasons, self.lacks_promise),
            _ if self.is_insecure => judgement::not_secure_enough(destination, reasons),
            true => judgement::no_host_left(destination, reasons),
            false => judgement::outside_networks(destination, reasons),
        })
    }

    /// What the messages on this way want.
    pub fn secrecy(&self) -> Secrecy {
        self.policy.secrecy
    }

    /// Whether the destination still promises by MTA-STS what it did when this way was found. Where nobody can tell, it is not:
    /// a new way finds out why.
    pub fn is_current(&self) -> bool {
        policy_for(self.settings, self.destination).is_ok_and(|policy| policy.sts == self.policy.sts)
    }

    /// Whether a host was left for what the destination publishes alone, so that a sender can waive it.
    pub fn can_be_waived(&self) -> bool {
        self.is_insecure && self.policy.can_be_waived()
    }

    /// Whether there is a host beside the one at hand.
    pub fn has_another_host(&self) -> bool {
        self.hosts.len() > 1
    }

    /// Gives up the host at hand.
    pub fn leave_host(&mut self) {
        self.hosts.pop_front();
    }

    /// Gives up the host with this address, while none has been connected to; whether another one is left.
    pub fn leave_host_at(&mut self, place: &Place) -> bool {
        let is_it = |host: &Host<'_>| place.address().is_none_or(|address| host.target.addresses.contains(&address));
        if let Some(index) = self.hosts.iter().position(is_it) {
            self.hosts.remove(index);
        }
        !self.hosts.is_empty()
    }

    /// What the log should know: where TLS was given up.
    pub fn take_notes(&mut self) -> Vec<String> {
        std::mem::take(&mut self.notes)
    }

    fn is_lmtp(&self) -> bool {
        matches!(self.destination.kind, Kind::Lmtp | Kind::LmtpSocket)
    }

    /// Whether the first host may be tried; what it must give is known then.
    fn is_fit(&mut self) -> bool {
        let Some(host) = self.hosts.front_mut().filter(|host| host.demand.is_none()) else { return true };
        match Demand::of(self.settings, &self.policy, self.destination, &host.target) {
            Ok(demand) => {
                host.demand = Some(demand);
                true
            }
            Err(Unfit { policy, result, words }) => {
                self.reasons.push(judgement::lacks_tls(&host.target.name, None, &words));
                self.is_insecure = true;
                self.is_away |= result == ResultType::DnssecInvalid;
                let (destination, mx) = (&self.destination.name, &host.target.name);
                let outcome = Outcome { destination, policy, mx, address: None, source: None, result, words: &words };
                self.notes.extend(report_outcome(self.settings, self.destination, &self.policy, &outcome));
                false
            }
        }
    }

    /// A session over a connection to the first host; where there is none, why not is remembered.
    fn open(&mut self, peer: Peer, place: Place) -> Result<Option<Session>, NoSession> {
        let address = place.address();
        let Some(demand) = self.hosts.front().and_then(|host| host.demand_for(address)).cloned() else { return Ok(None) };
        let identity = self.policy.terms.certificate.as_deref();
        let opening = Opening { settings: self.settings, is_lmtp: self.is_lmtp(), demand: &demand, identity };
        match opening.open(peer, place.clone()) {
            Ok((session, lack)) => {
                self.tell(&demand, address, &session, lack);
                return self.admit(session);
            }
            Err(Useless::Host(reason)) => {
                self.is_away = true;
                self.reasons.push(reason);
            }
            Err(Useless::Insecure(lack)) => self.is_too_weak(&demand, &place, lack),
        }
        Ok(None)
    }

    fn tell(&mut self, demand: &Demand, address: Option<IpAddr>, session: &Session, lack: Option<Lack>) {
        if demand.need == Need::Never {
            return;
        }
        let Some(host) = self.hosts.front() else { return };
        let name = host.target.name.clone();
        // An address that is tried once more has been told of.
        let is_told = address.is_some_and(|address| host.relaxed.iter().any(|(known, _)| *known == address));
        if let Some(Lack { words, .. }) = &lack {
            self.notes.push(format!("{}; going on without TLS", judgement::lacks_tls(&name, Some(&session.place), words)));
        }
        let (result, words) = match lack {
            _ if session.peer.tls().is_some() => (ResultType::Success, String::new()),
            Some(Lack { result, words, .. }) => (result, words),
            None => (ResultType::StarttlsNotSupported, "offers no STARTTLS".to_owned()),
        };
        if is_told {
            return;
        }
        let (result, words) = match &self.policy.sts {
            Some(sts) if demand.policy == PolicyType::Sts && !sts.admits(&name) => {
                (ResultType::CertificateHostMismatch, "is not among the MX hosts of the MTA-STS policy".to_owned())
            }
            _ => (result, words),
        };
        let (destination, policy, source) =
            (&self.destination.name, demand.policy, address.and_then(|address| self.sources.towards(address)));
        let outcome = Outcome { destination, policy, mx: &name, address, source, result, words: &words };
        self.notes.extend(report_outcome(self.settings, self.destination, &self.policy, &outcome));
    }

    /// The address is tried once more with less, where TLS is not demanded; else it is left.
    fn is_too_weak(&mut self, demand: &Demand, place: &Place, lack: Lack) {
        let Some(host) = self.hosts.front_mut() else { return };
        let Lack { result, words, is_certificate } = lack;
        let address = place.address();
        let text = judgement::lacks_tls(&host.target.name, Some(place), &words);
        let source = address.and_then(|address| self.sources.towards(address));
        let (destination, mx) = (&self.destination.name, &host.target.name);
        let outcome = Outcome { destination, policy: demand.policy, mx, address, source, result, words: &words };
        self.notes.extend(report_outcome(self.settings, self.destination, &self.policy, &outcome));
        match (demand.need, address, &mut host.door) {
            (Need::Offered, Some(address), Door::Addresses(race)) => {
                let less = demand.relaxed(is_certificate);
                let how = if less.need == Need::Never { "without TLS" } else { "with any certificate" };
                self.notes.push(format!("{text}; trying again {how}"));
                host.relaxed.retain(|(known, _)| *known != address);
                host.relaxed.push((address, less));
                race.again(address);
            }
            _ => {
                self.reasons.push(format!("{text} (demanded by {})", demand.because));
                self.is_insecure = true;
                // a handshake that broke may go well the next time
                self.is_away |= result == ResultType::ValidationFailure;
            }
        }
    }

    /// A connection to the first host; none when it has no address left.
    fn connect(&mut self, until: Instant) -> Option<(Peer, Place)> {
        let patience = &self.settings.patience;
        let (reasons, is_allowed, is_away) = (&mut self.reasons, &mut self.is_allowed, &mut self.is_away);
        let host = self.hosts.front_mut()?;
        match &mut host.door {
            Door::Addresses(race) => {
                let deadline = until.min(Instant::now() + patience.connect);
                let course = Course { allowed: &self.settings.allowed, sources: self.sources, deadline };
                let mut failed = |address: IpAddr, failure: Failure| {
                    *is_away = true;
                    *is_allowed |= !matches!(failure, Failure::NotAllowed);
                    reasons.push(judgement::host_fails(&address, &failure));
                };
                let (address, socket) = race.next(&course, &mut failed)?;
                *is_allowed = true;
                Some((Peer::new(socket, until), Place::Address(address)))
            }
            Door::Socket(path) => {
                let path = *path;
                *is_allowed = true;
                if std::mem::replace(&mut host.is_tried, true) {
                    return None;
                }
                match door::connect_unix(path, patience.connect) {
                    Ok(socket) => Some((Peer::new(socket, until), Place::Socket(path.to_owned()))),
                    Err(error) => {
                        *is_away = true;
                        reasons.push(judgement::host_fails(&path, &error));
                        None
                    }
                }
            }
        }
    }
}

impl Host<'_> {
    fn demand_for(&self, address: Option<IpAddr>) -> Option<&Demand> {
        let less = address.and_then(|address| self.relaxed.iter().find(|(known, _)| *known == address));
        less.map(|(_, demand)| demand).or(self.demand.as_ref())
    }
}
