//! The resident parent's loop.

use crate::children::{Children, KEEP, LARGEST_REUSED, next_packet};
use crate::client::{Answer, ENDING};
use crate::{LARGEST, LINGER, MOST_STRINGS};
use stafett_log::Log;
use stafett_sys::poll::{self, Interest};
use stafett_sys::process::{self, Fork};
use stafett_sys::signal::{self, Signal, Signals};
use stafett_sys::socket::{self, Style};
use stafett_sys::user::Uid;
use stafett_wire::netstring::{all, number};
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;
use std::time::{Duration, Instant};

/// How long callers are left waiting when there is no descriptor for them.
const DEAF: Duration = Duration::from_secs(1);

/// What a resident program does beside the loop.
pub trait Service {
    /// Called before each conversation and on HUP (`forced`): read again what has changed. Must be
    /// cheap when nothing has. A control file that does not parse keeps the last good copy. Says
    /// whether anything may have changed: children that were born before serve nobody else then.
    fn refresh(&mut self, forced: bool) -> bool;

    /// What two conversations must have in common so that one child may serve both, one after the
    /// other; `None` for a child each. Whoever answers at more than one door tells them apart here.
    fn key(&self, _door: usize, _strings: &[&[u8]]) -> Option<Vec<u8>> {
        None
    }

    /// How long a child is kept for the next conversation of its key.
    fn keep(&self) -> Duration {
        KEEP
    }

    /// In the child: serves one conversation and returns the exit code of the process.
    fn serve(&mut self, conversation: Conversation) -> i32;

    /// In the child, which ends: nothing of the service is dropped then, so processes that it keeps from one conversation to the next
    /// are ended here.
    fn leave(&mut self) {}
}

/// What a child is born with.
#[derive(Debug)]
pub struct Conversation {
    /// The strings of the handoff, without the tag.
    pub strings: Vec<Vec<u8>>,
    /// The descriptor that was handed over.
    pub descriptor: OwnedFd,
    /// Hangs up when the parent was told to end, or died: finish what is being done, then end.
    pub lifeline: OwnedFd,
    /// At which socket of the parent the caller came in: 0 for the first, then those of [`Parent::also_listen`].
    pub door: usize,
}

/// A parent that listens.
#[derive(Debug)]
pub struct Parent {
    log: Log,
    /// The parent's alone: a child drops it at birth.
    ends: Option<Ends>,
    /// The children's end; in a child it has moved to its conversations.
    lifeline: Option<OwnedFd>,
    most: usize,
    callers: HashMap<u64, Caller>,
    next_caller: u64,
    children: Children,
    /// Nobody is accepted until then.
    deaf_until: Option<Instant>,
}

#[derive(Debug)]
struct Ends {
    doors: Vec<Door>,
    signals: Signals,
    _lifeline: OwnedFd,
}

/// A listening socket and who may call there.
#[derive(Debug)]
struct Door {
    listener: OwnedFd,
    allowed: Vec<Uid>,
}

#[derive(Debug)]
struct Caller {
    socket: OwnedFd,
    door: usize,
}

impl Door {
    fn open(path: &Path, allowed: &[Uid]) -> io::Result<Door> {
        let listener = socket::listen(path, Style::Packets, 64)?;
        let mut allowed = allowed.to_vec();
        allowed.extend([Uid::effective(), Uid::ROOT]);
        Ok(Door { listener, allowed })
    }
}

impl Parent {
    /// Listens at `path` for callers of the users `allowed` (our own user and root may always
    /// call), with at most `most` children at once.
    ///
    /// # Errors
    /// When the socket cannot be made, or another process listens there.
    pub fn listen(log: Log, path: &Path, allowed: &[Uid], most: usize) -> io::Result<Parent> {
        let doors = vec![Door::open(path, allowed)?];
        let signals = Signals::block(&[Signal::Terminate, Signal::Interrupt, Signal::Hangup, Signal::Child])?;
        let (lifeline, write_end) = stafett_sys::descriptor::pipe()?;
        let ends = Some(Ends { doors, signals, _lifeline: write_end });
        Ok(Parent {
            log,
            ends,
            lifeline: Some(lifeline),
            most,
            callers: HashMap::new(),
            next_caller: 0,
            children: Children::new()?,
            deaf_until: None,
        })
    }

