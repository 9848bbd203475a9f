//! The life of a message in the scheduler: it comes, is worked on in passes, and is done or waits.
//!
//! Everything that must survive is on disk before it is relied on: an outcome is in the journal
//! before its message is left, a bounce is in the queue before its failure counts as told, a file
//! is removed only when every recipient is delivered or its sender told.

use crate::admin::routes_for;
use crate::attempts::{Attempts, Suspects};
use crate::book::Book;
use crate::bounce::{self, Action, Fact, Fate, Original};
use crate::chores::{self, Chores, Done};
use crate::connection::Connection;
use crate::destination::{Destinations, Work};
use crate::dispatch::RemoteLine;
use crate::message::Message;
use crate::pace::{latest_attempt, next_attempt};
use crate::settings::Settings;
use crate::waiting::Waiting;
use stafett_envelope::Envelope;
use stafett_queue_store::journal::{Event, Standing};
use stafett_queue_store::{Entry, Id, Listed, Place, Store};
use stafett_route::SmtpRoutes;
use stafett_wire::LARGEST_PACKET;
use stafett_wire::arrival::Arrival;
use stafett_wire::delivery::Destination;
use stafett_wire::injector::Answer;
use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::fs::File;
use std::io;
use std::os::fd::BorrowedFd;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// Messages in memory at most; further ones stay in queue/new until there is room.
const MOST_ACTIVE: usize = 16_000;
/// Messages are read from disk while fewer than this are in memory.
pub(crate) const ENOUGH_ACTIVE: usize = 8_000;
/// Work for one destination in memory at most, when queued tells of one more message.
const MOST_TOLD: usize = 2_000;
/// Work for one destination in memory at most, when a message for it was read from disk.
const MOST_READ: usize = 500;
/// Messages that are read from disk in one turn of the loop.
const LOADS: usize = 50;
/// How long a name in queue/new is left alone that nobody told us of: queued may be syncing it.
pub(crate) const SETTLE: Duration = Duration::from_secs(2);
/// How often queue/new is looked into though nobody said so: an admin may have put a message there.
const LOOK_EVERY: Duration = Duration::from_secs(300);
/// How often marks and removals are made durable.
const SYNC_EVERY: Duration = Duration::from_secs(1);
/// Journals that are kept open for syncing; more are synced with their whole file system.
const MOST_UNSYNCED: usize = 256;
/// Bounces on their way to queued at once: each holds its text, and TERM waits for them.
const MOST_BOUNCES: usize = 4;
/// When something failed here and not at the destination: try again after so many seconds.
const OWN_TROUBLE: u64 = 60;

/// A clock that goes back by more than this, in seconds, was set.
const CLOCK_STEP: u64 = 60;
/// Said of a recipient whose domain no name can have.
const NOWHERE: &str = "Sorry, that domain is not one that can exist. (#5.1.2)";

/// The scheduler's state.
#[derive(Debug)]
pub struct Scheduler {
    pub(crate) settings: Settings,
    pub(crate) store: Store,
    pub(crate) book: Book,
    pub(crate) attempts: Attempts,
    pub(crate) suspects: Suspects,
    pub(crate) destinations: Destinations,
    pub(crate) messages: HashMap<Id, Message>,
    pub(crate) connections: HashMap<u64, Connection>,
    pub(crate) next_connection: u64,
    pub(crate) remote: RemoteLine,
    pub(crate) blocked: HashSet<u64>,
    pub(crate) next_delivery: u64,
    pub(crate) running: usize,
    pub(crate) ending: bool,
    pub(crate) buffer: Vec<u8>,
    chores: Chores,
    waiting: Waiting,
    started: u64,
    rescan: Option<Instant>,
    unsynced: Unsynced,
    /// Messages all of whose waiting recipients are in domains that control/holddomains names.
    pub(crate) held: HashMap<Id, Listed>,
    /// Journal lines for which the disk had no room when their message was left.
    unwritten: HashMap<Id, String>,
    /// Bounces that are on their way to queued, and the messages whose bounces wait for those.
    asked: usize,
    unasked: VecDeque<Id>,
    /// One moment on both clocks: the one that only goes on, and the one of the calendar.
    clocks: (Instant, u64),
}

