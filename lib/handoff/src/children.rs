//! The children of a parent: who serves which handoff, and who waits for the next of its client.
//!
//! A child that has ended a conversation is kept for [`KEEP`]: when the next handoff has the same
//! key (the service says what that is, such as the client's address and all that was decided about
//! it), the child serves that too, which saves the birth and the death of a process. A child never
//! meets another key, nor settings that have changed since its birth. It waits on a link, a packet
//! socket pair, and ends when the parent closes it; so no handoff can meet a child that is leaving.

use stafett_sys::poll::{self, Interest};
use stafett_sys::process::Pid;
use stafett_sys::socket;
use std::collections::HashMap;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// How long a child waits for its client's next conversation.
const KEEP: Duration = Duration::from_secs(1);
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
    /// Our end of its link; `None` when it ends after this conversation.
    link: Option<OwnedFd>,
    key: Vec<u8>,
    conversations: u32,
    waiting_since: Instant,
}

/// All children of a parent.
#[derive(Debug, Default)]
pub struct Children(HashMap<Pid, Child>);

impl Children {
    /// A child was born for `task`; it has a link if it may serve others with the same `key`.
    pub fn born(&mut self, pid: Pid, task: Task, key: Vec<u8>, link: Option<OwnedFd>) {
        self.0.insert(pid, Child { task: Some(task), link, key, conversations: 1, waiting_since: Instant::now() });
    }

    /// A child is dead. Returns what it left undone.
    pub fn died(&mut self, pid: Pid) -> Option<Task> {
        self.0.remove(&pid).and_then(|child| child.task)
    }

    /// How many serve a conversation.
    pub fn busy(&self) -> usize {
        self.0.values().filter(|child| child.task.is_some()).count()
    }

    /// Hands a conversation to a child that waits for this key, the one that began to wait last.
    pub fn reuse(&mut self, key: &[u8], task: Task, packet: &[u8], descriptor: BorrowedFd<'_>) -> Option<Pid> {
        loop {
            let waits = |child: &Child| child.task.is_none() && child.link.is_some() && child.key == key;
            let found = self.0.iter_mut().filter(|(_, child)| waits(child)).max_by_key(|(_, child)| child.waiting_since);
            let (pid, child) = found?;
            let link = child.link.as_ref()?;
            if socket::send_packet(link, packet, Some(descriptor)).is_ok() {
                child.task = Some(task);
                child.conversations += 1;
                return Some(*pid);
            }
            child.link = None;
        }
    }

    /// The links, for waiting until somebody has finished.
    pub fn links(&self) -> impl Iterator<Item = (Pid, BorrowedFd<'_>)> {
        self.0.iter().filter_map(|(pid, child)| child.link.as_ref().map(|link| (*pid, link.as_fd())))
    }

    /// Reads the link of a child. Returns what it has finished, with its exit code.
    pub fn finished(&mut self, pid: Pid) -> Option<(Task, i32)> {
        let child = self.0.get_mut(&pid)?;
        let mut code = [0; 16];
        let read = child.link.as_ref().map(|link| socket::receive_packet(link, &mut code));
        match read {
            Some(Err(error)) if error.kind() == io::ErrorKind::WouldBlock => None,
            Some(Ok(packet)) if packet.length == 1 && child.task.is_some() => {
                child.waiting_since = Instant::now();
                if child.conversations >= MOST_CONVERSATIONS {
                    child.link = None;
                }
                child.task.take().map(|task| (task, i32::from(code[0])))
            }
            // Dead, or not as agreed: it gets no further conversation, and its end will be seen.
            _ => {
                child.link = None;
                None
            }
        }
    }

    /// Sends those away that have waited long enough, or are too many.
    pub fn expire(&mut self) {
        let mut waiting: Vec<&mut Child> = self.0.values_mut().filter(|child| child.task.is_none() && child.link.is_some()).collect();
        waiting.sort_by_key(|child| std::cmp::Reverse(child.waiting_since));
        let old = |(place, child): &(usize, &mut Child)| *place >= MOST_WAITING || child.waiting_since.elapsed() >= KEEP;
        waiting.into_iter().enumerate().filter(old).for_each(|(_, child)| child.link = None);
    }

    /// How long until somebody has waited long enough.
    pub fn next_expiry(&self) -> Option<Duration> {
        let waiting = self.0.values().filter(|child| child.task.is_none() && child.link.is_some());
        waiting.map(|child| KEEP.saturating_sub(child.waiting_since.elapsed())).min()
    }

    /// Sends all away that wait, and all others after what they serve: settings have changed, or
    /// the parent ends.
    pub fn retire(&mut self) {
        self.0.values_mut().for_each(|child| child.link = None);
    }

    /// Whether all are dead.
    pub fn are_gone(&self) -> bool {
        self.0.is_empty()
    }

    /// In a new child: forgets the others, whose links are not its own.
    pub fn forget(&mut self) {
        self.0.clear();
    }
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
