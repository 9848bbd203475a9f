//! Orders out, reports in: which connection delivers what, and what a report means.

use crate::clock::is_too_old;
use crate::connection::{Connection, Heard, IDLE, Job, Kind};
use crate::delivery_line::{DeliveryLine, channel};
use crate::mark::Mark;
use crate::message::event;
use crate::pace::is_short;
use crate::scheduler::{Scheduler, now};
use crate::users::Paused;
use crate::work::Work;
use stafett_handoff::Answer;
use stafett_queue_store::journal::Event;
use stafett_queue_store::{Id, Place};
use stafett_wire::Verdict;
use stafett_wire::delivery::{Kind as Way, Report, Scope};
use std::borrow::Cow;
use std::io;
use std::os::fd::AsFd;
use std::rc::Rc;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// An order's envelope at most, in bytes; a larger one is cut into several orders.
const LARGEST_ENVELOPE: usize = 128 * 1024;
/// What is added to the last reply when a message has been tried long enough (qmail-send(8)).
pub(crate) const TOO_OLD: &str = "I'm not going to try again; this message has been in the queue too long.";

impl Scheduler {
    /// Gives out work until nothing more can be given out.
    pub fn dispatch(&mut self) {
        self.end_overdue();
        let now = Instant::now();
        let over = self.destinations.end_pauses(now, false);
        over.into_iter().for_each(|number| self.probe(number));
        if self.destinations.users.pause_is_over(now) {
            self.probe_users();
        }
        if self.ending {
            self.close_all_idle();
            return;
        }
        let is_there = self.remote.is_there(&mut self.book);
        if is_there || !self.blocked.local.is_empty() {
            self.unblock();
        }
        let mut progress = !(self.settings.hold_remote && (self.settings.hold_local || self.settings.locals.are_none()));
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
        let (local, remote) = (self.running_local, self.running - self.running_local.min(self.running));
        self.book.status((local, self.settings.concurrency_local), (remote, self.settings.concurrency));
    }

    /// Hears what a connection has to say.
    pub fn hear(&mut self, number: u64) {
        let Some(connection) = self.connections.get(&number) else { return };
        match connection.hear(&mut self.buffer) {
            Heard::Nothing => {}
            Heard::Report(report) => self.reported(number, report),
            Heard::Gone => self.gone(number),
            Heard::Nonsense(reason) => {
                let program = self.program_of(number);
                self.book.error(format_args!("{program} sent {reason}; closing that connection"));
                self.gone(number);
            }
        }
    }

    /// Hears what the parents of stafett-remote and stafett-local have to say.
    pub fn hear_lines(&mut self) {
        [false, true].into_iter().for_each(|is_local| self.hear_line(is_local));
    }

    fn hear_line(&mut self, is_local: bool) {
        loop {
            let line = self.line_mut(is_local);
            let Some(client) = &mut line.client else { return };
            match client.answer() {
                Ok(None) => return,
                Ok(Some(Answer::Started { tag, .. })) => {
                    line.has_started();
                    if let Some(connection) = self.connections.get_mut(&tag) {
                        connection.started = true;
                    }
                }
                Ok(Some(Answer::Refused { tag, text })) => {
                    line.is_busy();
                    let program = line.program;
                    self.book.error(format_args!("{program} takes no more connections: {text}"));
                    self.never_started(tag, false);
                }
                Ok(Some(Answer::Ended { .. })) => {}
                Err(_) => line.client = None,
            }
        }
    }

    /// The line to stafett-local or stafett-remote.
    pub(crate) fn line(&self, is_local: bool) -> &DeliveryLine {
        if is_local { &self.local } else { &self.remote }
    }

    fn line_mut(&mut self, is_local: bool) -> &mut DeliveryLine {
        if is_local { &mut self.local } else { &mut self.remote }
    }

    fn is_there(&mut self, is_local: bool) -> bool {
        let line = if is_local { &mut self.local } else { &mut self.remote };
        line.is_there(&mut self.book)
    }

    /// Open connections of that kind.
    pub(crate) fn open_of(&self, is_local: bool) -> usize {
        if is_local { self.open_local } else { self.connections.len() - self.open_local.min(self.connections.len()) }
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
        let (is_retry, pace, is_local, mark) = (state.is_retry(), state.pace.clone(), state.is_user(), Mark::of(&state.name));
        // Of old mail, one message finds out whether the destination is there. This host needs no proof while it has not failed.
        let window = if is_retry && !pace.is_proven() && !(is_local && pace.is_sound()) { 1 } else { state.window(limits.connections) };
        if state.idle.is_empty() && state.open >= window.min(limits.connections) {
            // Its own connections give it its next turn.
            return false;
        }
        let has_room = !is_retry || if is_local { self.has_local_room_for_retry() } else { self.has_room_for_retry(&pace) };
        let may = has_room && !self.settings.holds(is_local) && !(is_local && self.waits_for_a_try(mark));
        let connection = if may { self.idle_or_new(number) } else { None };
        let Some(connection) = connection else {
            self.blocked.join(number, is_local, is_retry);
            return false;
        };
        self.destinations.set_next_slot(number, limits.rate.map(|rate| Instant::now() + MINUTE / rate));
        match self.destinations.take_work(number) {
            Some(work) => self.order(connection, number, work, Kind { is_retry, is_slow: pace.is_slow() }),
            None => false,
        }
    }

