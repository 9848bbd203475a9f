//! Orders out, reports in: which connection delivers what, and what a report means.

use crate::clock::is_too_old;
use crate::connection::{Connection, Heard, IDLE, Job, Kind};
use crate::message::event;
use crate::pace::is_short;
use crate::scheduler::{Scheduler, now};
use crate::work::Work;
use stafett_handoff::{Answer, Client};
use stafett_queue_store::journal::Event;
use stafett_queue_store::{Id, Place};
use stafett_wire::Verdict;
use stafett_wire::delivery::{Report, Scope};
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::path::PathBuf;
use std::rc::Rc;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// How long stafett-remote is left alone when it does not listen.
const PAUSE: Duration = Duration::from_millis(100);
/// How long stafett-remote is left alone when it takes no more connections.
const BUSY: Duration = Duration::from_secs(1);
/// Said of it when it is stopped.
const UNREAD: &str = "it does not read what it is told";
/// An order's envelope at most, in bytes; a larger one is cut into several orders.
const LARGEST_ENVELOPE: usize = 128 * 1024;
/// What is added to the last reply when a message has been tried long enough (qmail-send(8)).
pub(crate) const TOO_OLD: &str = "I'm not going to try again; this message has been in the queue too long.";

/// The line to stafett-remote, made again when it breaks.
#[derive(Debug)]
pub struct RemoteLine {
    path: PathBuf,
    client: Option<Client>,
    retry: Instant,
    busy_until: Instant,
    complained: bool,
}

impl RemoteLine {
    /// A line to whoever listens at `path`; not yet connected.
    pub fn new(path: PathBuf) -> RemoteLine {
        RemoteLine { path, client: None, retry: Instant::now(), busy_until: Instant::now(), complained: false }
    }

    /// Whether there is a line.
    pub fn is_connected(&self) -> bool {
        self.client.is_some()
    }

    /// The descriptor to wait for, if there is a line.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.client.as_ref().map(AsFd::as_fd)
    }
}

impl Scheduler {
    /// Gives out work until nothing more can be given out.
    pub fn dispatch(&mut self) {
        self.end_overdue();
        self.destinations.end_pauses(Instant::now(), false);
        if self.ending {
            self.close_all_idle();
            return;
        }
        if self.remote_is_there() {
            self.unblock();
        }
        let mut progress = !self.settings.hold_all;
        while progress {
            progress = false;
            for _ in 0..self.destinations.turns() {
                let Some(number) = self.destinations.next_turn() else { break };
                if self.serve(number) {
                    self.destinations.give_turn(number);
                    progress = true;
                }
            }
        }
        self.close_idle();
        self.book.status(self.running, self.settings.concurrency);
    }

    /// Hears what a connection has to say.
    pub fn hear(&mut self, number: u64) {
        let Some(connection) = self.connections.get(&number) else { return };
        match connection.hear(&mut self.buffer) {
            Heard::Nothing => {}
            Heard::Report(report) => self.reported(number, report),
            Heard::Gone => self.gone(number),
            Heard::Nonsense(reason) => {
                self.book.error(format_args!("stafett-remote sent {reason}; closing that connection"));
                self.gone(number);
            }
        }
    }

    /// Hears what the parent of stafett-remote has to say.
    pub fn hear_remote(&mut self) {
        while let Some(client) = &mut self.remote.client {
            match client.answer() {
                Ok(None) => return,
                Ok(Some(Answer::Started { tag, .. })) => {
                    self.remote.complained = false;
                    if let Some(connection) = self.connections.get_mut(&tag) {
                        connection.started = true;
                    }
                }
                Ok(Some(Answer::Refused { tag, text })) => {
                    self.book.error(format_args!("stafett-remote takes no more connections: {text}"));
                    self.remote.busy_until = Instant::now() + BUSY;
                    self.never_started(tag, false);
                }
                Ok(Some(Answer::Ended { .. })) => {}
                Err(_) => self.remote.client = None,
            }
        }
    }

    /// When the next idle connection is to be closed.
    pub(crate) fn next_idle_end(&self) -> Option<Instant> {
        self.connections.values().filter(|connection| connection.job.is_none()).map(|connection| connection.idle_since + IDLE).min()
    }

