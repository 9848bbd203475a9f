//! stafett-send: the scheduler. It owns queue/new and queue/cur, decides what is delivered when,
//! gives orders to stafett-remote and stafett-local, and bounces what failed for good.
//!
//! Security stance: never root; reaches queue/ and control/ alone; links no network code.
//! queued and remote are other processes: what they say is checked, a delivery without a report is
//! a delivery that may have happened.
//! How it fails: what cannot be done now waits on disk; a second scheduler on the same queue
//! refuses to start.
//! Known limits: at most 16,000 messages or 36 MB of them in memory; the others wait in queue/ as names and times.

mod admin;
mod attempts;
mod book;
mod bounce;
mod caller;
mod chores;
mod clock;
mod connection;
mod connections;
mod deadline;
mod delay;
mod delivery_line;
mod destination;
mod destinations;
mod dispatch;
mod etrn;
mod explain;
mod goal;
mod hearing;
mod life;
mod line;
mod lines;
mod load;
mod mark;
mod message;
mod messages;
mod outcome;
mod pace;
mod parking;
mod pauses;
mod putoff;
mod reading;
mod report;
mod returned;
mod room;
mod schedule;
mod scheduler;
mod search;
mod settings;
mod signing;
mod telling;
mod twins;
mod unsynced;
mod users;
mod verp;
mod waiting;
mod wake;
mod work;

#[cfg(test)]
mod bounce_test;
#[cfg(test)]
mod destinations_test;

use attempts::Attempts;
use book::Book;
use caller::{Caller, Door, etrn_door};
use chores::Chores;
use delivery_line::DeliveryLine;
use scheduler::Scheduler;
use settings::Settings;
use stafett_control::{Control, Watch};
use stafett_instance::Service;
use stafett_log::Log;
use stafett_queue_store::Store;
use stafett_start as start;
use stafett_sys::limit;
use stafett_sys::memory;
use stafett_sys::poll::{self, Interest};
use stafett_sys::sandbox::Sandbox;
use stafett_sys::signal::{Signal, Signals};
use stafett_sys::socket::{self, Style};
use stafett_sys::user::Uid;
use stafett_wire::LARGEST_PACKET;
use std::os::fd::{AsFd as _, OwnedFd};
use std::process::ExitCode;
use std::time::{Duration, Instant};

const LOG: Log = Log::new("stafett-send");
/// Descriptors: a file for each message in memory, a socket for each connection, journals to sync.
const ENOUGH_FILES: u64 = 24 * 1024;
/// Callers at run/etrn at once that have said nothing; one more takes the place of the first.
const MOST_SILENT: usize = 32;
/// How long callers are left waiting when there is no descriptor for them.
const DEAF: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let done = start::no_arguments("stafett-send").and_then(|()| Ok(run()?));
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

fn run() -> Result<(), String> {
    memory::keep_freed();
    let dropped = start::unprivileged()?;
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let store = Store::open(&instance.queue()).map_err(|error| error.to_string())?;
    let _scheduler = store
        .become_scheduler()
        .map_err(|error| format!("unable to lock {}/cur: {error}; another stafett-send runs on this queue", store.root().display()))?;
    if let Err(error) = limit::raise_open_files(ENOUGH_FILES) {
        LOG.warning(format_args!("unable to raise the number of open files: {error}"));
    }
    let path = instance.socket(Service::Send);
    let listener = socket::listen(&path, Style::Packets, 64).map_err(|error| format!("unable to listen at {}: {error}", path.display()))?;
    let door = etrn_door(&instance)?;
    let wanted = [Signal::Terminate, Signal::Interrupt, Signal::Hangup, Signal::Alarm];
    let signals = Signals::block(&wanted).map_err(|error| format!("unable to block signals: {error}"))?;

    let sandbox = Sandbox::new().read(instance.control()).write(instance.queue()).read("/proc/sys/kernel/random/boot_id");
    start::lock_in(LOG, sandbox, dropped)?;

    let (attempts, suspects) =
        Attempts::open(store.root()).map_err(|error| format!("unable to use {}/attempts: {error}", store.root().display()))?;
    let chores = Chores::start(instance.socket(Service::Queue), instance.socket(Service::Dkim))
        .map_err(|error| format!("unable to start a thread: {error}"))?;
    let remote = DeliveryLine::new("stafett-remote", instance.socket(Service::Remote));
    let local = DeliveryLine::new("stafett-local", instance.socket(Service::Local));
    let scheduler = Scheduler::new(settings, store, Book::new(LOG), attempts, suspects, (remote, local), chores);
    let scheduler = scheduler.map_err(|error| format!("unable to read the queue: {error}"))?;
    LOG.line("status: ready");
    Loop { scheduler, listener, door, signals, watch, control, callers: Vec::new(), deaf_until: None, buffer: vec![0; LARGEST_PACKET] }
        .run()
}

