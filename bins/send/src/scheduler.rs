//! The scheduler's state, and what the event loop asks of it: how long to sleep, what to sync, when
//! to end. What comes into memory is in load, the life of a message in life, orders in dispatch, reports in hearing and
//! outcome, the admin's questions in admin.
//!
//! Everything that must survive is on disk before it is relied on; what is here can be lost at any
//! moment without losing mail.

use crate::attempts::{Attempts, Suspects};
use crate::book::Book;
use crate::chores::{Chores, Done};
use crate::connection::Connection;
use crate::delivery_line::DeliveryLine;
use crate::destinations::Destinations;
use crate::etrn::Asked;
use crate::line::Line;
use crate::lines::Lines;
use crate::message::Message;
use crate::messages::Messages;
use crate::reading::Reading;
use crate::settings::Settings;
use crate::unsynced::Unsynced;
use crate::waiting::Waiting;
use crate::wake::Waking;
use stafett_queue_store::{Id, Listed, Store};
use stafett_wire::LARGEST_PACKET;
use std::collections::{HashMap, HashSet, VecDeque};
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a name in queue/new is left alone that nobody told us of: queued may be syncing it.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);
/// How long a turn of the loop may read from disk or write there, beside what is being delivered.
pub(crate) const TURN: Duration = Duration::from_millis(5);
/// When something failed here and not at the destination: try again after so many seconds.
pub(crate) const OWN_TROUBLE: u64 = 60;

/// The scheduler's state.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) settings: Settings,
    /// How often they were replaced.
    pub(crate) generation: u64,
    pub(crate) store: Store,
    pub(crate) book: Book,
    pub(crate) attempts: Attempts,
    pub(crate) suspects: Suspects,
    pub(crate) destinations: Destinations,
    pub(crate) messages: Messages,
    pub(crate) connections: HashMap<u64, Connection>,
    pub(crate) next_connection: u64,
    pub(crate) remote: DeliveryLine,
    pub(crate) local: DeliveryLine,
    /// Who waits for a connection to another host.
    pub(crate) remote_lines: Lines,
    /// The same of users of this host.
    pub(crate) local_lines: Lines,
    /// Destinations that are down, whose work is on its way to the disk.
    pub(crate) putting_off: Line,
    pub(crate) next_delivery: u64,
    pub(crate) running: usize,
    /// Those of them that are to users of this host.
    pub(crate) running_local: usize,
    /// Connections to stafett-local.
    pub(crate) open_local: usize,
    pub(crate) ending: bool,
    /// After TERM: until then what runs is waited for.
    pub(crate) end_by: Option<Instant>,
    pub(crate) buffer: Vec<u8>,
    pub(crate) chores: Chores,
    pub(crate) waiting: Waiting,
    /// Destinations that are there again, and those that were asked for.
    pub(crate) waking: Waking,
    /// The domains that smtpd has asked for.
    pub(crate) asked_for: Asked,
    /// The queue is still being read.
    pub(crate) reading: Option<Reading>,
    /// Why this program cannot go on.
    pub(crate) broken: Option<String>,
    pub(crate) started: u64,
    pub(crate) rescan: Option<Instant>,
    pub(crate) unsynced: Unsynced,
    /// Messages all of whose waiting recipients are in domains that control/holddomains names.
    pub(crate) held: HashMap<Id, Listed>,
    /// Journal lines for which the disk had no room when their message was left.
    pub(crate) unwritten: HashMap<Id, String>,
    /// Bounces that are on their way to queued, and the messages whose bounces wait for those.
    pub(crate) asked: usize,
    pub(crate) unasked: VecDeque<Id>,
    /// One moment on both clocks: the one that only goes on, and the one of the calendar.
    pub(crate) clocks: (Instant, u64),
    /// When the clock of the calendar went ahead, in its own time; 0 for never.
    pub(crate) ahead_at: u64,
}