    /// One order for that destination, if it may have one.
    fn serve(&mut self, number: u64) -> bool {
        let Some(state) = self.destinations.state(number) else { return false };
        let limits = self.settings.limits_of(&state.name);
        if !state.has_work() || state.paused.is_some() || state.next_slot.is_some() {
            return false;
        }
        let (is_retry, pace) = (state.is_retry(), state.pace.clone());
        // Of old mail, one message finds out whether the destination is there.
        let window = if is_retry && !pace.is_proven() { 1 } else { pace.window(limits.connections) };
        if state.idle.is_empty() && state.open >= window.min(limits.connections) {
            // Its own connections give it its next turn.
            return false;
        }
        let may = !is_retry || self.has_room_for_retry(&pace);
        let connection = if may { self.idle_or_new(number) } else { None };
        let Some(connection) = connection else {
            let line = if is_retry { &mut self.blocked.retries } else { &mut self.blocked.fresh };
            line.join(number);
            return false;
        };
        self.destinations.set_next_slot(number, limits.rate.map(|rate| Instant::now() + MINUTE / rate));
        match self.destinations.take_work(number) {
            Some(work) => self.order(connection, number, work, Kind { is_retry, is_slow: pace.is_slow() }),
            None => false,
        }
    }

    fn idle_or_new(&mut self, number: u64) -> Option<u64> {
        self.destinations.state(number)?.idle.pop().or_else(|| self.open(number))
    }

    /// A new connection, if the limit allows and stafett-remote is there.
    fn open(&mut self, number: u64) -> Option<u64> {
        if self.connections.len() >= self.settings.concurrency {
            let is_idle = |connection: &Connection| connection.job.is_none() && connection.destination != number;
            let idle = self.connections.iter().find(|(_, connection)| is_idle(connection)).map(|(idle, _)| *idle)?;
            self.close(idle);
        }
        if self.settings.concurrency == 0 || !self.remote_is_there() {
            return None;
        }
        let (connection, theirs) = match Connection::new(number) {
            Ok(pair) => pair,
            Err(error) => {
                self.book.error(format_args!("unable to make a connection to stafett-remote: {error}"));
                return None;
            }
        };
        let strings = self.destinations.state(number)?.name.strings();
        self.next_connection += 1;
        let handed = self.remote.client.as_ref()?.hand_over(self.next_connection, &strings, theirs.as_fd());
        if let Err(error) = handed {
            self.not_handed(&error);
            return None;
        }
        self.connections.insert(self.next_connection, connection);
        self.destinations.state(number)?.open += 1;
        Some(self.next_connection)
    }

    /// A parent that is stopped takes nothing; one that is gone is called again.
    fn not_handed(&mut self, error: &io::Error) {
        if error.kind() != io::ErrorKind::WouldBlock {
            self.remote.client = None;
            return;
        }
        self.remote.busy_until = Instant::now() + BUSY;
        if !std::mem::replace(&mut self.remote.complained, true) {
            self.book.error(format_args!("stafett-remote takes no more connections: {UNREAD}"));
        }
    }

    fn remote_is_there(&mut self) -> bool {
        let line = &mut self.remote;
        if line.client.is_none() && Instant::now() >= line.retry {
            line.retry = Instant::now() + PAUSE;
            match Client::connect(&line.path) {
                Ok(client) => {
                    line.client = Some(client);
                    line.complained = false;
                }
                Err(error) if !std::mem::replace(&mut line.complained, true) => {
                    self.book.error(format_args!(
                        "unable to reach stafett-remote at {}: {error}; mail waits until it is there",
                        line.path.display()
                    ));
                }
                Err(_) => {}
            }
        }
        self.remote.client.is_some() && Instant::now() >= self.remote.busy_until
    }

    fn order(&mut self, connection: u64, number: u64, mut work: Work, kind: Kind) -> bool {
        let Some(message) = self.messages.get_mut(&work.id) else {
            self.make_idle(connection);
            return true;
        };
        let mut text = message.order_text(&work.recipients);
        while (text.len() > LARGEST_ENVELOPE || message.is_one_by_one()) && work.recipients.len() > 1 {
            let rest = work.recipients.split_off(work.recipients.len() / 2);
            self.destinations.put_back(number, Work { recipients: rest, ..work });
            text = message.order_text(&work.recipients);
        }
        if message.file.is_none() {
            match self.store.open_message(message.id, message.size, message.place) {
                Ok(file) => message.file = Some(Rc::new(file)),
                Err(error) => {
                    self.cannot_read(work, &error);
                    self.make_idle(connection);
                    return true;
                }
            }
        }
        self.send_order(connection, number, work, &text, kind);
        true
    }