/// The event loop: whoever has something to say is heard, then work is given out.
struct Loop {
    scheduler: Scheduler,
    listener: OwnedFd,
    /// Where smtpd asks, and its user.
    door: Option<(OwnedFd, Uid)>,
    signals: Signals,
    watch: Watch,
    control: Control,
    callers: Vec<Caller>,
    /// Nobody is accepted until then.
    deaf_until: Option<Instant>,
    buffer: Vec<u8>,
}

impl Loop {
    fn run(mut self) -> Result<(), String> {
        while !self.scheduler.may_end() {
            let heard = self.wait()?;
            self.handle(heard);
            if let Some(reason) = self.scheduler.broken.take() {
                return Err(reason);
            }
            self.scheduler.load();
            self.scheduler.put_off_some();
            self.scheduler.wake_some();
            self.scheduler.dispatch();
            self.scheduler.sync(false);
            self.scheduler.tidy();
        }
        self.scheduler.leave();
        while self.scheduler.is_syncing() {
            let bell = [(self.scheduler.bell().as_fd(), Interest::Read)];
            poll::wait(&bell, None).map_err(|error| format!("unable to wait for events: {error}"))?;
            self.scheduler.chores_done();
        }
        Ok(())
    }

    fn wait(&mut self) -> Result<Heard, String> {
        self.deaf_until = self.deaf_until.filter(|until| *until > Instant::now());
        let sleep = if self.deaf_until.is_some() { self.scheduler.sleep().min(DEAF) } else { self.scheduler.sleep() };
        let connections: Vec<u64> = self.scheduler.connection_numbers();
        let fixed = [self.signals.as_fd(), self.watch.as_fd(), self.scheduler.bell().as_fd()];
        let mut wanted: Vec<_> = fixed.into_iter().map(|fd| (fd, Interest::Read)).collect();
        wanted.extend(self.callers.iter().map(|caller| (caller.socket.as_fd(), Interest::Read)));
        wanted.extend(
            connections
                .iter()
                .filter_map(|number| self.scheduler.connection(*number))
                .map(|connection| (connection.as_fd(), Interest::Read)),
        );
        let lines = self.scheduler.line_descriptors();
        wanted.extend(lines.iter().map(|fd| (*fd, Interest::Read)));
        let listener = wanted.len();
        let doors = [Some(self.listener.as_fd()), self.door.as_ref().map(|(door, _)| door.as_fd())];
        wanted.extend(doors.into_iter().flatten().map(|fd| (fd, Interest::Read)).filter(|_| self.deaf_until.is_none()));
        let ready = poll::wait(&wanted, Some(sleep)).map_err(|error| format!("unable to wait for events: {error}"))?;
        let is_ready = |index: usize| ready.get(index).is_some_and(|ready| ready.any());
        let first = fixed.len() + self.callers.len();
        Ok(Heard {
            signal: is_ready(0),
            control: is_ready(1),
            listener: is_ready(listener),
            door: is_ready(listener + 1),
            chores: is_ready(2),
            callers: (0..self.callers.len()).filter(|index| is_ready(fixed.len() + index)).collect(),
            connections: connections.iter().enumerate().filter(|(index, _)| is_ready(first + index)).map(|(_, number)| *number).collect(),
            lines: (0..lines.len()).any(|line| is_ready(first + connections.len() + line)),
        })
    }