/// Marks and removals that a power cut could still undo.
#[derive(Debug)]
struct Unsynced {
    files: Vec<File>,
    too_many: bool,
    new: bool,
    held: bool,
    shards: HashMap<u8, Id>,
    since: Instant,
    syncing: bool,
}

impl Scheduler {
    /// A scheduler of an opened queue. Reads the names and times of all that waits.
    ///
    /// # Errors
    /// When a directory of the queue cannot be read.
    pub fn new(
        settings: Settings,
        store: Store,
        book: Book,
        attempts: Attempts,
        suspects: Suspects,
        remote: RemoteLine,
        chores: Chores,
    ) -> io::Result<Scheduler> {
        let unsynced = Unsynced {
            files: Vec::new(),
            too_many: false,
            new: false,
            held: false,
            shards: HashMap::new(),
            since: Instant::now(),
            syncing: false,
        };
        let mut scheduler = Scheduler {
            settings,
            store,
            book,
            attempts,
            suspects,
            destinations: Destinations::default(),
            messages: HashMap::new(),
            connections: HashMap::new(),
            next_connection: 0,
            remote,
            blocked: HashSet::new(),
            next_delivery: 1,
            running: 0,
            ending: false,
            buffer: vec![0; LARGEST_PACKET],
            chores,
            waiting: Waiting::default(),
            started: now(),
            rescan: None,
            unsynced,
            held: HashMap::new(),
            unwritten: HashMap::new(),
            asked: 0,
            unasked: VecDeque::new(),
            clocks: (Instant::now(), now()),
        };
        scheduler.log_notes();
        scheduler.scan_waiting()?;
        scheduler.mend_times();
        scheduler.scan_new()?;
        scheduler.settle_suspects()?;
        Ok(scheduler)
    }

    /// What an admin's program did while no scheduler ran belongs into the log, too.
    fn log_notes(&mut self) {
        match self.store.take_notes() {
            Ok(notes) => {
                notes.lines().for_each(|line| self.book.noted(line));
                self.book.flush();
            }
            Err(error) => self.book.error(format_args!("unable to read {}/admin: {error}", self.store.root().display())),
        }
    }

    /// Settles who is suspected, for as long as it takes: most of what was under way when a scheduler
    /// was killed is delivered and gone; after a crash of the machine, all that was due is suspected.
    fn settle_suspects(&mut self) -> io::Result<()> {
        let (all_due, started) = (self.suspects.all_due, self.started);
        if all_due || !self.suspects.ids.is_empty() {
            let (mut queued, mut due) = (HashSet::new(), Vec::new());
            for place in [Place::New, Place::Waiting, Place::Held] {
                let mut look = |listed: Listed| {
                    queued.insert(listed.id);
                    due.extend(Some(listed.id).filter(|id| all_due && listed.due <= started && id.birth_seconds() < started));
                };
                self.store.list(place, &mut look, &mut |_| {})?;
            }
            self.suspects.ids.retain(|id| queued.contains(id));
            self.suspects.ids.extend(due);
        }
        if let Err(error) = self.attempts.restart(self.suspects.ids.iter().copied()) {
            self.book
                .error(format_args!("unable to begin {}/attempts anew: {error}; going on with the old one", self.store.root().display()));
        }
        Ok(())
    }

    /// Takes what queued tells.
    pub fn arrival(&mut self, packet: &[u8]) {
        let parsed = match Arrival::parse(packet) {
            Ok(Arrival::Message { id, size, envelope }) => Envelope::parse(envelope).ok().map(|envelope| (Id(id), size, envelope)),
            Ok(Arrival::Scan) => None,
            Err(error) => {
                self.book.error(error);
                None
            }
        };
        match parsed {
            Some((id, size, envelope)) if self.messages.len() < MOST_ACTIVE && !self.ending => {
                if !self.messages.contains_key(&id) {
                    let standings = vec![Standing::default(); envelope.recipients.len()];
                    self.begin_pass(Message::new(id, size, Place::New, envelope, standings), MOST_TOLD);
                }
            }
            _ => self.look_again(),
        }
    }

    /// Looks into queue/new soon: a message may lie there that was not told.
    pub fn look_again(&mut self) {
        self.rescan = Some(Instant::now());
    }

