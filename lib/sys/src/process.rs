//! Birth, death and replacement of processes.
//!
//! Fork is sound only in a single-threaded process: the child of a threaded one may inherit locks
//! that nobody will release. The programs that start threads (queued, send) never fork.

use std::io;

/// A process id.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Pid(pub i32);

impl Pid {
    /// This process.
    pub fn own() -> Pid {
        Pid(nix::unistd::getpid().as_raw())
    }
}

impl std::fmt::Display for Pid {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.0.fmt(f)
    }
}

/// Which side of a fork one is on.
#[derive(Debug)]
pub enum Fork {
    /// The process that went on, with the id of its child.
    Parent(Pid),
    /// The new process. It must end by [`exit_now`] or by executing a program.
    Child,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ending {
    /// It exited with this code.
    Exited(i32),
    /// A signal of this number ended it.
    Killed(i32),
}

impl Ending {
    /// The value that wait(2) gives for it, as tcpserver logs it.
    pub fn wait_status(self) -> i32 {
        match self {
            Ending::Exited(code) => (code & 0xff) << 8,
            Ending::Killed(signal) => signal & 0x7f,
        }
    }
}

/// Makes a copy of this process (fork(2)).
///
/// # Errors
/// When the system has no room for one more process.
pub fn fork() -> io::Result<Fork> {
    // SAFETY: the programs that fork are single-threaded (queued and send, which start threads,
    // never fork), so the child can use every lock and allocation it inherits.
    let forked = unsafe { nix::unistd::fork() }?;
    Ok(match forked {
        nix::unistd::ForkResult::Parent { child } => Fork::Parent(Pid(child.as_raw())),
        nix::unistd::ForkResult::Child => Fork::Child,
    })
}

/// Ends the process at once: no destructors, no flushing of what the parent had buffered.
pub fn exit_now(code: i32) -> ! {
    // SAFETY: _exit has no preconditions and does not return.
    unsafe { libc::_exit(code) }
}

/// One child that has ended since the last call; `None` when there is none (waitpid(2), WNOHANG).
pub fn reap() -> Option<(Pid, Ending)> {
    use nix::sys::wait::{WaitPidFlag, WaitStatus, waitpid};
    loop {
        match waitpid(None, Some(WaitPidFlag::WNOHANG)) {
            Ok(WaitStatus::Exited(pid, code)) => return Some((Pid(pid.as_raw()), Ending::Exited(code))),
            Ok(WaitStatus::Signaled(pid, signal, _)) => {
                return Some((Pid(pid.as_raw()), Ending::Killed(signal as i32)));
            }
            Err(nix::errno::Errno::EINTR) => {}
            Ok(WaitStatus::StillAlive) | Err(_) => return None,
            Ok(_) => {}
        }
    }
}

/// Waits for that child to end (waitpid(2)).
///
/// # Errors
/// When it is not a child of this process.
pub fn wait_for(pid: Pid) -> io::Result<Ending> {
    use nix::sys::wait::{WaitStatus, waitpid};
    loop {
        match waitpid(nix::unistd::Pid::from_raw(pid.0), None) {
            Ok(WaitStatus::Exited(_, code)) => return Ok(Ending::Exited(code)),
            Ok(WaitStatus::Signaled(_, signal, _)) => return Ok(Ending::Killed(signal as i32)),
            Ok(_) | Err(nix::errno::Errno::EINTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// As [`wait_for`], for at most so long; `None` when the child still runs then (pidfd_open(2)).
///
/// # Errors
/// When it is not a child of this process.
pub fn wait_within(pid: Pid, patience: std::time::Duration) -> io::Result<Option<Ending>> {
    let name = rustix::process::Pid::from_raw(pid.0).ok_or(io::ErrorKind::InvalidInput)?;
    let handle = rustix::process::pidfd_open(name, rustix::process::PidfdFlags::empty())?;
    let watched = (std::os::fd::AsFd::as_fd(&handle), crate::poll::Interest::Read);
    let (ready, _) = crate::poll::wait_two(watched, None, Some(patience))?;
    if ready.any() { wait_for(pid).map(Some) } else { Ok(None) }
}

/// Sends a signal to a process of ours (kill(2)).
pub fn kill(pid: Pid, signal: crate::signal::Signal) -> io::Result<()> {
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid.0), signal.to_nix()).map_err(io::Error::from)
}

/// Makes this process the first of a session and of a group of its own, so that it and what it starts can be ended together
/// (setsid(2)).
///
/// # Errors
/// When it leads a group already.
pub fn new_session() -> io::Result<()> {
    nix::unistd::setsid().map(drop).map_err(io::Error::from)
}

/// Ends a process and all of the group that it leads (kill(2)).
pub fn kill_group(leader: Pid) {
    let leader = nix::unistd::Pid::from_raw(leader.0);
    let _ = nix::sys::signal::killpg(leader, nix::sys::signal::Signal::SIGKILL);
    // Before it led a group.
    let _ = nix::sys::signal::kill(leader, nix::sys::signal::Signal::SIGKILL);
}

/// The system ends this process after so many seconds, whatever it waits for then (alarm(2)).
pub fn end_after(seconds: u32) {
    nix::unistd::alarm::set(seconds.max(1));
}

/// What is made from now on is for its owner alone (umask(2)).
pub fn keep_files_private() {
    rustix::process::umask(rustix::fs::Mode::RWXG | rustix::fs::Mode::RWXO);
}

/// The name of this boot of the machine, to tell a crashed program from a crashed machine
/// (random(4), boot_id).
pub fn boot_id() -> io::Result<String> {
    let text = std::fs::read_to_string("/proc/sys/kernel/random/boot_id")?;
    Ok(text.trim_end().to_owned())
}