impl Scheduler {
    /// A scheduler of an opened queue. Begins to read the names and times of all that waits.
    ///
    /// # Errors
    /// When a directory of the queue cannot be read.
    pub fn new(
        settings: Settings,
        store: Store,
        book: Book,
        attempts: Attempts,
        suspects: Suspects,
        (remote, local): (DeliveryLine, DeliveryLine),
        chores: Chores,
    ) -> io::Result<Scheduler> {
        let mut scheduler = Scheduler {
            settings,
            generation: 0,
            store,
            book,
            attempts,
            suspects,
            destinations: Destinations::default(),
            messages: Messages::default(),
            connections: HashMap::new(),
            next_connection: 0,
            remote,
            local,
            remote_lines: Lines::default(),
            local_lines: Lines::default(),
            putting_off: Line::default(),
            next_delivery: 1,
            running: 0,
            running_local: 0,
            open_local: 0,
            ending: false,
            end_by: None,
            buffer: vec![0; LARGEST_PACKET],
            chores,
            waiting: Waiting::to_be_read(),
            waking: Waking::default(),
            asked_for: Asked::default(),
            reading: None,
            broken: None,
            started: now(),
            rescan: None,
            unsynced: Unsynced::default(),
            held: HashMap::new(),
            unwritten: HashMap::new(),
            asked: 0,
            unasked: VecDeque::new(),
            clocks: (Instant::now(), now()),
            ahead_at: 0,
        };
        scheduler.log_notes();
        scheduler.scan_new()?;
        scheduler.begin_reading()?;
        Ok(scheduler)
    }

    /// How long the loop may sleep.
    pub fn sleep(&self) -> Duration {
        let mut longest = Duration::from_secs(60);
        if !self.putting_off.is_empty() {
            return Duration::ZERO;
        }
        if !self.ending && self.messages.are_few() {
            if self.waiting.has_fresh() {
                return Duration::ZERO;
            }
            let due = self.waiting.next_due().map(|due| Duration::from_secs(due.saturating_sub(now())));
            // Half a second over, so that the second has really come.
            longest = due.map_or(longest, |due| if due.is_zero() { due } else { due.min(longest) });
            longest = self.rescan.map_or(longest, |at| longest.min(until(at)));
        }
        longest = self.destinations.next_pause_end().map_or(longest, |at| longest.min(until(at)));
        longest = self.next_idle_end().map_or(longest, |at| longest.min(until(at)));
        longest = self.next_deadline().map_or(longest, |at| longest.min(until(at)));
        let next_waking = self.waking.next(self.reading.is_none()).filter(|_| !self.ending);
        longest = next_waking.map_or(longest, |at| longest.min(until(at)));
        let somebody_waits = !self.remote_lines.is_empty() || !self.local_lines.is_empty();
        if self.unsynced.is_dirty() || somebody_waits { longest.min(Duration::from_millis(200)) } else { longest }
    }

    /// What the chores' thread has done.
    pub fn chores_done(&mut self) {
        while let Some(done) = self.chores.outcome() {
            match done {
                Done::Bounced { of, answer } => self.bounce_answered(of, answer),
                Done::Found(messages) => self.found(messages),
                Done::Odd(file) => self.found_odd(&file),
                Done::Wanted => self.look_on(),
                Done::Meant(messages) => self.meant(&messages),
                Done::Surveyed(took) => self.surveyed(took),
                Done::Read(read) => self.read_to_the_end(read),
                Done::Synced(result) => {
                    self.unsynced.syncing = false;
                    if let Err(error) = result {
                        self.book.error(format_args!("unable to sync the queue's marks: {error}; a power cut now could cause duplicates"));
                    }
                }
            }
        }
    }

    /// The descriptor on which the chores' thread rings.
    pub fn bell(&self) -> &Chores {
        &self.chores
    }

    /// Everything is due now, whatever failed before (ALRM).
    pub fn alarm(&mut self) {
        self.waiting.all_now();
        let at_hand: Vec<Id> = self.messages.keys().copied().collect();
        at_hand.into_iter().for_each(|id| self.try_resting(id));
        let _ = self.destinations.end_pauses(Instant::now(), true);
    }