    /// Listens at one more path, for callers of the users `allowed` there; [`Conversation::door`] tells them apart.
    ///
    /// # Errors
    /// As [`Parent::listen`].
    pub fn also_listen(mut self, path: &Path, allowed: &[Uid]) -> io::Result<Parent> {
        let door = Door::open(path, allowed)?;
        if let Some(ends) = &mut self.ends {
            ends.doors.push(door);
        }
        Ok(self)
    }

    /// Serves until TERM. Returns when the parent should exit.
    ///
    /// # Errors
    /// When waiting for events fails, which leaves nothing to do but to be started again.
    pub fn run(mut self, service: &mut impl Service) -> io::Result<()> {
        stafett_sys::memory::keep_freed();
        self.children.keep = service.keep();
        let mut buffer = vec![0; LARGEST];
        while let Some(ends) = &self.ends {
            self.deaf_until = self.deaf_until.filter(|until| *until > Instant::now());
            let Woken { signalled, called, ready, finished } = self.wait(ends)?;
            let (end, reload, died) = if signalled { arrived(&ends.signals) } else { (false, false, false) };
            if called {
                let (callers, fault) = accept_callers(&ends.doors);
                if let Some(error) = fault {
                    // Who waits stays in the line, and would wake us at once again.
                    self.log.error(format_args!("unable to accept a caller: {error}"));
                    self.deaf_until = Some(Instant::now() + DEAF);
                }
                callers.into_iter().for_each(|caller| self.admit(caller));
            }
            if reload && service.refresh(true) {
                self.children.retire();
            }
            if finished {
                self.note_finished();
            }
            self.children.expire();
            if died {
                self.reap();
            }
            if end {
                break;
            }
            for caller in ready {
                self.read_caller(caller, &mut buffer, service);
            }
        }
        self.finish()
    }

    fn wait(&self, ends: &Ends) -> io::Result<Woken> {
        let names: Vec<u64> = self.callers.keys().copied().collect();
        let bell = self.children.bell().unwrap_or(ends.signals.as_fd());
        let mut wanted = vec![(ends.signals.as_fd(), Interest::Read), (bell, Interest::Read)];
        wanted.extend(names.iter().filter_map(|name| self.callers.get(name)).map(|caller| (caller.socket.as_fd(), Interest::Read)));
        let hears = self.deaf_until.is_none();
        wanted.extend(ends.doors.iter().filter(|_| hears).map(|door| (door.listener.as_fd(), Interest::Read)));
        let alarms = [self.deaf_until.map(|_| DEAF), self.children.next_expiry()];
        let ready = poll::wait(&wanted, alarms.into_iter().flatten().min())?;
        let is_ready = |index: usize| ready.get(index).is_some_and(|ready| ready.readable);
        let callers = names.iter().enumerate().filter(|(index, _)| is_ready(2 + index)).map(|(_, name)| *name);
        Ok(Woken {
            signalled: is_ready(0),
            finished: is_ready(1),
            called: (0..ends.doors.len()).any(|door| is_ready(2 + names.len() + door)),
            ready: callers.collect(),
        })
    }

    fn reap(&mut self) {
        while let Some((pid, ending)) = process::reap() {
            if let process::Ending::Killed(signal) = ending {
                self.log.warning(format_args!("process {pid} was ended by signal {signal}"));
            }
            if let Some((caller, tag)) = self.children.died(pid) {
                self.answer(caller, &Answer::Ended { tag, status: ending.wait_status() });
            }
        }
    }

    fn note_finished(&mut self) {
        for ((caller, tag), code) in self.children.finished() {
            self.answer(caller, &Answer::Ended { tag, status: process::Ending::Exited(code).wait_status() });
        }
    }

    fn admit(&mut self, caller: Caller) {
        let doors = self.ends.as_ref().map(|ends| ends.doors.as_slice()).unwrap_or_default();
        let is_allowed = |uid| doors.get(caller.door).is_some_and(|door| door.allowed.contains(&uid));
        match socket::peer(&caller.socket) {
            Ok(peer) if is_allowed(peer.uid) => {}
            Ok(peer) => {
                self.log.error(format_args!("refused a call from process {} of user {}, who may not hand over here", peer.pid, peer.uid));
                return;
            }
            Err(error) => {
                self.log.error(format_args!("unable to tell who calls: {error}"));
                return;
            }
        }
        if socket::set_nonblocking(&caller.socket, true).is_ok() {
            self.next_caller += 1;
            self.callers.insert(self.next_caller, caller);
        }
    }

