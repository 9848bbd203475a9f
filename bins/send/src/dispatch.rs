//! Orders out: whose turn it is, and what goes to it.

use crate::connection::{Job, Kind};
use crate::delivery_line::channel;
use crate::scheduler::{Scheduler, now};
use crate::work::Work;
use stafett_queue_store::Place;
use stafett_queue_store::journal::Event;
use stafett_sys::limit;
use stafett_wire::Verdict;
use stafett_wire::delivery::{MOST_ORDERS, Order};
use std::borrow::Cow;
use std::fs::File;
use std::io;
use std::rc::Rc;
use std::time::{Duration, Instant};

const MINUTE: Duration = Duration::from_secs(60);
/// An order's envelope at most, in bytes; a larger one is cut into several orders.
const LARGEST_ENVELOPE: usize = 128 * 1024;
/// Several messages that are delivered together at most, in bytes: they share control/timeoutlocal, too.
const LARGEST_TOGETHER: u64 = 4 * 1024 * 1024;
/// The same of their envelopes.
const LARGEST_GATHERED: usize = 32 * 1024;

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
        // Where it is away, that is said before there is mail.
        self.remote.is_there(&mut self.book);
        self.make_way();
        let mut progress = !(self.settings.hold_remote && (self.settings.hold_local || self.settings.locals.are_none()));
        while progress {
            progress = false;
            for _ in 0..self.destinations.turns() {
                let Some(number) = self.destinations.next_turn() else { break };
                if self.serve(number, false) {
                    self.destinations.give_turn(number);
                    progress = true;
                }
            }
            // Those in line come before those whose mail has just come, who are at its end by now.
            progress |= self.allot(true) | self.allot(false);
        }
        self.close_idle();
        let (local, remote) = (self.running_local, self.running - self.running_local.min(self.running));
        self.book.status((local, self.settings.concurrency_local), (remote, self.settings.concurrency));
    }

    /// One order for that destination, if it may have one: on a connection of its own, or on another too when that `is_allotted`.
    pub(crate) fn serve(&mut self, number: u64, is_allotted: bool) -> bool {
        let Some(state) = self.destinations.states.get(&number).filter(|state| state.wants_a_connection()) else { return false };
        if let Some(until) = state.next_group(Instant::now()) {
            self.destinations.set_next_slot(number, Some(until));
            return false;
        }
        if state.idle.is_empty() && state.open >= self.window(state) {
            // Its own connections give it its next turn.
            return false;
        }
        let limits = self.settings.limits_of(&state.name);
        let (is_retry, pace, is_local) = (state.is_retry(), state.pace.clone(), state.is_user());
        let may = self.has_room(is_local, self.class(state));
        let own = self.destinations.state(number).filter(|_| may).and_then(|state| state.idle.pop());
        let connection = own.or_else(|| if may && is_allotted { self.one_more(number) } else { None });
        let Some(connection) = connection else {
            self.join_line(number);
            return false;
        };
        self.leave_line(number);
        self.destinations.set_next_slot(number, limits.rate.map(|rate| Instant::now() + MINUTE / rate));
        let Some(work) = self.destinations.take_work(number) else { return false };
        let Some(first) = self.order_for(number, work, is_local) else {
            self.make_idle(connection);
            return true;
        };
        let mut prepared = vec![first];
        self.gather(number, &mut prepared);
        self.send_order(connection, number, prepared, Kind { is_retry, is_slow: pace.is_slow() });
        true
    }

    /// What an order of that work says; nothing when the work is gone, another's by now, or cannot be read.
    fn order_for(&mut self, number: u64, mut work: Work, is_local: bool) -> Option<Prepared> {
        self.regroup_moved(&mut work, number);
        let message = self.messages.get_mut(&work.id).filter(|_| !work.recipients.is_empty())?;
        let mut text = message.order_text(&work.recipients, &self.settings, is_local);
        // A user whose program takes long keeps nobody waiting.
        let is_one_by_one = is_local || message.is_one_by_one();
        while (text.len() > LARGEST_ENVELOPE || is_one_by_one) && work.recipients.len() > 1 {
            let rest = work.recipients.split_off(work.recipients.len() / 2);
            self.destinations.put_back(number, Work { recipients: rest, ..work });
            text = message.order_text(&work.recipients, &self.settings, is_local);
        }
        let size = message.size;
        let file = match message.file.upgrade().map_or_else(|| self.store.open_message(work.id, size, message.place).map(Rc::new), Ok) {
            Ok(file) => file,
            Err(error) => {
                self.cannot_read(work, &error);
                return None;
            }
        };
        message.file = Rc::downgrade(&file);
        Some(Prepared { work, size, text, file })
    }

    /// Adds what else waits for the same recipient, where that can be delivered together.
    fn gather(&mut self, number: u64, prepared: &mut Vec<Prepared>) {
        let Some(state) = self.destinations.state(number).filter(|state| state.takes_several) else { return };
        let (waiting, together) = (state.work.len(), state.together);
        if waiting == 0 {
            return;
        }
        // Each message keeps a descriptor open while it is delivered.
        let room = limit::open_files() / (4 * self.settings.concurrency_local.max(1) as u64);
        let most = usize::try_from(room).unwrap_or(MOST_ORDERS).clamp(1, together);
        let local = prepared.first().and_then(|first| self.local_part(&first.work));
        for _ in 0..waiting {
            let next = self.destinations.states.get(&number).and_then(|state| state.work.peek());
            let is_same = |next: &Work| next.recipients.len() == 1 && local.is_some() && self.local_part(next) == local;
            if prepared.len() >= most || !next.is_some_and(|next| is_same(next) && self.has_room_beside(prepared, next)) {
                return;
            }
            let Some(one) = self.destinations.take_work(number).and_then(|work| self.order_for(number, work, true)) else { continue };
            prepared.push(one);
        }
    }

    /// Whether one more message fits into an order.
    fn has_room_beside(&self, prepared: &[Prepared], next: &Work) -> bool {
        let Some(message) = self.messages.get(&next.id) else { return true };
        let bytes = prepared.iter().fold(message.size, |sum, one| sum.saturating_add(one.size));
        let envelopes = prepared.iter().fold(message.facts.len(), |sum, one| sum + one.text.len());
        bytes <= LARGEST_TOGETHER && envelopes <= LARGEST_GATHERED
    }

    /// The local part that the first recipient has at this host.
    fn local_part(&self, work: &Work) -> Option<String> {
        let message = self.messages.get(&work.id)?;
        let recipient = *work.recipients.first()?;
        let address = self.settings.address_for(message.address(recipient), message.standings.get(recipient), true)?;
        Some(address.rsplit_once('@').map_or(&*address, |(local, _)| local).to_owned())
    }

    fn send_order(&mut self, connection: u64, number: u64, prepared: Vec<Prepared>, kind: Kind) {
        self.begin_attempts(prepared.iter().map(|one| one.work.id));
        let is_local = self.connections.get(&connection).is_some_and(|connection| connection.is_local);
        let (mut packet, mut jobs) = (Vec::new(), Vec::with_capacity(prepared.len()));
        for Prepared { work, size, text, file } in prepared {
            let delivery = self.next_delivery;
            self.next_delivery += work.recipients.len() as u64;
            self.say_what_starts(delivery, &work, is_local);
            Order { delivery, id: work.id.0, size, envelope: &text }.add_to(&mut packet);
            jobs.push(Job { id: work.id, recipients: work.recipients, file, delivery, kind, since: Instant::now() });
        }
        if let Some(state) = self.destinations.state(number) {
            state.last_order = Some(Instant::now());
        }
        let count = weight(&jobs);
        let sent = match self.connections.get_mut(&connection) {
            Some(found) => found.order(&packet, jobs),
            None => Err((io::ErrorKind::BrokenPipe.into(), jobs)),
        };
        match sent {
            Ok(()) => self.count_running(is_local, count),
            Err((error, jobs)) => self.not_sent(connection, number, jobs, &error),
        }
    }

    fn say_what_starts(&mut self, delivery: u64, work: &Work, is_local: bool) {
        let Some(message) = self.messages.get(&work.id) else { return };
        for (offset, recipient) in (0_u64..).zip(&work.recipients) {
            let (address, standing) = (message.address(*recipient), message.standings.get(*recipient));
            let address = self.settings.address_for(address, standing, is_local).unwrap_or(Cow::Borrowed(address));
            self.book.starting(delivery + offset, work.id, channel(is_local), &address);
        }
    }

    fn count_running(&mut self, is_local: bool, count: usize) {
        self.running += count;
        self.running_local += if is_local { count } else { 0 };
    }

    /// An order that did not go out. A child that is gone has another in its place; an order that the system
    /// refuses (too large for a packet, no memory) would be refused again at once, and waits.
    fn not_sent(&mut self, connection: u64, number: u64, jobs: Vec<Job>, error: &io::Error) {
        let program = self.program_of(connection);
        if matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
            // Before the close, which forgets a destination without work.
            self.put_back(number, jobs, &format!("{program} closed the connection before the message; trying another"));
            self.close(connection);
            return;
        }
        self.close(connection);
        for job in jobs {
            let text = format!("The order cannot be given to {program}: {error}. (#4.3.0)");
            self.record(&job, &vec![(Verdict::Temporary, text); job.recipients.len()], &[], false);
            self.after(job.id);
        }
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

    /// What was not begun waits again, unless the admin wants something else of it.
    pub(crate) fn put_back(&mut self, number: u64, jobs: impl IntoIterator<Item = Job>, why: &str) {
        for Job { id, recipients, delivery, .. } in jobs {
            for offset in 0..recipients.len() as u64 {
                self.book.ended(delivery + offset, "deferral", why);
            }
            let Some(message) = self.messages.get_mut(&id) else { continue };
            if message.wish.is_some() {
                message.open = message.open.saturating_sub(recipients.len());
                self.finish_if_idle(id);
                continue;
            }
            let is_old = message.place != Place::New;
            self.destinations.put_back(number, Work { id, recipients, is_old });
        }
    }
}

/// A piece of work that can be ordered.
struct Prepared {
    work: Work,
    size: u64,
    /// The envelope.
    text: Vec<u8>,
    file: Rc<File>,
}

/// What an order counts among the deliveries: several messages that are delivered together count as one.
pub(crate) fn weight(jobs: &[Job]) -> usize {
    jobs.first().map_or(0, |job| job.recipients.len())
}
