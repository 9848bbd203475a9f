//! A greeted connection: from a destination to a server that takes MAIL.
//!
//! Every address is tried in its turn; whatever goes wrong before the first MAIL leads to the next one. A [`Way`]
//! remembers who has been tried, so that a message which a host puts off can go on to the next.
//! Fails with [`NoSession`], which names each address tried and its reason.

use std::collections::VecDeque;
use std::fmt::Display;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use stafett_control::form::smtpauth::Account;
use stafett_smtp::Response;
use stafett_smtp::ehlo::Capabilities;
use stafett_wire::delivery::{Destination, Kind};

use crate::door::{self, Failure};
use crate::judgement::{self, NoSession, Opening, Place};
use crate::login::{self, Denied};
use crate::outgoing::Sources;
use crate::peer::{Peer, Trouble};
use crate::race::{Course, Race};
use crate::settings::Settings;
use crate::targets;

/// How long we wait for the farewell of a server that we no longer need.
const FAREWELL: Duration = Duration::from_secs(5);

/// A server that has greeted us.
#[derive(Debug)]
pub struct Session {
    /// The connection.
    pub peer: Peer,
    /// Where it leads, for the texts.
    pub place: Place,
    /// What the server offers; nothing after HELO.
    pub server: Capabilities,
    /// It answers for each recipient after the message (RFC 2033 §4.2).
    pub is_lmtp: bool,
    /// A transaction has been tried on it: it may have grown old meanwhile.
    pub is_used: bool,
    /// A transaction was begun and neither ended nor reset.
    pub needs_reset: bool,
}

/// The hosts of a destination that are left to try.
#[derive(Debug)]
pub struct Way<'a> {
    settings: &'a Settings,
    destination: &'a Destination,
    /// Where its connections come from.
    pub sources: Sources,
    hosts: VecDeque<Host<'a>>,
    reasons: Vec<String>,
    /// Something other than control/destinations has refused an address.
    is_allowed: bool,
    /// Whom its hosts are told that we are.
    account: Option<&'a Account>,
}

#[derive(Debug)]
enum Host<'a> {
    Addresses(Race),
    Socket(&'a str),
}

impl<'a> Way<'a> {
    /// Finds the hosts of `destination`.
    ///
    /// # Errors
    /// [`NoSession`] where no address can be found, or not the credentials that the route names.
    pub fn find(settings: &'a Settings, destination: &'a Destination, sources: Sources) -> Result<Self, NoSession> {
        let account = destination.word("auth").map(|name| settings.credentials.named(name)).transpose();
        let account = account.map_err(|reason| judgement::no_credentials(destination, &reason))?;
        let hosts = match destination.kind {
            Kind::LmtpSocket => VecDeque::from([Host::Socket(destination.name.as_str())]),
            _ => {
                let hosts = targets::find(settings, destination)?.into_iter();
                hosts.map(|addresses| Host::Addresses(Race::new(addresses, destination.port))).collect()
            }
        };
        Ok(Way { settings, destination, sources, hosts, reasons: Vec::new(), is_allowed: false, account })
    }

    /// Connects to the next address that serves, and says EHLO or LHLO; `until` is the end of all patience.
    ///
    /// # Errors
    /// [`NoSession`] where none of the addresses that are left serves.
    pub fn next(&mut self, until: Instant) -> Result<Session, NoSession> {
        while !self.hosts.is_empty() {
            let Some((peer, place)) = self.connect(until) else {
                self.hosts.pop_front();
                continue;
            };
            let session = open(self.settings, self.is_lmtp(), peer, place).and_then(|session| self.log_in(session));
            match session {
                Ok(session) => return Ok(session),
                Err(Unopened::Here(reason)) => self.reasons.push(reason),
                Err(Unopened::Anywhere(no_session)) => return Err(no_session),
            }
        }
        match self.is_allowed {
            true => Err(judgement::no_host_left(self.destination, &self.reasons)),
            false => Err(judgement::outside_networks(self.destination, &self.reasons)),
        }
    }

    /// Whether there is a host beside the one at hand.
    pub fn has_another_host(&self) -> bool {
        self.hosts.len() > 1
    }

    /// Gives up the host at hand.
    pub fn leave_host(&mut self) {
        self.hosts.pop_front();
    }

