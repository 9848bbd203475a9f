//! The loop: accepts, counts, judges by the rules, and passes on.
//!
//! One wait for everything; each wake-up takes all connections that are there (up to [`BATCH`],
//! so that signals and answers get their turn). Nothing in the loop waits for a client, a name
//! server or the resident.
//! How it fails: what concerns one connection ends that connection with a logged reason; without
//! descriptors or memory the listener rests for [`REST`] instead of spinning.

use crate::crowd::Crowd;
use crate::journal::Journal;
use crate::listener::{Arrival, Listener};
use crate::lookup::{Pending, Questions};
use crate::options::Options;
use crate::program::Program;
use crate::refusal::{greeting, send_now};
use crate::resident::{Event, Ready, Resident};
use stafett_sys::poll::{self, Interest};
use stafett_sys::process::{self, Ending, Fork, Pid};
use stafett_sys::signal::{Signal, Signals};
use stafett_sys::{descriptor, socket};
use stafett_ucspi::{Client, Connection, RulesFile};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::time::{Duration, Instant};

/// Connections accepted per wake-up at most.
const BATCH: usize = 64;
/// For how long no connection is accepted when the system is out of descriptors or memory.
const REST: Duration = Duration::from_millis(500);

/// What serves the connections.
#[derive(Debug)]
pub enum Backend {
    /// A service that takes them over.
    Resident(Resident),
    /// A program, executed for each.
    Program(Program),
}

/// The running listener.
#[derive(Debug)]
pub struct Server {
    /// What was asked for.
    pub options: Options,
    /// Accepts; `None` in a child, which must not keep the port.
    pub listener: Option<Listener>,
    /// Decides who may enter.
    pub rules: Option<RulesFile>,
    /// What is to be looked up about each connection.
    pub questions: Option<Questions>,
    /// What serves.
    pub backend: Backend,
    /// Speaks.
    pub journal: Journal,
    /// Counts.
    pub crowd: Crowd,
    /// Connections whose names are being looked up.
    pub pending: Vec<Pending>,
    /// No connection is accepted before.
    pub rests_until: Option<Instant>,
}

/// What a wait brought.
struct Woken {
    signalled: bool,
    arrivals: bool,
    resident: poll::Ready,
    answered: Vec<bool>,
}

impl Server {
    /// Serves until TERM; then the listening socket is closed by the end of the process, and
    /// conversations go on.
    ///
    /// # Errors
    /// When waiting for events fails.
    pub fn run(mut self, signals: &Signals) -> io::Result<()> {
        self.status();
        loop {
            self.journal.flush();
            let woken = self.wait(signals)?;
            if woken.signalled && self.handle_signals(signals) {
                break;
            }
            self.tend_resident(woken.resident);
            self.finish_look_ups(&woken.answered);
            if woken.arrivals {
                self.accept_all();
            }
        }
        self.dismiss_all();
        Ok(())
    }

    /// Those whom nobody serves yet are told to come again.
    fn dismiss_all(&mut self) {
        for pending in std::mem::take(&mut self.pending) {
            self.drop_connection(&pending.arrival.socket, pending.arrival.remote.ip(), format_args!("the listener ends"));
        }
        if let Backend::Resident(resident) = &mut self.backend {
            let mut events = Vec::new();
            resident.dismiss(&mut events);
            self.note_events(events);
        }
        self.journal.flush();
    }

    fn wait(&mut self, signals: &Signals) -> io::Result<Woken> {
        let now = Instant::now();
        self.rests_until = self.rests_until.filter(|until| *until > now);
        let resident = if let Backend::Resident(resident) = &self.backend { Some(resident) } else { None };
        let accepting = !self.crowd.is_full() && self.rests_until.is_none() && resident.is_none_or(Resident::accepts);
        let alarms = [self.rests_until, resident.and_then(Resident::next_event)];
        let timeout = alarms.into_iter().flatten().min().map(|at| at.saturating_duration_since(now));

        let mut wanted = vec![(signals.as_fd(), Interest::Read)];
        wanted.extend(self.pending.iter().map(|pending| (pending.as_fd(), Interest::Read)));
        let link = resident.and_then(Resident::interest);
        wanted.extend(link);
        wanted.extend(self.listener.iter().filter(|_| accepting).map(|listener| (listener.as_fd(), Interest::Read)));

        let mut ready = poll::wait(&wanted, timeout)?.into_iter();
        let signalled = ready.next().is_some_and(|ready| ready.any());
        let answered = ready.by_ref().take(self.pending.len()).map(|ready| ready.any()).collect();
        let resident = link.and_then(|_| ready.next()).unwrap_or_default();
        let arrivals = ready.next().is_some_and(|ready| ready.any());
        Ok(Woken { signalled, arrivals, resident, answered })
    }

