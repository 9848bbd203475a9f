//! The addresses of one host, raced as RFC 8305 asks.
//!
//! An attempt begins every 250 ms, or at once when the one before has failed; the first connection that stands wins and
//! the others are closed. Addresses that lost stay: when the winner turns out to be of no use, the race goes on with
//! them. A family without a route fails at once and costs no time.
//! How it fails: `None` when no address is left or the time is over, with a reason for each address.

use std::collections::VecDeque;
use std::io::{self, ErrorKind};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

use stafett_sys::poll::{self, Interest};

use crate::door::{self, Allowed, Failure};
use crate::outgoing::Sources;

/// RFC 8305 §5: the recommended Connection Attempt Delay.
const STAGGER: Duration = Duration::from_millis(250);

/// The addresses of one host that have not failed yet.
#[derive(Debug)]
pub struct Race {
    waiting: VecDeque<IpAddr>,
    port: u16,
}

/// A connection on its way.
struct Runner {
    address: IpAddr,
    socket: OwnedFd,
}

/// What happens to the addresses that are tried.
pub struct Course<'a> {
    /// Where connections may go.
    pub allowed: &'a Allowed,
    /// Where they come from.
    pub sources: Sources,
    /// When the race is over.
    pub deadline: Instant,
}

impl Race {
    /// The race among `addresses`, which stand in the order to try them.
    pub fn new(addresses: Vec<IpAddr>, port: u16) -> Self {
        Race { waiting: addresses.into(), port }
    }

    /// Tries an address once more, before all others.
    pub fn again(&mut self, address: IpAddr) {
        self.waiting.push_front(address);
    }

    /// The next connection that stands. What fails is told to `failed`.
    pub fn next(&mut self, course: &Course<'_>, failed: &mut impl FnMut(IpAddr, Failure)) -> Option<(IpAddr, OwnedFd)> {
        let mut running: Vec<Runner> = Vec::new();
        let mut begin_next = Instant::now();
        loop {
            let now = Instant::now();
            if now >= course.deadline {
                let late = || Failure::Network(ErrorKind::TimedOut.into());
                running.drain(..).for_each(|runner| failed(runner.address, late()));
                self.waiting.drain(..).for_each(|address| failed(address, late()));
                return None;
            }
            if running.is_empty() || now >= begin_next {
                match self.begin_one(course, failed) {
                    Some(runner) => running.push(runner),
                    None if running.is_empty() => return None,
                    None => {}
                }
                begin_next = now + STAGGER;
            }
            let wake = if self.waiting.is_empty() { course.deadline } else { begin_next.min(course.deadline) };
            match settle(&mut running, wake, failed) {
                Ok(Settled::Won(winner)) => return Some(self.finish(winner, running)),
                Ok(Settled::Lost) => begin_next = Instant::now(),
                Ok(Settled::Open) => {}
                Err(error) => {
                    let again = || Failure::Network(io::Error::from(error.kind()));
                    running.drain(..).for_each(|runner| failed(runner.address, again()));
                    return None;
                }
            }
        }
    }

    /// The first of the waiting that does not fail at once.
    fn begin_one(&mut self, course: &Course<'_>, failed: &mut impl FnMut(IpAddr, Failure)) -> Option<Runner> {
        while let Some(address) = self.waiting.pop_front() {
            match door::begin(course.allowed, course.sources, SocketAddr::new(address, self.port)) {
                Ok(socket) => return Some(Runner { address, socket }),
                Err(failure) => failed(address, failure),
            }
        }
        None
    }

    /// Closes the losers and keeps their addresses for later, in their order.
    fn finish(&mut self, winner: Runner, losers: Vec<Runner>) -> (IpAddr, OwnedFd) {
        losers.into_iter().rev().for_each(|loser| self.waiting.push_front(loser.address));
        (winner.address, winner.socket)
    }
}

enum Settled {
    Won(Runner),
    /// Somebody failed: the next may begin at once.
    Lost,
    Open,
}

/// Waits until somebody has connected or failed.
fn settle(running: &mut Vec<Runner>, until: Instant, failed: &mut impl FnMut(IpAddr, Failure)) -> io::Result<Settled> {
    let wanted: Vec<_> = running.iter().map(|runner| (runner.socket.as_fd(), Interest::Write)).collect();
    let ready = poll::wait(&wanted, Some(until.saturating_duration_since(Instant::now())))?;
    let (mut winner, mut losers) = (None, Vec::new());
    for (index, runner) in running.iter().enumerate().filter(|(index, _)| ready.get(*index).is_some_and(|ready| ready.any())) {
        match door::outcome(&runner.socket) {
            Ok(()) => {
                winner = Some(index);
                break;
            }
            Err(error) => losers.push((index, error)),
        }
    }
    // The winner stands behind all losers, and each removal moves only those behind it.
    let winner = winner.map(|index| running.remove(index));
    let somebody_failed = !losers.is_empty();
    for (index, error) in losers.into_iter().rev() {
        failed(running.remove(index).address, Failure::Network(error));
    }
    Ok(match winner {
        Some(runner) => Settled::Won(runner),
        None if somebody_failed => Settled::Lost,
        None => Settled::Open,
    })
}
