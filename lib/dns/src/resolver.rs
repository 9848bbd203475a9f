//! Asks: any number of questions at once, under one deadline.
//!
//! One poll over the sockets of all questions, so fifty block-list questions take as long as the slowest.
//! Fails only in its outcomes; a failing poll ends every open question as temporary.

use std::net::{IpAddr, SocketAddr};
use std::time::{Duration, Instant};

use rustix::event::{PollFd, Timespec, poll};
use rustix::io::Errno;

use crate::flight::Flight;
use crate::outcome::{Failure, Host, Outcome, Reason, Record, Timed};
use crate::question::{Kind, Name, Question};

/// How long what is good to know is waited for when what is needed is known.
pub const GRACE: Duration = Duration::from_secs(2);

/// The servers to ask. Cheap to clone and to keep across fork: it holds no socket.
#[derive(Clone, Debug)]
pub struct Resolver {
    servers: Vec<SocketAddr>,
    /// Those beyond loopback whose word on DNSSEC counts.
    trusted: Vec<SocketAddr>,
}

impl Resolver {
    /// A resolver that asks these recursive servers in this order. What those on loopback say of DNSSEC is believed.
    #[must_use]
    pub fn new(servers: Vec<SocketAddr>) -> Self {
        Resolver { servers, trusted: Vec::new() }
    }

    /// The same, which also believes these servers: the way to them is as safe as loopback.
    #[must_use]
    pub fn trusting(self, trusted: Vec<SocketAddr>) -> Self {
        Resolver { trusted, ..self }
    }

    fn is_trusted(&self, number: usize) -> bool {
        self.servers.get(number).is_some_and(|server| server.ip().to_canonical().is_loopback() || self.trusted.contains(server))
    }

    /// The servers asked.
    #[must_use]
    pub fn servers(&self) -> &[SocketAddr] {
        &self.servers
    }

    /// One question; returns after `within` at the latest.
    #[must_use]
    pub fn ask(&self, question: &Question, within: Duration) -> Outcome {
        self.ask_all(std::slice::from_ref(question), within).pop().unwrap_or_else(|| system_failure("the question was lost"))
    }

    /// All questions in parallel; the outcomes stand in the order of the questions. Returns after `within` at the latest.
    #[must_use]
    pub fn ask_all(&self, questions: &[Question], within: Duration) -> Vec<Outcome> {
        self.ask_all_timed(questions, within).into_iter().map(|timed| timed.outcome).collect()
    }

    /// As [`Resolver::ask_all`], with how long each outcome may be remembered, for those who keep a cache of their own.
    #[must_use]
    pub fn ask_all_timed(&self, questions: &[Question], within: Duration) -> Vec<Timed> {
        self.ask_until(questions, within, |_| false)
    }

    /// As [`Resolver::ask_all`]; once `enough` is known the rest has [`GRACE`] left.
    fn ask_until(&self, questions: &[Question], within: Duration, enough: impl Fn(&[Flight]) -> bool) -> Vec<Timed> {
        let start = Instant::now();
        let mut deadline = start + within;
        let mut is_enough = false;
        let mut flights: Vec<Flight> = questions.iter().map(|question| Flight::new(question, start)).collect();
        loop {
            let now = Instant::now();
            for flight in &mut flights {
                flight.ask_if_due(&self.servers, now);
            }
            if !is_enough && enough(&flights) {
                is_enough = true;
                deadline = deadline.min(now + GRACE);
            }
            if now >= deadline || flights.iter().all(Flight::is_over) {
                break;
            }
            if let Err(error) = self.wait(&mut flights, now, deadline) {
                return questions.iter().map(|_| Timed { outcome: system_failure(error), lifetime: None, secure: false }).collect();
            }
        }
        flights.into_iter().map(|flight| flight.finish(|server| self.is_trusted(server))).collect()
    }

    /// The addresses of a host: A and AAAA at once, IPv6 first where both are there (RFC 6724 order is the caller's matter).
    ///
    /// An answer of one family suffices, and the other is then waited for no longer than [`GRACE`]; "no such name" and
    /// "no data" need both families to say so.
    #[must_use]
    pub fn addresses(&self, host: &Name, within: Duration) -> Outcome<Vec<IpAddr>> {
        self.addresses_of_all(std::slice::from_ref(host), within).pop().unwrap_or(Outcome::NoSuchName)
    }

    /// The addresses of several hosts, all asked for at once; outcomes in the order of the hosts.
    #[must_use]
    pub fn addresses_of_all(&self, hosts: &[Name], within: Duration) -> Vec<Outcome<Vec<IpAddr>>> {
        let addresses = |host: Host| Some(host.addresses);
        self.hosts(hosts, hosts.len(), within).into_iter().map(|outcome| outcome.and_then(addresses)).collect()
    }

