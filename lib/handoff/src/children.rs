//! The children of a parent: who serves which handoff, and who waits for the next of its client.
//!
//! A child that has ended a conversation is kept for a while: when the next handoff has the same
//! key (the service says what that is, such as the client's address and all that was decided about
//! it), the child serves that too, which saves the birth and the death of a process. A child never
//! meets another key, nor settings that have changed since its birth. It waits on a link, a packet
//! socket pair, and ends when the parent closes it; so no handoff can meet a child that is leaving.

use stafett_sys::poll::{self, Group, Interest};
use stafett_sys::process::Pid;
use stafett_sys::socket;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long a child waits for its client's next conversation, unless the service says otherwise.
pub const KEEP: Duration = Duration::from_secs(1);
/// Children that wait at most.
const MOST_WAITING: usize = 64;
/// Conversations of one child at most.
const MOST_CONVERSATIONS: u32 = 100;

/// The bytes of a handoff's packet for a child that waits, at most: a child has little memory.
pub const LARGEST_REUSED: usize = 4096;

/// Which caller's handoff, by its tag.
pub type Task = (u64, u64);

#[derive(Debug)]
struct Child {
    /// What it serves; `None` while it waits.
    task: Option<Task>,
    /// Whether it has a link; without, it ends after this conversation.
    linked: bool,
    key: Vec<u8>,
    conversations: u32,
    waiting_since: Instant,
}

/// All children of a parent. What is touched between two births is little: a page that the parent
/// writes then is a page that the child before has for itself.
#[derive(Debug)]
pub struct Children {
    table: HashMap<Pid, Child>,
    /// Our ends of the links; apart, so that a newborn can close them without touching the rest.
    links: HashMap<Pid, OwnedFd>,
    /// The links, waited for as one; `None` in a child.
    group: Option<Group>,
    /// How long a child waits.
    pub keep: Duration,
    busy: usize,
    waiting: usize,
}

impl Children {
    /// None yet.
    ///
    /// # Errors
    /// When the system has no descriptor for it.
    pub fn new() -> io::Result<Children> {
        Ok(Children { table: HashMap::new(), links: HashMap::new(), group: Some(Group::new()?), keep: KEEP, busy: 0, waiting: 0 })
    }

    /// A child was born for `task`; it has a link if it may serve others with the same `key`.
    pub fn born(&mut self, pid: Pid, task: Task, key: Vec<u8>, link: Option<OwnedFd>) {
        let group = self.group.as_ref();
        let link = link.filter(|link| group.is_some_and(|group| group.add(link.as_fd(), token(pid)).is_ok()));
        let linked = link.is_some();
        self.links.extend(link.map(|link| (pid, link)));
        self.busy += 1;
        self.table.insert(pid, Child { task: Some(task), linked, key, conversations: 1, waiting_since: Instant::now() });
    }

    /// A child is dead. Returns what it left undone.
    pub fn died(&mut self, pid: Pid) -> Option<Task> {
        self.cut(pid);
        let task = self.table.remove(&pid).and_then(|child| child.task);
        self.busy -= usize::from(task.is_some());
        task
    }

    /// How many serve a conversation.
    pub fn busy(&self) -> usize {
        self.busy
    }

    /// Hands a conversation to a child that waits for this key, the one that began to wait last.
    pub fn reuse(&mut self, key: &[u8], task: Task, packet: &[u8], descriptor: BorrowedFd<'_>) -> Option<Pid> {
        while self.waiting > 0 {
            let found = self.table.iter_mut().filter(|(_, child)| child.waits() && child.key == key);
            let (pid, child) = found.max_by_key(|(_, child)| child.waiting_since)?;
            let pid = *pid;
            let link = self.links.get(&pid)?;
            if socket::send_packet(link, packet, Some(descriptor)).is_ok() {
                child.task = Some(task);
                child.conversations += 1;
                self.waiting -= 1;
                self.busy += 1;
                return Some(pid);
            }
            self.cut(pid);
        }
        None
    }