    fn read_caller(&mut self, name: u64, buffer: &mut [u8], service: &mut impl Service) {
        while let Some(caller) = self.callers.get(&name) {
            match socket::receive_packet(&caller.socket, buffer) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return,
                Ok(packet) if packet.length > 0 => {
                    // The caller counts conversations: tell of those that ended before the next begins.
                    self.reap();
                    let bytes = buffer.get(..packet.length).unwrap_or_default();
                    if let Err(reason) = self.birth(name, bytes, packet.descriptor, service) {
                        self.log.error(format_args!("closing the connection of a caller: {reason}"));
                        self.callers.remove(&name);
                    }
                }
                Ok(_) => {
                    self.callers.remove(&name);
                }
                // A caller that ended with answers unread.
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => {
                    self.callers.remove(&name);
                }
                Err(error) => {
                    self.log.error(format_args!("unable to read from a caller: {error}"));
                    self.callers.remove(&name);
                }
            }
        }
    }

    fn birth(&mut self, caller: u64, packet: &[u8], descriptor: Option<OwnedFd>, service: &mut impl Service) -> Result<(), String> {
        let strings = all(packet, MOST_STRINGS).map_err(|error| error.to_string())?;
        let (tag, strings) = strings.split_first().ok_or("a handoff without a tag")?;
        let tag = number(tag).map_err(|error| error.to_string())?;
        let descriptor = descriptor.ok_or("a handoff without a descriptor")?;
        if self.children.busy() >= self.most {
            let text = format!("{} conversations are under way, which is the limit", self.most);
            self.answer(caller, &Answer::Refused { tag, text });
            return Ok(());
        }
        if service.refresh(false) {
            self.children.retire();
        }
        let door = self.callers.get(&caller).map_or(0, |caller| caller.door);
        let key = service.key(door, strings).filter(|_| packet.len() <= LARGEST_REUSED);
        if let Some(pid) = key.as_ref().and_then(|key| self.children.reuse(key, (caller, tag), packet, descriptor.as_fd())) {
            self.answer(caller, &Answer::Started { tag, pid });
            return Ok(());
        }
        let (link, its_link) = key.as_ref().and_then(|_| link().ok()).unzip();
        match process::fork() {
            Ok(Fork::Parent(pid)) => {
                self.children.born(pid, (caller, tag), key.unwrap_or_default(), link);
                self.answer(caller, &Answer::Started { tag, pid });
            }
            Ok(Fork::Child) => {
                drop(link);
                let Some(lifeline) = self.become_child() else { process::exit_now(111) };
                let code = live(service, Birth { packet, descriptor, lifeline, link: its_link, door });
                service.leave();
                process::exit_now(code);
            }
            Err(error) => {
                self.log.error(format_args!("unable to fork: {error}"));
                self.answer(caller, &Answer::Refused { tag, text: format!("unable to fork: {error}") });
            }
        }
        Ok(())
    }

    /// Closes all that is the parent's, so that its death can be seen; gives the child its end
    /// of the lifeline.
    fn become_child(&mut self) -> Option<OwnedFd> {
        self.callers.clear();
        self.children.forget();
        self.ends = None;
        signal::unblock().ok()?;
        self.lifeline.take()
    }

    fn answer(&mut self, caller: u64, answer: &Answer) {
        let Some(found) = self.callers.get(&caller) else { return };
        if let Err(error) = send_patiently(found.socket.as_fd(), &answer.encode()) {
            // One that has gone does not want to know.
            if !matches!(error.kind(), io::ErrorKind::BrokenPipe | io::ErrorKind::ConnectionReset) {
                self.log.error("closing the connection of a caller that does not read its answers");
            }
            self.callers.remove(&caller);
        }
    }

    /// Tells each caller which of its handoffs were not begun, so that none is lost.
    fn refuse_the_rest(&mut self) {
        let mut buffer = vec![0; LARGEST];
        for Caller { socket: caller, .. } in std::mem::take(&mut self.callers).into_values() {
            let _ = socket::stop_receiving(&caller);
            while let Ok(packet) = socket::receive_packet(&caller, &mut buffer) {
                let bytes = buffer.get(..packet.length).unwrap_or_default();
                let Some(tag) = all(bytes, MOST_STRINGS).ok().and_then(|strings| number(strings.first()?).ok()) else { break };
                let refusal = Answer::Refused { tag, text: ENDING.to_owned() };
                if send_patiently(caller.as_fd(), &refusal.encode()).is_err() {
                    break;
                }
            }
        }
    }

    fn finish(mut self) -> io::Result<()> {
        self.refuse_the_rest();
        self.children.retire();
        let Some(Ends { doors, signals, _lifeline }) = self.ends.take() else { return Ok(()) };
        drop((doors, _lifeline));
        let deadline = Instant::now() + LINGER;
        while !self.children.are_gone() && Instant::now() < deadline {
            poll::wait_two((signals.as_fd(), Interest::Read), None, Some(deadline - Instant::now()))?;
            arrived(&signals);
            self.reap();
        }
        if !self.children.are_gone() {
            self.log.note(format_args!("ending; {} conversations in the middle of a message finish on their own", self.children.busy()));
        }
        Ok(())
    }
}

