//! Handing connections over to a resident service.
//!
//! How it fails: a resident that is away, or does not read, stops the acceptance of connections
//! for [`PATIENCE`], so that a restart is not noticed by any client; after that clients are told
//! 421 until it is back. A resident that ends says which connections it has not begun; they go to
//! its successor. What one had taken when it vanished is its children's, and is no longer counted.

use stafett_handoff::{Answer, Client, ENDING};
use stafett_sys::poll::{Interest, Ready as Seen};
use stafett_sys::process::Pid;
use stafett_ucspi::{Connection, Environment};
use std::collections::{HashMap, VecDeque};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// For how long clients wait for a resident that is away.
pub const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked for during that time.
const RETRY: Duration = Duration::from_millis(100);
/// How often it is looked for later.
const SLOW_RETRY: Duration = Duration::from_secs(1);

const AGAIN: i32 = rustix::io::Errno::AGAIN.raw_os_error();
const TOO_LARGE: i32 = rustix::io::Errno::MSGSIZE.raw_os_error();
/// More descriptors are under way than the kernel allows a user (unix(7), ETOOMANYREFS).
const TOO_MANY_IN_FLIGHT: i32 = rustix::io::Errno::TOOMANYREFS.raw_os_error();

/// The resident as we see it.
#[derive(Debug)]
pub struct Resident {
    path: PathBuf,
    /// What is passed on of our own variables, for every connection.
    variables: Environment,
    link: Link,
    given_up_told: bool,
    waiting: VecDeque<Ready>,
    served: HashMap<u64, Served>,
    next_tag: u64,
}

#[derive(Debug)]
enum Link {
    Up(Client),
    /// It has not read what was sent, since then.
    Stalled(Client, Instant),
    Away {
        since: Instant,
        next_try: Instant,
    },
}

/// A connection that may enter.
#[derive(Debug)]
pub struct Ready {
    /// The connection.
    pub socket: OwnedFd,
    /// What is known of it.
    pub facts: Connection,
    /// What the service is told.
    pub environment: Environment,
    /// Its client.
    pub ip: IpAddr,
}

#[derive(Debug)]
struct Served {
    ip: IpAddr,
    state: State,
}

/// We keep our copy of a connection until somebody serves it, to be able to say 421.
#[derive(Debug)]
enum State {
    Offered(Box<Ready>),
    Started(Pid),
}

/// What has happened to a connection or to the resident.
#[derive(Debug)]
pub enum Event {
    /// A child of the resident serves it.
    Started(Pid, Connection),
    /// Its conversation is over.
    Ended(Pid, i32, IpAddr),
    /// The resident did not take it, for this reason.
    Refused(OwnedFd, IpAddr, String),
    /// The resident is gone; these conversations are no longer counted.
    Lost(io::Error, Vec<IpAddr>),
    /// It takes connections again after clients were turned away.
    Back,
    /// It has been away for longer than clients should wait.
    GivenUp,
}

impl Resident {
    /// The resident that listens at `path`, which may come later. Of our own variables it is told those that smtpd knows:
    /// what is said of a port needs no rule. It is told of them twice: a rule that wins is that of a proxy, perhaps, and
    /// counts no more for whoever is behind it.
    pub fn new(path: PathBuf, mut variables: Environment) -> Resident {
        let others: Vec<Vec<u8>> =
            variables.iter().map(|(name, _)| name.to_vec()).filter(|name| stafett_ucspi::variable(name).is_none()).collect();
        others.iter().for_each(|name| variables.remove(name));
        variables.mark_as_listeners();
        let now = Instant::now();
        let link = Link::Away { since: now, next_try: now };
        Resident { path, variables, link, given_up_told: false, waiting: VecDeque::new(), served: HashMap::new(), next_tag: 1 }
    }

    /// What it is told of every connection.
    pub fn variables(&self) -> &Environment {
        &self.variables
    }

    /// Where it listens.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Whether connections may be accepted: it takes them, or they are to be turned away.
    pub fn accepts(&self) -> bool {
        self.trouble().is_none_or(is_over)
    }

    /// Lets go of every connection that waits, and of the resident; for a forked child, which must neither keep
    /// connections open nor be able to hand any over.
    pub fn release(&mut self) {
        self.waiting.clear();
        self.served.clear();
        let now = Instant::now();
        self.link = Link::Away { since: now, next_try: now };
    }

    /// Turns away every connection that waits: we are about to end.
    pub fn dismiss(&mut self, events: &mut Vec<Event>) {
        events.extend(self.waiting.drain(..).map(turned_away));
    }

    /// The descriptor to wait for, if the resident is there.
    pub fn interest(&self) -> Option<(BorrowedFd<'_>, Interest)> {
        match &self.link {
            Link::Up(client) => Some((client.as_fd(), Interest::Read)),
            Link::Stalled(client, _) => Some((client.as_fd(), Interest::Both)),
            Link::Away { .. } => None,
        }
    }

    /// When [`Resident::tend`] has something to do at the latest.
    pub fn next_event(&self) -> Option<Instant> {
        let patience = self.trouble().filter(|since| !is_over(*since)).map(|since| since + PATIENCE);
        let retry = match &self.link {
            Link::Away { next_try, .. } => Some(*next_try),
            _ => None,
        };
        patience.into_iter().chain(retry).min()
    }