    /// Reads what is due from disk, as long as memory holds little.
    pub fn load(&mut self) {
        if self.ending {
            return;
        }
        self.heed_clock();
        if self.rescan.is_some_and(|at| at <= Instant::now()) && self.messages.len() < ENOUGH_ACTIVE {
            self.rescan = None;
            if let Err(error) = self.scan_new() {
                self.book.error(format_args!("unable to read {}/new: {error}", self.store.root().display()));
                self.rescan = Some(Instant::now() + Duration::from_secs(OWN_TROUBLE));
            }
        }
        for parked in self.destinations.unpark(LOADS) {
            if !self.messages.contains_key(&parked.id) {
                self.read(parked);
            }
        }
        for _ in 0..LOADS {
            if self.messages.len() >= ENOUGH_ACTIVE {
                return;
            }
            match self.waiting.next(now()) {
                Some(listed) if !self.messages.contains_key(&listed.id) => self.read(listed),
                Some(_) => {}
                None => return,
            }
        }
    }

    /// After the clock went back, what was put off by the wrong time would wait for it to come again.
    fn heed_clock(&mut self) {
        let (then, time_then) = self.clocks;
        let (passed, now) = (then.elapsed().as_secs(), now());
        if now.saturating_add(CLOCK_STEP) < time_then.saturating_add(passed) {
            self.book.error(format_args!("the clock went back by {} seconds", (time_then + passed).saturating_sub(now)));
            self.mend_times();
        }
        self.clocks = (Instant::now(), now);
    }

    /// Brings attempts forward that only a wrong clock can have put off that far.
    fn mend_times(&mut self) {
        let now = now();
        let wrong = self.waiting.take_if(|listed| listed.due > latest_attempt(listed.id.birth_seconds(), now));
        if !wrong.is_empty() {
            self.book.error(format_args!(
                "{} messages were put off by a wrong clock; they are tried as if they had been tried last now",
                wrong.len()
            ));
        }
        for listed in wrong {
            let mut due = next_attempt(listed.id.birth_seconds(), now);
            if let Err(error) = self.store.wait_until(listed.id, listed.size, listed.place, due) {
                self.book.error(format_args!("unable to set the time of msg {}: {error}; trying it now", listed.id));
                due = 0;
            }
            self.touch(Place::Waiting, listed.id);
            self.waiting.add(Listed { place: Place::Waiting, due, ..listed });
        }
    }