/// What a wait brought: a signal, a new caller, callers with handoffs, children that have finished.
struct Woken {
    signalled: bool,
    called: bool,
    ready: Vec<u64>,
    finished: bool,
}

/// What a child begins with.
struct Birth<'a> {
    packet: &'a [u8],
    descriptor: OwnedFd,
    lifeline: OwnedFd,
    link: Option<OwnedFd>,
    door: usize,
}

/// A child's life: its conversation, and those of the same key that follow.
fn live(service: &mut impl Service, birth: Birth<'_>) -> i32 {
    let Birth { packet, mut descriptor, lifeline, link, door } = birth;
    let mut packet = packet.to_vec();
    let mut buffer = [0; LARGEST_REUSED];
    loop {
        let Some(conversation) = conversation(&packet, descriptor, &lifeline, door) else { return 111 };
        let code = service.serve(conversation);
        let Some(link) = &link else { return code };
        let Some((length, next)) = next_packet(link, &lifeline, code, &mut buffer) else { return code };
        packet.clear();
        packet.extend_from_slice(buffer.get(..length).unwrap_or_default());
        descriptor = next;
    }
}

fn conversation(packet: &[u8], descriptor: OwnedFd, lifeline: &OwnedFd, door: usize) -> Option<Conversation> {
    let strings = all(packet, MOST_STRINGS).ok()?;
    let strings = strings.iter().skip(1).map(|string| string.to_vec()).collect();
    Some(Conversation { strings, descriptor, lifeline: lifeline.try_clone().ok()?, door })
}

/// A link: the parent's end, which never waits, and the child's.
fn link() -> io::Result<(OwnedFd, OwnedFd)> {
    let (ours, theirs) = socket::pair(Style::Packets)?;
    socket::set_nonblocking(&ours, true)?;
    Ok((ours, theirs))
}

/// Which signals have come: end, reload, a child has ended.
fn arrived(signals: &Signals) -> (bool, bool, bool) {
    let (mut end, mut reload, mut died) = (false, false, false);
    while let Some(signal) = signals.next() {
        match signal {
            Signal::Terminate | Signal::Interrupt => end = true,
            Signal::Hangup => reload = true,
            _ => died = true,
        }
    }
    (end, reload, died)
}

/// Everybody who waits, and why there are no more.
fn accept_callers(doors: &[Door]) -> (Vec<Caller>, Option<io::Error>) {
    let mut callers = Vec::new();
    for (door, Door { listener, .. }) in doors.iter().enumerate() {
        loop {
            match socket::accept(listener) {
                Ok(Some(socket)) => callers.push(Caller { socket, door }),
                Ok(None) => break,
                Err(error) => return (callers, Some(error)),
            }
        }
    }
    (callers, None)
}

fn send_patiently(socket: BorrowedFd<'_>, bytes: &[u8]) -> io::Result<()> {
    match socket::send_packet(socket, bytes, None) {
        Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
            poll::wait_two((socket, Interest::Write), None, Some(Duration::from_secs(1)))?;
            socket::send_packet(socket, bytes, None)
        }
        done => done,
    }
}