    /// Readable when somebody has finished.
    pub fn bell(&self) -> Option<BorrowedFd<'_>> {
        self.group.as_ref().map(AsFd::as_fd)
    }

    /// What was finished, with the exit code of each.
    pub fn finished(&mut self) -> Vec<(Task, i32)> {
        let ready = self.group.as_ref().map(Group::ready).unwrap_or_default();
        ready.into_iter().filter_map(|token| i32::try_from(token).ok()).filter_map(|pid| self.read_link(Pid(pid))).collect()
    }

    fn read_link(&mut self, pid: Pid) -> Option<(Task, i32)> {
        let child = self.table.get_mut(&pid)?;
        let mut code = [0; 16];
        match socket::receive_packet(self.links.get(&pid)?, &mut code) {
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => None,
            Ok(packet) if packet.length == 1 && child.task.is_some() => {
                let (task, worn) = (child.task.take(), child.conversations >= MOST_CONVERSATIONS);
                child.waiting_since = Instant::now();
                self.busy -= 1;
                self.waiting += 1;
                if worn {
                    self.cut(pid);
                }
                task.map(|task| (task, i32::from(code[0])))
            }
            // Dead, or not as agreed: it gets no further conversation, and its end will be seen.
            _ => {
                self.cut(pid);
                None
            }
        }
    }

    /// Sends those away that have waited long enough, or are too many.
    pub fn expire(&mut self) {
        let Some(oldest) = self.oldest() else { return };
        let now = Instant::now();
        let keep = self.keep;
        let is_over = |since: Instant| now.saturating_duration_since(since) >= keep;
        if self.waiting <= MOST_WAITING && !is_over(oldest) {
            return;
        }
        let mut waiting: Vec<(Instant, Pid)> =
            self.table.iter().filter(|(_, child)| child.waits()).map(|(pid, child)| (child.waiting_since, *pid)).collect();
        waiting.sort_unstable_by(|one, other| other.cmp(one));
        let is_old = |(place, (since, _)): &(usize, (Instant, Pid))| *place >= MOST_WAITING || is_over(*since);
        waiting.into_iter().enumerate().filter(is_old).for_each(|(_, (_, pid))| self.cut(pid));
    }

    /// How long until somebody has waited long enough.
    pub fn next_expiry(&self) -> Option<Duration> {
        self.oldest().map(|oldest| self.keep.saturating_sub(oldest.elapsed()))
    }

    /// Since when the one waits that has waited longest. The clock is read once for all: this is done for every conversation.
    fn oldest(&self) -> Option<Instant> {
        if self.waiting == 0 {
            return None;
        }
        self.table.values().filter(|child| child.waits()).map(|child| child.waiting_since).min()
    }

    /// Sends all away that wait, and all others after what they serve: settings have changed, or
    /// the parent ends.
    pub fn retire(&mut self) {
        let all: Vec<Pid> = self.table.keys().copied().collect();
        all.into_iter().for_each(|pid| self.cut(pid));
    }

    /// Whether all are dead.
    pub fn are_gone(&self) -> bool {
        self.table.is_empty()
    }

    /// In a new child: closes what belongs to the others. Nothing else is touched, since every page
    /// that a child writes is one that it has for itself.
    pub fn forget(&mut self) {
        self.links = HashMap::new();
        self.group = None;
    }

    /// A child gets no further conversation; if it waits for one, it ends.
    fn cut(&mut self, pid: Pid) {
        let Some(child) = self.table.get_mut(&pid) else { return };
        self.waiting -= usize::from(child.waits());
        child.linked = false;
        if let (Some(link), Some(group)) = (self.links.remove(&pid), &self.group) {
            group.remove(link.as_fd());
        }
    }
}

impl Child {
    fn waits(&self) -> bool {
        self.task.is_none() && self.linked
    }
}

fn token(pid: Pid) -> u64 {
    u64::try_from(pid.0).unwrap_or(0)
}

/// In a child: says how its conversation ended and waits for the next. `None` when it shall end.
pub fn next_packet(link: &OwnedFd, lifeline: &OwnedFd, code: i32, buffer: &mut [u8]) -> Option<(usize, OwnedFd)> {
    socket::send_packet(link, &[u8::try_from(code).unwrap_or(u8::MAX)], None).ok()?;
    let (called, _) = poll::wait_two((link.as_fd(), Interest::Read), Some(lifeline.as_fd()), None).ok()?;
    if !called.readable {
        return None;
    }
    let packet = socket::receive_packet(link, buffer).ok()?;
    packet.descriptor.map(|descriptor| (packet.length, descriptor))
}