    fn handle(&mut self, heard: Heard) {
        let mut reload = heard.control && self.watch.changed();
        while heard.signal
            && let Some(signal) = self.signals.next()
        {
            match signal {
                Signal::Hangup => reload = true,
                Signal::Alarm => self.scheduler.alarm(),
                _ => self.scheduler.end(),
            }
        }
        if reload {
            self.reload();
        }
        if heard.lines || !heard.connections.is_empty() {
            self.scheduler.hear_lines();
        }
        heard.connections.into_iter().for_each(|number| self.scheduler.hear(number));
        if heard.chores {
            self.scheduler.chores_done();
        }
        for index in heard.callers.into_iter().rev() {
            self.hear_caller(index);
        }
        if heard.listener {
            self.admit(Door::Send);
        }
        if heard.door {
            self.admit(Door::Etrn);
        }
    }

    fn reload(&mut self) {
        if let Some(settings) = start::renewed(LOG, Settings::read(&self.control)) {
            self.scheduler.replace_settings(settings);
        }
    }

    fn hear_caller(&mut self, index: usize) {
        while let Some(caller) = self.callers.get(index) {
            match socket::receive_packet(&caller.socket, &mut self.buffer) {
                Ok(packet) if packet.length > 0 => {
                    let bytes = self.buffer.get(..packet.length).unwrap_or_default();
                    if !caller.take(bytes, &mut self.scheduler) {
                        self.callers.swap_remove(index);
                        return;
                    }
                }
                Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => return,
                Ok(_) | Err(_) => {
                    let caller = self.callers.swap_remove(index);
                    if caller.door == Door::Send {
                        // What it told and we did not hear lies in queue/new.
                        self.scheduler.look_again();
                    }
                    return;
                }
            }
        }
    }

    fn admit(&mut self, door: Door) {
        loop {
            let listener = match (&self.door, door) {
                (Some((listener, _)), Door::Etrn) => listener,
                _ => &self.listener,
            };
            let caller = match socket::accept(listener) {
                Ok(Some(caller)) => caller,
                Ok(None) => return,
                Err(error) => {
                    // It stays in the line, and would wake us at once again.
                    LOG.error(format_args!("unable to accept a caller: {error}"));
                    self.deaf_until = Some(Instant::now() + DEAF);
                    return;
                }
            };
            match socket::peer(&caller) {
                Ok(peer) if !self.may_enter(peer.uid, door) => {
                    LOG.error(format_args!("dropped a call from user {}, who may not ask at run/etrn", peer.uid));
                }
                Ok(peer) if socket::set_nonblocking(&caller, true).is_ok() => self.take_in(Caller { socket: caller, user: peer.uid, door }),
                _ => LOG.error("unable to tell who calls"),
            }
        }
    }

    /// The mode of run/send says who may come there at all.
    fn may_enter(&self, user: Uid, door: Door) -> bool {
        let is_smtpd = self.door.as_ref().is_some_and(|(_, smtpd)| *smtpd == user);
        door == Door::Send || is_smtpd || user == Uid::effective() || user.is_root()
    }

    fn take_in(&mut self, caller: Caller) {
        let is_silent = |caller: &Caller| caller.door == Door::Etrn;
        if is_silent(&caller) && self.callers.iter().filter(|caller| is_silent(caller)).count() >= MOST_SILENT {
            let first = self.callers.iter().position(is_silent);
            first.into_iter().for_each(|first| drop(self.callers.remove(first)));
        }
        self.callers.push(caller);
    }
}

/// Who has something to say.
struct Heard {
    signal: bool,
    control: bool,
    listener: bool,
    door: bool,
    chores: bool,
    callers: Vec<usize>,
    connections: Vec<u64>,
    lines: bool,
}