    /// Hands a connection over, now or as soon as the resident takes it.
    pub fn take(&mut self, ready: Ready, events: &mut Vec<Event>) {
        match self.trouble() {
            None => self.offer(ready, events),
            Some(since) if is_over(since) => events.push(turned_away(ready)),
            Some(_) => self.waiting.push_back(ready),
        }
    }

    /// Reads what the resident says, and looks for one that is away when it is time to.
    pub fn tend(&mut self, seen: Seen, events: &mut Vec<Event>) {
        if seen.readable {
            self.read(events);
        }
        match &mut self.link {
            Link::Stalled(_, _) if seen.writable => self.recovered(None, events),
            Link::Away { since, next_try } if *next_try <= Instant::now() => match Client::connect(&self.path) {
                Ok(client) => self.recovered(Some(client), events),
                Err(_) => *next_try = Instant::now() + if is_over(*since) { SLOW_RETRY } else { RETRY },
            },
            _ => {}
        }
        if self.trouble().is_some_and(is_over) {
            self.give_up(events);
        }
    }

    fn trouble(&self) -> Option<Instant> {
        match &self.link {
            Link::Up(_) => None,
            Link::Stalled(_, since) | Link::Away { since, .. } => Some(*since),
        }
    }

    fn offer(&mut self, ready: Ready, events: &mut Vec<Event>) {
        let Link::Up(client) = &self.link else { return self.waiting.push_back(ready) };
        let strings: Vec<Vec<u8>> = ready.environment.items().collect();
        let tag = self.next_tag;
        match client.hand_over(tag, &strings, ready.socket.as_fd()) {
            Ok(()) => {
                self.next_tag += 1;
                self.served.insert(tag, Served { ip: ready.ip, state: State::Offered(Box::new(ready)) });
            }
            Err(error) if error.raw_os_error() == Some(TOO_LARGE) => {
                events.push(Event::Refused(ready.socket, ready.ip, "its variables do not fit into one packet".to_owned()));
            }
            Err(error) => {
                self.waiting.push_front(ready);
                self.broken(error, events);
            }
        }
    }

    /// What the link is after a failure: full, or gone.
    fn broken(&mut self, error: io::Error, events: &mut Vec<Event>) {
        let now = Instant::now();
        let away = Link::Away { since: now, next_try: now + RETRY };
        let full = matches!(error.raw_os_error(), Some(AGAIN | TOO_MANY_IN_FLIGHT));
        match std::mem::replace(&mut self.link, away) {
            Link::Up(client) if full => self.link = Link::Stalled(client, now),
            link => {
                // What it said before it went still counts.
                if let Link::Up(mut client) | Link::Stalled(mut client, _) = link {
                    while let Ok(Some(answer)) = client.answer() {
                        self.answered(answer, events);
                    }
                }
                let lost = self.served.drain().map(|(_, served)| served.ip).collect();
                events.push(Event::Lost(error, lost));
            }
        }
    }

    fn recovered(&mut self, found: Option<Client>, events: &mut Vec<Event>) {
        let now = Instant::now();
        let before = std::mem::replace(&mut self.link, Link::Away { since: now, next_try: now });
        let client = match (found, before) {
            (Some(client), _) | (None, Link::Up(client) | Link::Stalled(client, _)) => client,
            (None, Link::Away { .. }) => return,
        };
        self.link = Link::Up(client);
        if std::mem::take(&mut self.given_up_told) {
            events.push(Event::Back);
        }
        for ready in std::mem::take(&mut self.waiting) {
            self.offer(ready, events);
        }
    }

    fn give_up(&mut self, events: &mut Vec<Event>) {
        if !std::mem::replace(&mut self.given_up_told, true) {
            events.push(Event::GivenUp);
        }
        self.dismiss(events);
    }

    fn read(&mut self, events: &mut Vec<Event>) {
        loop {
            let (Link::Up(client) | Link::Stalled(client, _)) = &mut self.link else { return };
            match client.answer() {
                Ok(Some(answer)) => self.answered(answer, events),
                Ok(None) => return,
                Err(error) => return self.broken(error, events),
            }
        }
    }

    /// An answer about a tag that we do not know means nothing to us.
    fn answered(&mut self, answer: Answer, events: &mut Vec<Event>) {
        match answer {
            Answer::Started { tag, pid } => {
                let Some(served) = self.served.get_mut(&tag) else { return };
                if let State::Offered(offered) = std::mem::replace(&mut served.state, State::Started(pid)) {
                    events.push(Event::Started(pid, offered.facts));
                }
            }
            Answer::Ended { tag, status } => {
                let Some(served) = self.served.remove(&tag) else { return };
                let pid = if let State::Started(pid) = served.state { pid } else { Pid(0) };
                events.push(Event::Ended(pid, status, served.ip));
            }
            Answer::Refused { tag, text } => match self.served.remove(&tag) {
                // Nobody has touched it: the next resident may have it.
                Some(Served { state: State::Offered(offered), .. }) if text == ENDING => self.waiting.push_back(*offered),
                Some(Served { ip, state: State::Offered(offered) }) => events.push(Event::Refused(offered.socket, ip, text)),
                Some(Served { ip, state: State::Started(pid) }) => events.push(Event::Ended(pid, 0, ip)),
                None => {}
            },
        }
    }
}

fn is_over(since: Instant) -> bool {
    since.elapsed() >= PATIENCE
}

fn turned_away(ready: Ready) -> Event {
    Event::Refused(ready.socket, ready.ip, "it is away".to_owned())
}