    fn send_order(&mut self, connection: u64, number: u64, work: Work, text: &[u8], kind: Kind) {
        self.begin_attempt(work.id);
        let Some(message) = self.messages.get(&work.id) else { return };
        let Some(file) = message.file.clone() else { return };
        let delivery = self.next_delivery;
        for (offset, recipient) in (0_u64..).zip(&work.recipients) {
            self.book.starting(delivery + offset, work.id, message.address(*recipient));
        }
        let count = work.recipients.len();
        let job = Job { id: work.id, recipients: work.recipients, delivery, kind, since: Instant::now() };
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let sent =
            self.connections.get_mut(&connection).ok_or_else(gone).and_then(|found| found.order(job.clone(), message.size, text, &file));
        self.next_delivery += count as u64;
        match sent {
            Ok(()) => self.running += count,
            Err(error) => self.not_sent(connection, number, job, &error),
        }
    }

    /// An order that did not go out. A child that is gone has another in its place; an order that the system
    /// refuses (too large for a packet, no memory) would be refused again at once, and waits.
    fn not_sent(&mut self, connection: u64, number: u64, job: Job, error: &io::Error) {
        if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
            for offset in 0..job.recipients.len() as u64 {
                self.book.ended(
                    job.delivery + offset,
                    "deferral",
                    "stafett-remote closed the connection before the message; trying another",
                );
            }
            // Before the close, which forgets a destination without work.
            self.put_job_back(number, job);
            self.close(connection);
            return;
        }
        self.close(connection);
        let text = format!("The order cannot be given to stafett-remote: {error}. (#4.3.0)");
        self.record(&job, &vec![(Verdict::Temporary, text); job.recipients.len()], &[], false);
        self.after(job.id);
    }

    fn cannot_read(&mut self, work: Work, error: &io::Error) {
        let id = work.id;
        self.book.error(format_args!("unable to open msg {id}: {error}"));
        let Some(message) = self.messages.get_mut(&id) else { return };
        message.not_before = now() + 60;
        for index in &work.recipients {
            message.note(*index, Event::Deferred, "The message cannot be opened at this host. (#4.3.0)", now());
        }
        message.open = message.open.saturating_sub(work.recipients.len());
        self.finish_if_idle(id);
    }

    fn reported(&mut self, number: u64, report: Report) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let (destination, Some(job)) = (connection.destination, connection.job.take()) else { return };
        let limits = self.destinations.state(destination).map(|state| self.settings.limits_of(&state.name));
        let keep = report.reusable && !connection.is_worn(limits.and_then(|limits| limits.messages)) && !self.ending;
        self.running = self.running.saturating_sub(job.recipients.len());
        self.judge_destination(destination, &report, job.since.elapsed());
        self.record(&job, &report.recipients, &report.dsn_taken, true);
        if keep {
            self.make_idle(number);
        } else {
            self.close(number);
        }
        self.after(job.id);
    }

    /// Writes the outcomes into the log, memory, and — if others of the message are still open —
    /// the journal. `came_to_an_end`: what we gave up ourselves is never a message's last attempt.
    fn record(&mut self, job: &Job, outcomes: &[(Verdict, String)], dsn_taken: &[bool], came_to_an_end: bool) {
        let Some(message) = self.messages.get_mut(&job.id) else { return };
        let taken = dsn_taken.iter().copied().chain(std::iter::repeat(false));
        for (((offset, recipient), (verdict, text)), taken) in (0_u64..).zip(&job.recipients).zip(outcomes).zip(taken) {
            let expired = came_to_an_end && is_too_old(message, *recipient, &self.settings, self.ahead_at, now());
            let event = match event(*verdict, expired) {
                Event::Delivered if !taken && message.wants_success(*recipient) => Event::Relayed,
                event => event,
            };
            let how = match event {
                Event::Delivered | Event::Relayed => "success",
                Event::Deferred => "deferral",
                Event::Failed | Event::Bounced | Event::Routed | Event::Warned => "failure",
            };
            let given_up = event == Event::Failed && *verdict == Verdict::Temporary;
            let text = if given_up { format!("{text}\n{TOO_OLD}") } else { text.clone() };
            self.book.ended(job.delivery + offset, how, &text);
            message.note(*recipient, event, &text, now());
        }
        message.open = message.open.saturating_sub(job.recipients.len());
    }

    fn after(&mut self, id: Id) {
        match self.messages.get(&id) {
            Some(message) if message.open > 0 => self.write_lines(id),
            Some(_) => self.finish_if_idle(id),
            None => {}
        }
        self.unblock();
    }

    fn judge_destination(&mut self, number: u64, report: &Report, took: Duration) {
        let Some(state) = self.destinations.state(number) else { return };
        let most = self.settings.limits_of(&state.name).connections;
        if report.scope == Scope::Message {
            state.pace.succeeded(most);
            return;
        }
        state.last_error = report.recipients.first().map(|(_, text)| text.clone()).unwrap_or_default();
        let pause = state.pace.failed(state.open.saturating_sub(1), took);
        state.is_hurried = false;
        if pause.is_zero() || state.paused.is_some() {
            return;
        }
        self.destinations.pause(number, Instant::now() + pause, now() + pause.as_secs());
        if !is_short(pause) {
            self.putting_off.join(number);
        }
    }

    /// What was not delivered after all waits again.
    fn put_job_back(&mut self, number: u64, job: Job) {
        let is_old = self.messages.get(&job.id).is_some_and(|message| message.place != Place::New);
        self.destinations.put_back(number, Work { id: job.id, recipients: job.recipients, is_old });
    }

    fn gone(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        if connection.job.is_some() && !connection.started {
            // The parent could have died between the birth and its announcement.
            self.never_started(number, true);
            return;
        }
        self.lost(number, "stafett-remote ended without a report. (#4.3.0)");
    }

    /// A connection of which nothing more is heard: what it was delivering may have arrived.
    pub(crate) fn lost(&mut self, number: u64, text: &str) {
        let job = self.connections.get_mut(&number).and_then(|connection| connection.job.take());
        self.close(number);
        let Some(job) = job else {
            self.unblock();
            return;
        };
        self.running = self.running.saturating_sub(job.recipients.len());
        let outcomes = vec![(Verdict::Temporary, text.to_owned()); job.recipients.len()];
        self.record(&job, &outcomes, &[], !self.ending);
        if let Some(message) = self.messages.get_mut(&job.id) {
            message.uncertain = true;
            self.book.possible_duplicate(job.id, "its delivery ended without a report and will be tried again");
        }
        self.after(job.id);
    }

    /// No child was born for it, as far as we were told: it is tried again at once.
    fn never_started(&mut self, number: u64, suspect: bool) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let (job, destination) = (connection.job.take(), connection.destination);
        if let Some(job) = job {
            self.running = self.running.saturating_sub(job.recipients.len());
            for (offset, _) in (0_u64..).zip(&job.recipients) {
                self.book.ended(job.delivery + offset, "deferral", "stafett-remote was not there; trying again");
            }
            if let Some(message) = self.messages.get_mut(&job.id) {
                message.suspect |= suspect;
            }
            // Before the close, which forgets a destination without work.
            self.put_job_back(destination, job);
            self.blocked.fresh.join(destination);
        }
        self.close(number);
    }

    fn make_idle(&mut self, number: u64) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        connection.idle_since = Instant::now();
        let destination = connection.destination;
        if let Some(state) = self.destinations.state(destination) {
            state.idle.push(number);
        }
        self.destinations.give_turn(destination);
    }

    fn close(&mut self, number: u64) {
        let Some(connection) = self.connections.remove(&number) else { return };
        let destination = connection.destination;
        if let Some(state) = self.destinations.state(destination) {
            state.open = state.open.saturating_sub(1);
            state.idle.retain(|idle| *idle != number);
        }
        self.destinations.give_turn(destination);
        self.destinations.forget_if_unused(destination);
    }

    fn close_idle(&mut self) {
        let over = |connection: &Connection| connection.job.is_none() && connection.idle_since.elapsed() >= IDLE;
        let old: Vec<u64> = self.connections.iter().filter(|(_, connection)| over(connection)).map(|(number, _)| *number).collect();
        old.into_iter().for_each(|number| self.close(number));
    }

    fn close_all_idle(&mut self) {
        let idle: Vec<u64> =
            self.connections.iter().filter(|(_, connection)| connection.job.is_none()).map(|(number, _)| *number).collect();
        idle.into_iter().for_each(|number| self.close(number));
    }
}