    /// How long the loop may sleep.
    pub fn sleep(&self) -> Duration {
        let mut longest = Duration::from_secs(60);
        if !self.ending && self.messages.len() < ENOUGH_ACTIVE {
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
        if self.unsynced.is_dirty() || !self.blocked.is_empty() { longest.min(Duration::from_millis(200)) } else { longest }
    }

    /// What the chores' thread has done.
    pub fn chores_done(&mut self) {
        while let Some(done) = self.chores.outcome() {
            match done {
                Done::Bounced { of, answer } => self.bounce_answered(of, answer),
                Done::Synced(result) => {
                    self.unsynced.syncing = false;
                    if let Err(error) = result {
                        self.book.error(format_args!("unable to sync the queue's marks: {error}; a power cut now could cause duplicates"));
                    }
                }
            }
        }
    }

    /// Lets marks and removals be made durable when it is time.
    pub fn sync(&mut self, at_once: bool) {
        let due = at_once || self.unsynced.since.elapsed() >= SYNC_EVERY;
        if !self.unsynced.is_dirty() || self.unsynced.syncing || !due {
            return;
        }
        let mut directories = Vec::new();
        let shards = std::mem::take(&mut self.unsynced.shards);
        directories.extend(shards.into_values().filter_map(|id| self.store.open_shard(id).ok()));
        if std::mem::take(&mut self.unsynced.new) {
            directories.extend(self.store.new_directory().try_clone_to_owned());
        }
        if std::mem::take(&mut self.unsynced.held) {
            directories.extend(self.store.open_held());
        }
        let too_many = std::mem::take(&mut self.unsynced.too_many);
        let everything = if too_many { self.store.directory().try_clone_to_owned().ok() } else { None };
        self.unsynced.since = Instant::now();
        self.unsynced.syncing = true;
        self.chores.sync(chores::Sync { files: std::mem::take(&mut self.unsynced.files), directories, everything });
    }

    /// The descriptor on which the chores' thread rings.
    pub fn bell(&self) -> &Chores {
        &self.chores
    }

    /// Everything is due now, whatever failed before (ALRM).
    pub fn alarm(&mut self) {
        self.waiting.all_now();
        self.destinations.end_pauses(Instant::now(), true);
    }

    /// Whether all is quiet after TERM.
    pub fn may_end(&self) -> bool {
        self.ending && self.running == 0 && !self.unsynced.syncing && !self.messages.values().any(|message| message.bouncing)
    }

    /// Leaves everything on disk as it stands.
    pub fn leave(&mut self) {
        let ids: Vec<Id> = self.messages.keys().copied().collect();
        for id in ids {
            self.write_lines(id);
        }
        self.sync(true);
        let is_open = |message: &&Message| message.uncertain || message.suspect || !message.lines.is_empty();
        let uncertain = self.messages.values().filter(is_open).map(|message| message.id);
        let suspects: HashSet<Id> = self.suspects.ids.iter().copied().chain(uncertain).collect();
        if let Err(error) = self.attempts.restart(suspects.into_iter()) {
            self.book.error(format_args!("unable to write {}/attempts: {error}", self.store.root().display()));
        }
        self.book.exiting();
        self.book.flush();
    }

    /// Ends as soon as the running deliveries have ended (TERM).
    pub fn end(&mut self) {
        self.ending = true;
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
        self.settings = settings;
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

    /// The descriptor of the line to stafett-remote, if there is one.
    pub fn remote_descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.remote.descriptor()
    }

    /// The end of a turn of the loop: what was gathered for the log and for queue/attempts is
    /// written.
    pub fn tidy(&mut self) {
        let mut written = self.attempts.flush();
        if written.is_ok() && self.attempts.is_large() {
            let open: HashSet<Id> = self.open_outcomes().collect();
            written = self.attempts.restart(open.into_iter());
        }
        if let Err(error) = written {
            self.book.error(format_args!("unable to write {}/attempts: {error}", self.store.root().display()));
        }
        self.book.flush();
    }

    /// The messages that a crash now would leave with an outcome that nobody knows.
    fn open_outcomes(&self) -> impl Iterator<Item = Id> {
        let is_open = |message: &&Message| message.begun || message.uncertain || message.suspect || !message.lines.is_empty();
        let worked_on = self.messages.values().filter(is_open).map(|message| message.id);
        self.suspects.ids.iter().copied().chain(worked_on)
    }

    /// Whether marks are being made durable.
    pub fn is_syncing(&self) -> bool {
        self.unsynced.syncing
    }

    fn scan_waiting(&mut self) -> io::Result<()> {
        let Scheduler { store, waiting, book, .. } = self;
        store.list(Place::Waiting, &mut |listed| waiting.add(listed), &mut |odd| {
            book.error(format_args!("{} is no message, or not where its message belongs; move it away, or to queue/new", odd.display()));
        })
    }

    fn scan_new(&mut self) -> io::Result<()> {
        let id_at = |time: SystemTime| Id(u64::try_from(time.duration_since(UNIX_EPOCH).unwrap_or_default().as_micros()).unwrap_or(0));
        let (settled, now) = (id_at(SystemTime::now() - SETTLE), id_at(SystemTime::now()));
        let (mut found, mut young) = (Vec::new(), false);
        let Scheduler { store, messages, destinations, held, book, .. } = self;
        let mut take = |listed: Listed| {
            // Ids run ahead of a clock that went back; those would be young for ever.
            if listed.id > settled && listed.id <= now {
                young = true;
            } else if !messages.contains_key(&listed.id) && !destinations.is_parked(listed.id) && !held.contains_key(&listed.id) {
                found.push((listed.id, listed.size));
            }
        };
        store.list(Place::New, &mut take, &mut |odd| book.error(format_args!("{} is no message; move it away", odd.display())))?;
        self.waiting.replace_fresh(found);
        self.rescan = Some(Instant::now() + if young { SETTLE } else { LOOK_EVERY });
        Ok(())
    }

    fn read(&mut self, listed: Listed) {
        let Listed { id, size, place, due } = listed;
        if place == Place::Waiting && due > 0 && self.was_put_off(listed) {
            return;
        }
        match self.store.read(id, size, place) {
            Ok(Ok(entry)) => {
                if entry.unusable_lines > 0 {
                    self.book
                        .error(format_args!("msg {id}: {} lines of its journal cannot be read; going by the others", entry.unusable_lines));
                }
                let message = self.prepare(listed, entry);
                self.begin_pass(message, MOST_READ);
            }
            Ok(Err(damage)) => self.set_aside(listed, &damage.to_string()),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {}
            Err(error) => {
                self.book.error(format_args!("unable to read msg {id}: {error}; trying again in {OWN_TROUBLE} seconds"));
                self.waiting.add(Listed { due: now() + OWN_TROUBLE, ..listed });
            }
        }
    }

    /// Whether this entry of the line is stale: the message waits until later, under another entry.
    fn was_put_off(&self, listed: Listed) -> bool {
        let seen = self.store.find(listed.id, listed.size);
        seen.is_ok_and(|seen| seen.is_some_and(|seen| seen.place == Place::Waiting && seen.due > now().max(listed.due)))
    }

    /// A message with all that the disk and memory know of it.
    pub(crate) fn prepare(&mut self, listed: Listed, entry: Entry) -> Message {
        let Listed { id, size, place, .. } = listed;
        let mut message = Message::new(id, size, place, entry.envelope, entry.standings);
        let unwritten = self.unwritten.remove(&id);
        let is_known = unwritten.is_some();
        unwritten.into_iter().for_each(|lines| message.remember(lines));
        message.suspect = !is_known && self.suspects.ids.contains(&id);
        message
    }

    /// Adds a message to those that wait.
    pub(crate) fn put_in_line(&mut self, listed: Listed) {
        self.waiting.add(listed);
    }

    fn set_aside(&mut self, listed: Listed, damage: &str) {
        let Listed { id, size, place, .. } = listed;
        let root = self.store.root().display().to_string();
        match self.store.set_aside(id, size, place) {
            Ok(()) => self.book.error(format_args!("msg {id} is damaged: {damage}; it was set aside as {root}/bad/{id},S={size}")),
            Err(error) => self.book.error(format_args!("msg {id} is damaged: {damage}; unable to set it aside in {root}/bad: {error}")),
        }
    }

    /// Gives the recipients to their destinations; `most` is how much work a destination may have
    /// in memory.
    fn begin_pass(&mut self, mut message: Message, most: usize) {
        let (mut groups, mut nowhere): (BTreeMap<Destination, Vec<usize>>, Vec<usize>) = Default::default();
        let mut held = false;
        for index in message.waiting() {
            let domain = domain(message.address(index)).unwrap_or(&self.settings.me);
            if self.settings.held.look_up(domain).is_some() {
                held = true;
                continue;
            }
            let mut own = SmtpRoutes::new();
            let routes = message
                .standings
                .get(index)
                .map_or(&self.settings.routes, |standing| routes_for(standing, &self.settings.routes, &mut own));
            let destination = routes.destination(domain);
            if destination.is_usable() {
                groups.entry(destination).or_default().push(index);
            } else {
                nowhere.push(index);
            }
        }
        if held && groups.is_empty() && nowhere.is_empty() && message.lines.is_empty() && message.untold().next().is_none() {
            let Message { id, size, place, .. } = message;
            self.held.insert(id, Listed { id, size, place, due: 1 });
            return;
        }
        if nowhere.is_empty() && message.lines.is_empty() && self.park(&message, &groups, most) {
            return;
        }
        if message.place == Place::New && message.standings.iter().all(|standing| standing.event.is_none()) {
            self.book.new_message(message.id, message.size, &message.envelope.sender, message.envelope.uid.unwrap_or(0));
        }
        nowhere.into_iter().for_each(|index| message.note(index, Event::Failed, NOWHERE, now()));
        message.open = groups.values().map(Vec::len).sum();
        let id = message.id;
        self.messages.insert(id, message);
        let numbers: Vec<u64> =
            groups.into_iter().map(|(destination, recipients)| self.destinations.add(destination, Work { id, recipients })).collect();
        numbers.into_iter().for_each(|number| self.put_off_if_down(number));
        self.finish_if_idle(id);
    }

    /// Leaves a message on disk when all that waits of it is for one destination that is busy enough.
    fn park(&mut self, message: &Message, groups: &BTreeMap<Destination, Vec<usize>>, most: usize) -> bool {
        let Message { id, size, place, .. } = *message;
        let mut names = groups.keys();
        // Not 0, which would make it due whatever its file says.
        let listed = Listed { id, size, place, due: 1 };
        matches!((names.next(), names.next()), (Some(only), None) if message.untold().next().is_none() && self.destinations.park(only, listed, most))
    }

    /// Ends the pass of a message of which nothing is under way any more.
    pub(crate) fn finish_if_idle(&mut self, id: Id) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        if message.open > 0 || message.bouncing {
            return;
        }
        if let Some(wish) = message.wish.take() {
            self.fulfil(id, wish);
            return;
        }
        if message.untold().next().is_some() && !message.bounce_later && !self.ending {
            self.tell_sender(id);
        } else {
            self.settle(id);
        }
    }

