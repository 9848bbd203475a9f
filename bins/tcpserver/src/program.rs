//! Running a UCSPI program per connection, as tcpserver does.

use crate::journal::LOG;
use stafett_sys::process::{self, Fork, Pid};
use stafett_sys::{descriptor, signal};
use stafett_ucspi::Environment;
use std::ffi::{OsStr, OsString};
use std::io;
use std::net::IpAddr;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::collections::HashMap;
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

    /// Starts the program on `connection`. In the child, `in_child` runs first.
    ///
    /// # Errors
    /// When the system has no room for one more process.
    pub fn start(&mut self, ip: IpAddr, connection: &OwnedFd, environment: &Environment, in_child: impl FnOnce(Pid)) -> io::Result<()> {
        match process::fork()? {
            Fork::Parent(pid) => {
                self.running.insert(pid, ip);
                Ok(())
            }
            Fork::Child => {
                in_child(Pid::own());
                self.become_it(connection, environment)
            }
        }
    }

    /// A child has ended; its client's address if it was one of the program's.
    pub fn ended(&mut self, pid: Pid) -> Option<IpAddr> {
        self.running.remove(&pid)
    }

    fn become_it(&self, connection: &OwnedFd, environment: &Environment) -> ! {
        let Some((name, arguments)) = self.command.split_first() else { process::exit_now(111) };
        let placed = descriptor::place(connection.as_fd(), 0)
            .and_then(|()| descriptor::place(connection.as_fd(), 1))
            .and_then(|()| signal::unblock_all());
        if let Err(error) = placed {
            LOG.warning(format_args!("dropping connection, unable to set up descriptors: {error}"));
            process::exit_now(111);
        }
        let variables = environment.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value)));
        let error = Command::new(name).args(arguments).env_clear().envs(variables).exec();
        LOG.warning(format_args!("dropping connection, unable to run {}: {error}", name.display()));
        process::exit_now(111)
    }
}
