//! Waiting for descriptors with a deadline.

use rustix::event::{PollFd, PollFlags};
use rustix::event::{Timespec, epoll};
use std::io;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::Duration;

/// What to wait for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Interest {
    /// Until it can be read, or the other side is gone.
    Read,
    /// Until it can be written.
    Write,
    /// Until it can be read or written.
    Both,
    /// Only until the other side is gone.
    Hangup,
}

/// What happened to one descriptor.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Ready {
    /// Something can be read, or the end of file, or an error.
    pub readable: bool,
    /// Something can be written, or an error.
    pub writable: bool,
    /// The other side has hung up, or the descriptor is broken.
    pub hangup: bool,
}

impl Ready {
    /// Whether anything happened.
    pub fn any(self) -> bool {
        self.readable || self.writable || self.hangup
    }
}

/// Waits until one of `wanted` is ready or `timeout` has passed (`None`: for ever). The answer has
/// one entry for each of `wanted`, in order; all are empty after a timeout (poll(2)).
pub fn wait(wanted: &[(BorrowedFd<'_>, Interest)], timeout: Option<Duration>) -> io::Result<Vec<Ready>> {
    let mut entries: Vec<PollFd<'_>> = wanted.iter().map(|(fd, what)| PollFd::from_borrowed_fd(*fd, flags(*what))).collect();
    poll_until(&mut entries, timeout)?;
    Ok(entries.iter().map(|entry| ready(entry.revents())).collect())
}

/// As [`wait`] for at most two descriptors, without allocation: the hot path of a conversation.
pub fn wait_two(
    first: (BorrowedFd<'_>, Interest),
    second: Option<BorrowedFd<'_>>,
    timeout: Option<Duration>,
) -> io::Result<(Ready, Ready)> {
    let one = PollFd::from_borrowed_fd(first.0, flags(first.1));
    let Some(second) = second else {
        let mut entries = [one];
        poll_until(&mut entries, timeout)?;
        return Ok((ready(entries[0].revents()), Ready::default()));
    };
    let mut entries = [one, PollFd::from_borrowed_fd(second, PollFlags::IN)];
    poll_until(&mut entries, timeout)?;
    Ok((ready(entries[0].revents()), ready(entries[1].revents())))
}

/// As [`wait_two`], where each says what it waits for.
pub fn wait_pair(
    first: (BorrowedFd<'_>, Interest),
    second: Option<(BorrowedFd<'_>, Interest)>,
    timeout: Option<Duration>,
) -> io::Result<(Ready, Ready)> {
    let Some((second, what)) = second else { return wait_two(first, None, timeout) };
    let mut entries = [PollFd::from_borrowed_fd(first.0, flags(first.1)), PollFd::from_borrowed_fd(second, flags(what))];
    poll_until(&mut entries, timeout)?;
    Ok((ready(entries[0].revents()), ready(entries[1].revents())))
}

fn poll_until(entries: &mut [PollFd<'_>], timeout: Option<Duration>) -> io::Result<()> {
    let deadline = timeout.map(|left| std::time::Instant::now() + left);
    loop {
        let left = deadline.map(|end| end.saturating_duration_since(std::time::Instant::now()));
        let spec = left.and_then(|left| Timespec::try_from(left).ok());
        match rustix::event::poll(entries, spec.as_ref()) {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map(drop).map_err(io::Error::from),
        }
    }
}

fn flags(what: Interest) -> PollFlags {
    match what {
        Interest::Read => PollFlags::IN,
        Interest::Write => PollFlags::OUT,
        Interest::Both => PollFlags::IN | PollFlags::OUT,
        Interest::Hangup => PollFlags::empty(),
    }
}

fn ready(seen: PollFlags) -> Ready {
    let broken = seen.intersects(PollFlags::ERR | PollFlags::NVAL);
    Ready {
        readable: broken || seen.intersects(PollFlags::IN | PollFlags::HUP),
        writable: broken || seen.contains(PollFlags::OUT),
        hangup: broken || seen.contains(PollFlags::HUP),
    }
}

/// Descriptors that are waited for as one: the group itself is a descriptor, readable when one of
/// its members is (epoll(7)). For many members of which few are ready.
#[derive(Debug)]
pub struct Group(OwnedFd);

impl Group {
    /// A group without members.
    pub fn new() -> io::Result<Group> {
        epoll::create(epoll::CreateFlags::CLOEXEC).map(Group).map_err(io::Error::from)
    }

    /// Adds a member, which `token` names when it can be read.
    pub fn add(&self, member: BorrowedFd<'_>, token: u64) -> io::Result<()> {
        epoll::add(&self.0, member, epoll::EventData::new_u64(token), epoll::EventFlags::IN).map_err(io::Error::from)
    }

    /// Takes a member out; needed before it is closed when another process holds a copy of it.
    pub fn remove(&self, member: BorrowedFd<'_>) {
        let _ = epoll::delete(&self.0, member);
    }

    /// The tokens of members that can be read now, some of them when there are many.
    pub fn ready(&self) -> Vec<u64> {
        self.wait(Some(Duration::ZERO)).unwrap_or_default()
    }

    /// As [`Group::ready`], and waits until there is one or `timeout` has passed (`None`: for ever). A signal ends the wait too.
    ///
    /// # Errors
    /// When there is nothing that could be waited for, which no member can cause.
    pub fn wait(&self, timeout: Option<Duration>) -> io::Result<Vec<u64>> {
        let mut events = [MaybeUninit::uninit(); 32];
        let spec = timeout.and_then(|left| Timespec::try_from(left).ok());
        match epoll::wait(&self.0, &mut events, spec.as_ref()) {
            Ok((events, _)) => Ok(events.iter().map(|event| event.data.u64()).collect()),
            Err(rustix::io::Errno::INTR) => Ok(Vec::new()),
            Err(error) => Err(error.into()),
        }
    }
}

impl AsFd for Group {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