    /// Says who we are where the route has credentials.
    fn log_in(&self, mut session: Session) -> Result<Session, Unopened> {
        let Some(account) = self.account else { return Ok(session) };
        let Session { peer, place, server, .. } = &mut session;
        match login::log_in(peer, place, server, account, false, &self.settings.patience) {
            Ok(()) => Ok(session),
            Err(Denied::Lost(trouble)) => Err(Unopened::Here(judgement::host_fails(place, &trouble))),
            Err(Denied::Wrong(reply)) => {
                let refused = judgement::credentials_refused(place, &account.name, &reply);
                take_leave(session.peer);
                Err(Unopened::Anywhere(refused))
            }
            Err(Denied::Here(reason)) => {
                let reason = judgement::host_does_not_fit(place, &reason);
                take_leave(session.peer);
                Err(Unopened::Here(reason))
            }
        }
    }

    fn is_lmtp(&self) -> bool {
        matches!(self.destination.kind, Kind::Lmtp | Kind::LmtpSocket)
    }

    /// A connection to the first host; none when it has no address left.
    fn connect(&mut self, until: Instant) -> Option<(Peer, Place)> {
        let patience = &self.settings.patience;
        let (reasons, is_allowed) = (&mut self.reasons, &mut self.is_allowed);
        match self.hosts.front_mut()? {
            Host::Addresses(race) => {
                let deadline = until.min(Instant::now() + patience.connect);
                let course = Course { allowed: &self.settings.allowed, sources: self.sources, deadline };
                let mut failed = |address: IpAddr, failure: Failure| {
                    *is_allowed |= !matches!(failure, Failure::NotAllowed);
                    reasons.push(judgement::host_fails(&address, &failure));
                };
                let (address, socket) = race.next(&course, &mut failed)?;
                *is_allowed = true;
                Some((Peer::new(socket, until), Place::Address(address)))
            }
            Host::Socket(path) => {
                let path = *path;
                *is_allowed = true;
                // A socket is one address: it is tried once.
                self.hosts.pop_front();
                match door::connect_unix(path, patience.connect) {
                    Ok(socket) => Some((Peer::new(socket, until), Place::Socket(path.to_owned()))),
                    Err(error) => {
                        reasons.push(judgement::host_fails(&path, &error));
                        None
                    }
                }
            }
        }
    }
}

/// Says QUIT and waits a little for the answer (RFC 5321 §4.1.1.10).
pub fn quit(mut session: Session) {
    session.peer.end_at(Instant::now() + FAREWELL);
    if session.peer.send(b"QUIT\r\n", FAREWELL).is_ok() {
        let _ = session.peer.reply(FAREWELL);
    }
}

/// Why a connection does not take MAIL.
enum Unopened {
    /// The next host may do better.
    Here(String),
    /// None of them would.
    Anywhere(NoSession),
}

fn open(settings: &Settings, is_lmtp: bool, mut peer: Peer, place: Place) -> Result<Session, Unopened> {
    let fails = |error: &dyn Display| Unopened::Here(judgement::host_fails(&place, error));
    let greeting = peer.reply(settings.patience.opening).map_err(|trouble| fails(&trouble))?;
    if judgement::greeting(&greeting) != Opening::GoOn {
        return Err(refuse(peer, &place, "greeting failed", &greeting));
    }
    let hello = say(&mut peer, settings, if is_lmtp { "LHLO" } else { "EHLO" }).map_err(|trouble| fails(&trouble))?;
    let server = match judgement::hello(&hello, is_lmtp) {
        Opening::GoOn => Capabilities::parse(&hello),
        Opening::NextHost => return Err(refuse(peer, &place, "my name was rejected", &hello)),
        Opening::SayHelo => {
            let hello = say(&mut peer, settings, "HELO").map_err(|trouble| fails(&trouble))?;
            if !judgement::is_success(&hello) {
                return Err(refuse(peer, &place, "my name was rejected", &hello));
            }
            Capabilities::default()
        }
    };
    Ok(Session { peer, place, server, is_lmtp, is_used: false, needs_reset: false })
}

fn say(peer: &mut Peer, settings: &Settings, verb: &str) -> Result<Response, Trouble> {
    let line = format!("{verb} {}\r\n", settings.helo);
    peer.send(line.as_bytes(), settings.patience.block)?;
    peer.reply(settings.patience.opening)
}

fn refuse(peer: Peer, place: &Place, at: &str, response: &Response) -> Unopened {
    take_leave(peer);
    Unopened::Here(judgement::host_refuses(place, at, response))
}

/// Polite, but not worth waiting for: the next host is.
fn take_leave(mut peer: Peer) {
    let _ = peer.send(b"QUIT\r\n", Duration::ZERO);
}
