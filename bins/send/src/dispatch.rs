//! Orders out: whose turn it is, and what goes to it.

use crate::connection::{Job, Kind};
use crate::delivery_line::channel;
use crate::mark::Mark;
use crate::scheduler::{Scheduler, now};
use crate::work::Work;
use stafett_queue_store::Place;
use stafett_queue_store::journal::Event;
use stafett_wire::Verdict;
use std::borrow::Cow;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// An order's envelope at most, in bytes; a larger one is cut into several orders.
const LARGEST_ENVELOPE: usize = 128 * 1024;

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

    /// What was not delivered after all waits again.
    pub(crate) fn put_job_back(&mut self, number: u64, job: Job) {
        let is_old = self.messages.get(&job.id).is_some_and(|message| message.place != Place::New);
        self.destinations.put_back(number, Work { id: job.id, recipients: job.recipients, is_old });
    }
}