    /// Lets the sender know of what failed for good, unless nobody is to know, and of what it asked
    /// to hear the success of.
    fn tell_sender(&mut self, id: Id) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        message.bouncing = false;
        // Our own bounces say NOTIFY=NEVER to other hosts (RFC 3461 section 6.2); that one bounced is for the postmaster all the same.
        let is_bounce = message.envelope.sender.is_empty();
        let may_be_told = !is_bounce && message.envelope.sender != bounce::DOUBLE;
        let (told, untold): (Vec<usize>, Vec<usize>) =
            message.untold().partition(|index| match message.standings.get(*index).and_then(|standing| standing.event) {
                Some(Event::Relayed) => may_be_told,
                _ => is_bounce || message.envelope.recipients.get(*index).is_some_and(stafett_envelope::Recipient::notify_failure),
            });
        for index in untold {
            message.note(index, Event::Bounced, "nobody asked to be told", now());
        }
        if told.is_empty() {
            self.settle(id);
            return;
        }
        match bounce::fate(&message.envelope.sender, &self.settings.bounces) {
            Fate::Discard => {
                told.iter().for_each(|index| message.note(*index, Event::Bounced, "discarded", now()));
                self.book.discarded(id);
                self.settle(id);
            }
            Fate::Bounce { sender, to } => {
                message.bouncing = true;
                if self.asked < MOST_BOUNCES {
                    self.ask_bounce(id, &told, sender, &to);
                } else {
                    self.unasked.push_back(id);
                }
            }
        }
    }

    fn ask_bounce(&mut self, id: Id, told: &[usize], sender: &'static str, to: &str) {
        // What happened is in the journal before anybody is told of it.
        self.write_lines(id);
        self.begin_attempt(id);
        let Some(message) = self.messages.get_mut(&id) else { return };
        let file = self.store.open_message(id, message.size, message.place).ok();
        let facts: Vec<Fact> = told.iter().filter_map(|index| fact(message, *index)).collect();
        let original = Original { id, envelope: &message.envelope, size: message.size, file: file.as_ref() };
        let (envelope, text) = bounce::compose(&original, &facts, sender, to, &self.settings.me, &self.settings.bounces);
        self.chores.bounce(chores::Bounce { of: id, envelope, message: text });
        self.asked += 1;
    }

    /// Notes on disk that something begins that a crash would leave with an unknown outcome.
    pub(crate) fn begin_attempt(&mut self, id: Id) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        message.begun = true;
        if std::mem::take(&mut message.suspect) {
            self.book.possible_duplicate(id, "an earlier attempt had no known outcome");
        }
        self.attempts.begin(id);
        if let Err(error) = self.attempts.flush() {
            self.book.error(format_args!(
                "unable to write {}/attempts: {error}; a crash now could hide a duplicate",
                self.store.root().display()
            ));
        }
    }

    fn bounce_answered(&mut self, of: Id, answer: io::Result<Answer>) {
        self.asked = self.asked.saturating_sub(1);
        let answer = answer.unwrap_or_else(|error| {
            self.book.possible_duplicate(of, "its bounce may be in the queue, but stafett-queued did not say so");
            Answer::Temporary(format!("451 4.3.0 no answer from stafett-queued: {error}"))
        });
        self.bounce_judged(of, &answer);
        if let Some(next) = self.unasked.pop_front() {
            self.tell_sender(next);
        }
    }

    fn bounce_judged(&mut self, of: Id, answer: &Answer) {
        let Some(message) = self.messages.get_mut(&of) else { return };
        message.bouncing = false;
        match answer {
            Answer::Accepted(bounce) => {
                let failed: Vec<usize> = message.untold().collect();
                failed.into_iter().for_each(|index| message.note(index, Event::Bounced, bounce, now()));
                self.book.bounced(of, bounce);
            }
            Answer::Temporary(text) | Answer::Permanent(text) => {
                message.bounce_later = true;
                self.book.error(format_args!("unable to queue the bounce of msg {of}: {text}; trying again in {OWN_TROUBLE} seconds"));
            }
        }
        self.finish_if_idle(of);
    }

    /// Removes a message that is done; lets the others wait on disk.
    fn settle(&mut self, id: Id) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        message.file = None;
        let (size, place) = (message.size, message.place);
        if message.is_done() {
            match self.store.remove(id, size, place) {
                Ok(()) => {}
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => {
                    self.book
                        .error(format_args!("unable to remove msg {id}, which is done: {error}; trying again in {OWN_TROUBLE} seconds"));
                    self.wait(id, now() + OWN_TROUBLE);
                    return;
                }
            }
            self.touch(place, id);
            self.suspects.ids.remove(&id);
            self.book.end_message(id);
            self.messages.remove(&id);
        } else {
            let attempt = next_attempt(id.birth_seconds(), now()).max(message.not_before);
            let due = if message.untold().next().is_some() { attempt.min(now() + OWN_TROUBLE) } else { attempt };
            self.wait(id, due);
        }
    }

    pub(crate) fn wait(&mut self, id: Id, due: u64) {
        self.write_lines(id);
        let Some(message) = self.messages.remove(&id) else { return };
        let Message { size, place, uncertain, begun, lines, .. } = message;
        let uncertain = uncertain || !lines.is_empty();
        let moved = self.store.wait_until(id, size, place, due);
        match moved {
            Ok(()) => {
                self.touch(place, id);
                self.touch(Place::Waiting, id);
                self.keep_unwritten(id, lines);
                self.waiting.add(Listed { id, size, place: Place::Waiting, due });
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.book.error(format_args!("msg {id} has vanished from the queue while it was worked on"));
            }
            Err(error) => {
                self.book.error(format_args!("unable to move msg {id} to queue/cur: {error}; it stays where it is"));
                self.keep_unwritten(id, lines);
                self.waiting.add(Listed { id, size, place, due });
            }
        }
        self.leave_attempt(id, uncertain, begun);
    }

    /// Notes whether the outcome of what was begun is known to the journal.
    pub(crate) fn leave_attempt(&mut self, id: Id, uncertain: bool, begun: bool) {
        if uncertain {
            self.suspects.ids.insert(id);
        } else if begun {
            self.suspects.ids.remove(&id);
            self.attempts.end(id);
        }
    }

    /// What was delivered or told must not be done again because the disk was full: memory keeps it
    /// until the next pass writes it.
    pub(crate) fn keep_unwritten(&mut self, id: Id, lines: String) {
        if !lines.is_empty() {
            self.unwritten.insert(id, lines);
        }
    }

    /// Appends what is not yet in the journal of a message.
    pub(crate) fn write_lines(&mut self, id: Id) {
        let Some(message) = self.messages.get_mut(&id) else { return };
        if message.lines.is_empty() {
            return;
        }
        match self.store.append(id, message.size, message.place, &message.lines) {
            Ok(file) => {
                message.lines.clear();
                self.unsynced.mark(file);
            }
            Err(error) => self.book.error(format_args!(
                "unable to write to the journal of msg {id}: {error}; a crash before it is written could cause duplicates"
            )),
        }
    }

    pub(crate) fn touch(&mut self, place: Place, id: Id) {
        match place {
            Place::Waiting => drop(self.unsynced.shards.insert((id.0 & 0xff) as u8, id)),
            Place::Held => self.unsynced.held = true,
            Place::New => self.unsynced.new = true,
        }
    }
}

impl Unsynced {
    fn is_dirty(&self) -> bool {
        self.new || self.held || self.too_many || !self.files.is_empty() || !self.shards.is_empty()
    }

    fn mark(&mut self, file: File) {
        if self.files.len() < MOST_UNSYNCED && !self.too_many {
            self.files.push(file);
        } else {
            self.files.clear();
            self.too_many = true;
        }
    }
}

fn fact(message: &Message, index: usize) -> Option<Fact> {
    let standing = message.standings.get(index)?;
    let recipient = message.envelope.recipients.get(index)?.clone();
    let action = if standing.event == Some(Event::Relayed) { Action::Relayed } else { Action::Failed };
    Some(Fact { recipient, action, text: standing.text.clone(), time: standing.time })
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
