//! Running a UCSPI program per connection, as tcpserver does.

use crate::journal::Journal;
use crate::resident::Ready;
use stafett_sys::process::{self, Fork, Pid};
use stafett_sys::{descriptor, signal};
use stafett_ucspi::Environment;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::IpAddr;
use std::os::fd::AsFd;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;

/// The program, and its processes that run now.
#[derive(Debug)]
pub struct Program {
    command: Vec<OsString>,
    environment: Environment,
    running: HashMap<Pid, IpAddr>,
}

impl Program {
    /// A program with its arguments; what it inherits is our own environment.
    pub fn new(command: Vec<OsString>) -> Program {
        Program { command, environment: Environment::of_process(), running: HashMap::new() }
    }

    /// What the program's environment starts from.
    pub fn environment(&self) -> &Environment {
        &self.environment
    }

    /// Starts the program on a connection; the child says that it does.
    ///
    /// # Errors
    /// When the system has no room for one more process.
    pub fn start(&mut self, ready: &Ready, journal: &mut Journal) -> io::Result<()> {
        journal.flush();
        match process::fork()? {
            Fork::Parent(pid) => {
                self.running.insert(pid, ready.ip);
                Ok(())
            }
            Fork::Child => {
                journal.accepted(Pid::own(), &ready.facts);
                journal.flush();
                let failure = self.become_it(ready);
                journal.warning(format_args!("dropping connection, {failure}"));
                process::exit_now(111)
            }
        }
    }

    /// A child has ended; its client's address if it was one of the program's.
    pub fn ended(&mut self, pid: Pid) -> Option<IpAddr> {
        self.running.remove(&pid)
    }

    /// Returns only the reason why it could not be done.
    fn become_it(&self, ready: &Ready) -> String {
        let connection = ready.socket.as_fd();
        let placed = descriptor::place(connection, 0).and_then(|()| descriptor::place(connection, 1)).and_then(|()| signal::unblock_all());
        if let Err(error) = placed {
            return format!("unable to set up descriptors: {error}");
        }
        let Some((name, arguments)) = self.command.split_first() else { return "no program".to_owned() };
        let variables = ready.environment.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value)));
        let error = Command::new(name).args(arguments).env_clear().envs(variables).exec();
        format!("unable to run {}: {error}", name.display())
    }
}