    /// Whether a user of this host waits until it has turned out whether another can be looked up.
    pub(crate) fn waits_for_a_try(&self, user: Mark) -> bool {
        let users = &self.destinations.users;
        let is_try = |connection: &Connection| {
            let is_young = connection.is_local && connection.job.as_ref().is_some_and(|job| users.is_try(job.since));
            let state = self.destinations.states.get(&connection.destination).filter(|_| is_young);
            state.is_some_and(|state| users.are_tried_one_by_one(Mark::of(&state.name)))
        };
        users.are_tried_one_by_one(user) && self.connections.values().any(is_try)
    }

    fn idle_or_new(&mut self, number: u64) -> Option<u64> {
        self.destinations.state(number)?.idle.pop().or_else(|| self.adopt(number)).or_else(|| self.open(number))
    }

    /// A connection to this host that waits for work, of whichever user it had mail before.
    fn adopt(&mut self, number: u64) -> Option<u64> {
        if self.open_local <= self.running_local || self.destinations.state(number)?.name.kind != Way::Local {
            return None;
        }
        let is_free = |connection: &Connection| connection.is_local && connection.job.is_none();
        let (adopted, connection) = self.connections.iter_mut().find(|(_, connection)| is_free(connection))?;
        let (adopted, former) = (*adopted, std::mem::replace(&mut connection.destination, number));
        self.destinations.leave(former, adopted);
        self.destinations.state(number)?.open += 1;
        Some(adopted)
    }

    /// A new connection, if the limit allows and there is somebody to ask for it.
    fn open(&mut self, number: u64) -> Option<u64> {
        let is_local = self.destinations.state(number)?.name.kind == Way::Local;
        let most = self.settings.concurrency_of(is_local);
        if self.open_of(is_local) >= most {
            let is_idle =
                |connection: &Connection| connection.job.is_none() && connection.destination != number && connection.is_local == is_local;
            let idle = self.connections.iter().find(|(_, connection)| is_idle(connection)).map(|(idle, _)| *idle)?;
            self.close(idle);
        }
        if most == 0 || !self.is_there(is_local) {
            return None;
        }
        let (connection, theirs) = match Connection::new(number, is_local) {
            Ok(pair) => pair,
            Err(error) => {
                let program = self.line(is_local).program;
                self.book.error(format_args!("unable to make a connection to {program}: {error}"));
                return None;
            }
        };
        let strings = self.destinations.state(number)?.name.strings();
        self.next_connection += 1;
        let tag = self.next_connection;
        let line = if is_local { &mut self.local } else { &mut self.remote };
        if let Err(error) = line.client.as_ref()?.hand_over(tag, &strings, theirs.as_fd()) {
            line.not_handed(&error, &mut self.book);
            return None;
        }
        self.open_local += usize::from(is_local);
        self.connections.insert(self.next_connection, connection);
        self.destinations.state(number)?.open += 1;
        Some(self.next_connection)
    }

    fn order(&mut self, connection: u64, number: u64, mut work: Work, kind: Kind) -> bool {
        let is_local = self.connections.get(&connection).is_some_and(|connection| connection.is_local);
        self.regroup_moved(&mut work, number);
        let Some(message) = self.messages.get_mut(&work.id).filter(|_| !work.recipients.is_empty()) else {
            self.make_idle(connection);
            return true;
        };
        let mut text = message.order_text(&work.recipients, &self.settings, is_local);
        // A user whose program takes long keeps nobody waiting.
        let is_one_by_one = is_local || message.is_one_by_one();
        while (text.len() > LARGEST_ENVELOPE || is_one_by_one) && work.recipients.len() > 1 {
            let rest = work.recipients.split_off(work.recipients.len() / 2);
            self.destinations.put_back(number, Work { recipients: rest, ..work });
            text = message.order_text(&work.recipients, &self.settings, is_local);
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
        let is_local = self.connections.get(&connection).is_some_and(|connection| connection.is_local);
        for (offset, recipient) in (0_u64..).zip(&work.recipients) {
            let (address, standing) = (message.address(*recipient), message.standings.get(*recipient));
            let address = self.settings.address_for(address, standing, is_local).unwrap_or(Cow::Borrowed(address));
            self.book.starting(delivery + offset, work.id, channel(is_local), &address);
        }
        let count = work.recipients.len();
        let job = Job { id: work.id, recipients: work.recipients, delivery, kind, since: Instant::now() };
        let gone = || io::Error::from(io::ErrorKind::BrokenPipe);
        let sent =
            self.connections.get_mut(&connection).ok_or_else(gone).and_then(|found| found.order(job.clone(), message.size, text, &file));
        self.next_delivery += count as u64;
        match sent {
            Ok(()) => self.count_running(is_local, count),
            Err(error) => self.not_sent(connection, number, job, &error),
        }
    }

    fn count_running(&mut self, is_local: bool, count: usize) {
        self.running += count;
        self.running_local += if is_local { count } else { 0 };
    }

    fn count_done(&mut self, is_local: bool, count: usize) {
        self.running = self.running.saturating_sub(count);
        self.running_local = self.running_local.saturating_sub(if is_local { count } else { 0 });
    }

    fn program_of(&self, connection: u64) -> &'static str {
        self.line(self.connections.get(&connection).is_some_and(|connection| connection.is_local)).program
    }

