//! Waiting for descriptors with a deadline.

use rustix::event::Timespec;
use rustix::event::{PollFd, PollFlags};
use std::io;
use std::os::fd::BorrowedFd;
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