    /// As [`Resolver::addresses_of_all`], with what DNSSEC says of them; once each of the first `best` has an address or has none, and one has, the
    /// others are waited for no longer than [`GRACE`]: a worse host whose name server is silent must not hold up mail
    /// for the best.
    #[must_use]
    pub fn hosts(&self, hosts: &[Name], best: usize, within: Duration) -> Vec<Outcome<Host>> {
        let questions: Vec<Question> =
            hosts.iter().flat_map(|host| [Kind::Aaaa, Kind::A].map(|kind| Question::about(host.clone(), kind))).collect();
        let enough = |flights: &[Flight]| {
            let mut found = flights.chunks(2).take(best);
            let is_settled = |host: &[Flight]| host.iter().any(Flight::has_answer) || host.iter().all(Flight::is_over);
            found.clone().all(is_settled) && found.any(|host| host.iter().any(Flight::has_answer))
        };
        let mut answers = self.ask_until(&questions, within, enough).into_iter();
        hosts.iter().map(|host| merge_families(host, answers.by_ref().take(2).collect())).collect()
    }

    /// The mail exchangers of a domain as (preference, host), best first; the root name means "takes no mail" (RFC 7505).
    #[must_use]
    pub fn exchangers(&self, domain: &Name, within: Duration) -> Outcome<Vec<(u16, Name)>> {
        self.secured_exchangers(domain, within).0
    }

    /// As [`Resolver::exchangers`], and whether DNSSEC vouches for them.
    #[must_use]
    pub fn secured_exchangers(&self, domain: &Name, within: Duration) -> (Outcome<Vec<(u16, Name)>>, bool) {
        let question = Question::about(domain.clone(), Kind::Mx);
        let Some(timed) = self.ask_all_timed(std::slice::from_ref(&question), within).pop() else {
            return (system_failure("the question was lost").and_then(|_| None), false);
        };
        let exchangers = timed.outcome.and_then(|answer| {
            let mut found: Vec<(u16, Name)> = answer
                .records
                .into_iter()
                .filter_map(|record| match record {
                    Record::Mx { preference, exchange } => Some((preference, exchange)),
                    _ => None,
                })
                .collect();
            found.sort_by_key(|(preference, _)| *preference);
            (!found.is_empty()).then_some(found)
        });
        (exchangers, timed.secure)
    }

    fn wait(&self, flights: &mut [Flight], now: Instant, deadline: Instant) -> Result<(), Errno> {
        let open = || flights.iter().enumerate().filter(|(_, flight)| !flight.is_over());
        let wake = open().filter_map(|(_, flight)| flight.next_attempt()).fold(deadline, Instant::min);
        let mut slots = Vec::new();
        let mut sockets = Vec::new();
        for (number, flight) in open() {
            for (index, (socket, flags)) in flight.interests().enumerate() {
                slots.push((number, index));
                sockets.push(PollFd::from_borrowed_fd(socket, flags));
            }
        }
        let timeout = Timespec::try_from(wake.saturating_duration_since(now)).map_err(|_| Errno::INVAL)?;
        match poll(&mut sockets, Some(&timeout)) {
            Ok(_) => {}
            Err(Errno::INTR) => return Ok(()),
            Err(error) => return Err(error),
        }
        let ready: Vec<(usize, usize)> =
            slots.into_iter().zip(&sockets).filter(|(_, socket)| !socket.revents().is_empty()).map(|(slot, _)| slot).collect();
        // From the back, because an attempt that ends moves those behind it.
        for (number, index) in ready.into_iter().rev() {
            match flights.get_mut(number) {
                Some(flight) if !flight.is_over() => flight.advance(index, &self.servers, Instant::now()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// Secure is a host only if each family that has addresses is.
fn merge_families(name: &Name, answers: Vec<Timed>) -> Outcome<Host> {
    let mut host = Host { addresses: Vec::new(), owner: name.clone(), secure: true };
    let mut failure = None;
    let mut exists = false;
    for Timed { outcome, secure, .. } in answers {
        match outcome {
            Outcome::Answer(answer) => {
                host.addresses.extend(answer.addresses());
                host.secure &= secure;
                host.owner = answer.owner;
            }
            Outcome::NoData => exists = true,
            Outcome::Temporary(reason) => failure = Some(reason),
            Outcome::NoSuchName => {}
        }
    }
    match failure {
        _ if !host.addresses.is_empty() => Outcome::Answer(host),
        Some(failure) => Outcome::Temporary(failure),
        None if exists => Outcome::NoData,
        None => Outcome::NoSuchName,
    }
}

fn system_failure(error: impl ToString) -> Outcome {
    Outcome::Temporary(Failure { server: None, reason: Reason::System(error.to_string()) })
}