    /// Leaves everything on disk as it stands.
    pub fn leave(&mut self) {
        let ids: Vec<Id> = self.messages.keys().copied().collect();
        for id in ids {
            self.write_lines(id);
        }
        self.sync(true);
        let is_open = |message: &&Message| message.uncertain || message.suspect || message.bouncing || !message.lines.is_empty();
        let uncertain = self.messages.values().filter(is_open).map(|message| message.id);
        let suspects: HashSet<Id> = self.suspects.ids.iter().copied().chain(uncertain).collect();
        // Who is suspected is not known before the queue is read; what the last run left stands for that.
        let left = if self.reading.is_none() { self.attempts.restart(suspects.into_iter()) } else { self.attempts.flush() };
        if let Err(error) = left {
            self.book.error(format_args!("unable to write {}/attempts: {error}", self.store.root().display()));
        }
        self.book.exiting();
        self.book.flush();
    }

    /// Bounces that were not begun are left to the next start.
    pub(crate) fn drop_unasked(&mut self) {
        for id in std::mem::take(&mut self.unasked) {
            if let Some(message) = self.messages.get_mut(&id) {
                message.bouncing = false;
            }
            self.finish_if_idle(id);
        }
    }

    /// Puts new settings in force.
    pub fn replace_settings(&mut self, settings: Settings) {
        let freed = self.settings.held != settings.held;
        if self.settings.leads_elsewhere(&settings) {
            self.waiting.forget_marks();
        }
        let keeps_others = self.settings.keeps_otherwise(&settings);
        self.settings = settings;
        if keeps_others {
            self.probe_kept();
        }
        self.generation += 1;
        // The other end has the settings of its birth, and there may be more connections than are allowed now.
        self.close_all_idle();
        // Limits may be wider now.
        self.destinations.give_turns();
        if freed {
            std::mem::take(&mut self.held).into_values().for_each(|listed| self.waiting.add(listed));
        }
    }

    /// The numbers of all connections.
    pub fn connection_numbers(&self) -> Vec<u64> {
        self.connections.keys().copied().collect()
    }

    /// The connection of that number.
    pub fn connection(&self, number: u64) -> Option<&Connection> {
        self.connections.get(&number)
    }

    /// The descriptors of the lines to stafett-remote and stafett-local, those that there are.
    pub fn line_descriptors(&self) -> Vec<BorrowedFd<'_>> {
        [&self.remote, &self.local].into_iter().filter_map(DeliveryLine::descriptor).collect()
    }

    /// The end of a turn of the loop: what was gathered for the log and for queue/attempts is
    /// written.
    pub fn tidy(&mut self) {
        let mut written = self.attempts.flush();
        if written.is_ok() && self.attempts.is_large() && self.reading.is_none() {
            let open: HashSet<Id> = self.suspects.ids.iter().copied().chain(self.worked_on()).collect();
            written = self.attempts.restart(open.into_iter());
        }
        if let Err(error) = written {
            self.book.error(format_args!("unable to write {}/attempts: {error}", self.store.root().display()));
        }
        self.book.flush();
    }

    /// The messages in memory that a crash now would leave with an outcome that nobody knows.
    pub(crate) fn worked_on(&self) -> impl Iterator<Item = Id> {
        let is_open = |message: &&Message| message.begun || message.uncertain || message.suspect || !message.lines.is_empty();
        self.messages.values().filter(is_open).map(|message| message.id)
    }
}

/// The domain of an address; `None` for one without, which is at this host (qmail's envnoathost).
pub(crate) fn domain(address: &str) -> Option<&str> {
    address.rsplit_once('@').map(|(_, domain)| domain).filter(|domain| !domain.is_empty())
}

/// Seconds since 1970.
pub(crate) fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
}

fn until(at: Instant) -> Duration {
    at.saturating_duration_since(Instant::now())
}