    /// `true` when it is time to end.
    fn handle_signals(&mut self, signals: &Signals) -> bool {
        while let Some(signal) = signals.next() {
            match signal {
                Signal::Terminate | Signal::Interrupt => return true,
                Signal::Hangup => self.refresh_rules(true),
                Signal::Child => self.reap(),
                _ => {}
            }
        }
        false
    }

    fn reap(&mut self) {
        while let Some((pid, ending)) = process::reap() {
            self.child_ended(pid, ending);
        }
    }

    fn child_ended(&mut self, pid: Pid, ending: Ending) {
        if let Backend::Program(program) = &mut self.backend
            && let Some(ip) = program.ended(pid)
        {
            self.journal.ended(pid, ending.wait_status());
            self.leave(ip);
        }
    }

    fn accept_all(&mut self) {
        self.refresh_rules(false);
        for _ in 0..BATCH {
            if self.crowd.is_full() {
                return;
            }
            match self.listener.as_ref().map_or(Ok(None), Listener::accept) {
                Ok(Some(arrival)) => self.admit(arrival),
                Ok(None) => return,
                Err(error) => {
                    self.journal.warning(format_args!("unable to accept: {error}; resting for {} ms", REST.as_millis()));
                    self.rests_until = Some(Instant::now() + REST);
                    return;
                }
            }
        }
    }

    /// Counts a connection and finds out about it what is wanted.
    fn admit(&mut self, arrival: Arrival) {
        let ip = arrival.remote.ip().to_canonical();
        let facts = self.facts(&arrival);
        if !self.crowd.enter(ip) {
            let text = greeting("4.7.0", self.options.local_name.as_deref(), "too many connections from your address");
            send_now(&arrival.socket, &text);
            self.journal.denied(Pid::own(), &facts, "");
            let limit = self.options.limit_per_address.unwrap_or_default();
            self.journal.warning(format_args!("turned away {ip}: it has {limit} connections already (-C)"));
            return;
        }
        self.status();
        if self.options.kill_ip_options && arrival.remote.ip().to_canonical().is_ipv4() {
            let _ = socket::forget_ip_options(&arrival.socket);
        }
        if !self.options.banner.is_empty() {
            send_now(&arrival.socket, &self.options.banner);
        }
        if self.questions.is_some() {
            self.look_up(arrival, facts);
        } else {
            self.judge(arrival, facts);
        }
    }

    fn facts(&self, arrival: &Arrival) -> Connection {
        Connection {
            local_ip: Some(arrival.local.ip().to_canonical()),
            local_port: Some(arrival.local.port()),
            local_host: self.options.local_name.clone(),
            remote_ip: Some(arrival.remote.ip().to_canonical()),
            remote_port: Some(arrival.remote.port()),
            remote_host: None,
            remote_info: None,
        }
    }

    fn look_up(&mut self, arrival: Arrival, facts: Connection) {
        self.journal.flush();
        let forked = descriptor::pipe().and_then(|(read, write)| Ok((process::fork()?, read, write)));
        match forked {
            Ok((Fork::Parent(_), read, _write)) => self.pending.push(Pending::new(arrival, facts, read)),
            Ok((Fork::Child, _read, write)) => {
                self.answer_questions(arrival, &facts, &write);
                process::exit_now(0)
            }
            Err(error) => self.drop_connection(&arrival.socket, arrival.remote.ip(), format_args!("unable to look up its names: {error}")),
        }
    }

    /// In a forked child, which must hold no connection open.
    fn answer_questions(&mut self, arrival: Arrival, facts: &Connection, pipe: &OwnedFd) {
        drop(arrival);
        self.listener = None;
        self.pending.clear();
        if let Backend::Resident(resident) = &mut self.backend {
            resident.release();
        }
        if let Some(questions) = &self.questions {
            questions.answer(facts, pipe);
        }
    }

