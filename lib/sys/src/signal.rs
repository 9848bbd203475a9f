//! Signals as a descriptor that can be waited for with the others.
//!
//! [`Signals::block`] keeps the signals from interrupting anything; they are read from the
//! descriptor instead (signalfd(2)). A child calls [`unblock`] before it serves, [`unblock_all`]
//! before it executes.

use nix::sys::signal::{SigHandler, SigSet};
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

/// The signals that the programs answer to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// Read the control files again.
    Hangup,
    /// End cleanly.
    Terminate,
    /// Try everything now.
    Alarm,
    /// A child has ended.
    Child,
    /// End cleanly, from a keyboard.
    Interrupt,
    /// End at once; cannot be blocked, only sent.
    Kill,
}

impl Signal {
    pub(crate) fn to_nix(self) -> nix::sys::signal::Signal {
        use nix::sys::signal::Signal as S;
        match self {
            Signal::Hangup => S::SIGHUP,
            Signal::Terminate => S::SIGTERM,
            Signal::Alarm => S::SIGALRM,
            Signal::Child => S::SIGCHLD,
            Signal::Interrupt => S::SIGINT,
            Signal::Kill => S::SIGKILL,
        }
    }

    fn from_number(number: u32) -> Option<Signal> {
        let all = [Signal::Hangup, Signal::Terminate, Signal::Alarm, Signal::Child, Signal::Interrupt];
        all.into_iter().find(|signal| signal.to_nix() as u32 == number)
    }
}

/// Blocked signals, readable as a descriptor.
#[derive(Debug)]
pub struct Signals(OwnedFd);

impl Signals {
    /// Blocks `wanted` and returns the descriptor on which they arrive. SIGPIPE is ignored from
    /// now on: a peer that is gone shows as an error of the write.
    pub fn block(wanted: &[Signal]) -> io::Result<Signals> {
        ignore_pipe()?;
        let set: SigSet = wanted.iter().map(|signal| signal.to_nix()).collect();
        set.thread_block()?;
        descriptor_for(&set).map(Signals)
    }

    /// One signal that has arrived, `None` when there is none now.
    pub fn next(&self) -> Option<Signal> {
        let mut record = [0_u8; size_of::<libc::signalfd_siginfo>()];
        loop {
            let length = rustix::io::read(&self.0, &mut record).ok()?;
            if length != record.len() {
                return None;
            }
            // ssi_signo is the first 32-bit field of the record (signalfd(2)).
            let number = u32::from_ne_bytes([record[0], record[1], record[2], record[3]]);
            if let Some(signal) = Signal::from_number(number) {
                return Some(signal);
            }
        }
    }
}

impl AsFd for Signals {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

/// Lets signals through again, for a child that goes on with the same program.
pub fn unblock() -> io::Result<()> {
    SigSet::empty().thread_set_mask().map_err(io::Error::from)
}

/// A program that is executed expects no blocked signals and the default for SIGPIPE.
pub fn unblock_all() -> io::Result<()> {
    unblock()?;
    set_pipe(SigHandler::SigDfl)
}

/// Ignores SIGPIPE: writing to a peer that is gone is an error of the call.
pub fn ignore_pipe() -> io::Result<()> {
    set_pipe(SigHandler::SigIgn)
}

fn set_pipe(handler: SigHandler) -> io::Result<()> {
    // SAFETY: the handler is the system's own default or "ignore"; no code of ours runs in it.
    unsafe { nix::sys::signal::signal(nix::sys::signal::Signal::SIGPIPE, handler) }?;
    Ok(())
}

fn descriptor_for(set: &SigSet) -> io::Result<OwnedFd> {
    let flags = libc::SFD_CLOEXEC | libc::SFD_NONBLOCK;
    // SAFETY: the set is initialised and outlives the call; -1 asks for a new descriptor.
    let raw = unsafe { libc::signalfd(-1, set.as_ref(), flags) };
    if raw < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: the call above just made this descriptor; nobody else owns it.
    Ok(unsafe { std::os::fd::FromRawFd::from_raw_fd(raw) })
}