    /// An order that did not go out. A child that is gone has another in its place; an order that the system
    /// refuses (too large for a packet, no memory) would be refused again at once, and waits.
    fn not_sent(&mut self, connection: u64, number: u64, job: Job, error: &io::Error) {
        let program = self.program_of(connection);
        if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
            for offset in 0..job.recipients.len() as u64 {
                let text = format!("{program} closed the connection before the message; trying another");
                self.book.ended(job.delivery + offset, "deferral", &text);
            }
            // Before the close, which forgets a destination without work.
            self.put_job_back(number, job);
            self.close(connection);
            return;
        }
        self.close(connection);
        let text = format!("The order cannot be given to {program}: {error}. (#4.3.0)");
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
        let is_local = connection.is_local;
        self.count_done(is_local, job.recipients.len());
        if is_local {
            self.judge_user(destination, &report, job.since);
        } else {
            self.judge_destination(destination, &report, job.since.elapsed());
        }
        if let Some(message) = self.messages.get_mut(&job.id) {
            message.is_cut_off |= report.scope == Scope::Destination;
        }
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
        match report.scope {
            Scope::Destination => {}
            Scope::Own => return,
            Scope::Message => {
                let is_back = state.pace.is_failing();
                state.pace.succeeded(most);
                if is_back {
                    self.is_back(number);
                }
                return;
            }
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

    fn judge_user(&mut self, number: u64, report: &Report, since: Instant) {
        let Some(state) = self.destinations.state(number) else { return };
        let user = Mark::of(&state.name);
        match report.scope {
            Scope::Own => {}
            Scope::Message => {
                state.pace.succeeded(self.settings.limits_of(&state.name).connections);
                if self.destinations.users.found(user, since) {
                    self.users_are_back();
                }
            }
            Scope::Destination => {
                state.last_error = report.recipients.first().map(|(_, text)| text.clone()).unwrap_or_default();
                state.is_hurried = false;
                let paused = match self.destinations.users.lost(user, since.elapsed(), Instant::now(), now()) {
                    Paused::All => self.destinations.pause_users(),
                    Paused::One => {
                        self.destinations.pause_user(number);
                        vec![number]
                    }
                };
                paused.into_iter().for_each(|number| self.put_off_if_down(number));
            }
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
        self.lost(number, "ended without a report. (#4.3.0)");
    }

    /// A connection of which nothing more is heard: what it was delivering may have arrived.
    pub(crate) fn lost(&mut self, number: u64, text: &str) {
        let text = format!("{} {text}", self.program_of(number));
        let connection = self.connections.get_mut(&number);
        let is_local = connection.as_ref().is_some_and(|connection| connection.is_local);
        let job = connection.and_then(|connection| connection.job.take());
        self.close(number);
        let Some(job) = job else {
            self.unblock();
            return;
        };
        self.count_done(is_local, job.recipients.len());
        let outcomes = vec![(Verdict::Temporary, text); job.recipients.len()];
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
        let (job, destination, is_local) = (connection.job.take(), connection.destination, connection.is_local);
        if let Some(job) = job {
            self.count_done(is_local, job.recipients.len());
            let text = format!("{} was not there; trying again", self.line(is_local).program);
            for (offset, _) in (0_u64..).zip(&job.recipients) {
                self.book.ended(job.delivery + offset, "deferral", &text);
            }
            if let Some(message) = self.messages.get_mut(&job.id) {
                message.suspect |= suspect;
            }
            // Before the close, which forgets a destination without work.
            self.put_job_back(destination, job);
            self.blocked.join(destination, is_local, false);
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
        self.open_local -= usize::from(connection.is_local).min(self.open_local);
        self.destinations.leave(destination, number);
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