    fn finish_look_ups(&mut self, answered: &[bool]) {
        let mut answered = answered.iter();
        let done = self.pending.extract_if(.., |pending| answered.next().is_some_and(|ready| *ready) && pending.read());
        for pending in done.collect::<Vec<_>>() {
            let (arrival, facts) = pending.finish();
            self.judge(arrival, facts);
        }
    }

    /// Applies the rules.
    fn judge(&mut self, arrival: Arrival, facts: Connection) {
        let ip = arrival.remote.ip().to_canonical();
        let client = Client { ip, host: facts.remote_host.as_deref(), info: facts.remote_info.as_deref() };
        let rules = self.rules.as_ref().and_then(RulesFile::rules);
        let found = match rules.map_or(Ok(None), |rules| rules.look_up(&client)) {
            Ok(found) => found.map(|found| found.instructions).unwrap_or_default(),
            Err(error) => return self.drop_connection(&arrival.socket, ip, format_args!("unable to apply the rules: {error}")),
        };
        if found.deny {
            self.journal.denied(Pid::own(), &facts, "");
            self.leave(ip);
            return;
        }
        let mut environment = match &self.backend {
            Backend::Resident(resident) => resident.variables().clone(),
            Backend::Program(program) => program.environment().clone(),
        };
        facts.write_to(&mut environment);
        for (name, value) in &found.variables {
            environment.set(name, value);
        }
        self.pass_on(Ready { socket: arrival.socket, facts, environment, ip });
    }

    fn pass_on(&mut self, ready: Ready) {
        match &mut self.backend {
            Backend::Resident(resident) => {
                let mut events = Vec::new();
                resident.take(ready, &mut events);
                self.note_events(events);
            }
            Backend::Program(program) => {
                if let Err(error) = program.start(&ready, &mut self.journal) {
                    self.drop_connection(&ready.socket, ready.ip, format_args!("unable to fork: {error}"));
                }
            }
        }
    }

    fn tend_resident(&mut self, seen: poll::Ready) {
        if let Backend::Resident(resident) = &mut self.backend {
            let mut events = Vec::new();
            resident.tend(seen, &mut events);
            self.note_events(events);
        }
    }

    fn note_events(&mut self, events: Vec<Event>) {
        for event in events {
            self.note_event(event);
        }
    }

    fn note_event(&mut self, event: Event) {
        let path = match &self.backend {
            Backend::Resident(resident) => resident.path().display().to_string(),
            Backend::Program(_) => return,
        };
        match event {
            Event::Started(pid, facts) => self.journal.accepted(pid, &facts),
            Event::Ended(pid, status, ip) => {
                self.journal.ended(pid, status);
                self.leave(ip);
            }
            Event::Refused(socket, ip, reason) => {
                self.drop_connection(&socket, ip, format_args!("the service at {path} did not take it: {reason}"))
            }
            Event::Lost(error, lost) => {
                let count = lost.len();
                lost.into_iter().for_each(|ip| self.crowd.leave(ip));
                self.journal
                    .warning(format_args!("the service at {path} is gone: {error}; its {count} conversations are no longer counted"));
                self.status();
            }
            Event::Back => self.journal.warning(format_args!("the service at {path} takes connections again")),
            Event::GivenUp => self
                .journal
                .error(format_args!("unable to hand over to {path}: nobody takes connections there; answering 421 until somebody does")),
        }
    }

    /// Turns away a client that had been counted.
    fn drop_connection(&mut self, socket: &OwnedFd, ip: IpAddr, reason: std::fmt::Arguments<'_>) {
        send_now(socket, &greeting("4.3.2", self.options.local_name.as_deref(), "service not available"));
        self.journal.warning(format_args!("dropping connection from {}: {reason}", ip.to_canonical()));
        self.leave(ip);
    }

    fn leave(&mut self, ip: IpAddr) {
        self.crowd.leave(ip);
        self.status();
    }

    fn status(&mut self) {
        self.journal.status(self.crowd.count(), self.crowd.limit());
    }

    fn refresh_rules(&mut self, forced: bool) {
        let Some(rules) = &mut self.rules else { return };
        let path = rules.path().display().to_string();
        match if forced { rules.reload().map(|()| true) } else { rules.refresh() } {
            Ok(true) => self.journal.note(format_args!("new rules from {path} are in force")),
            Ok(false) => {}
            Err(error) => self.journal.error(format_args!("unable to read {path}: {error}; the rules stay as they were")),
        }
    }
}
