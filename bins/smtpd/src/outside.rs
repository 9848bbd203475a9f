//! The other processes that decisions are asked of: queued, and the services of the instance.
//!
//! How it fails: a question without an answer is an error for whoever decides, and never a yes.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use stafett_ask::{Answer, Calls};
use stafett_handoff::Client;
use stafett_instance::{Instance, RECIPIENTS, Service};
use stafett_log::Log;
use stafett_reception::services::Services;
use stafett_smtp::Reply;
use stafett_ucspi::Environment;

use crate::program;
use crate::queue::Queue;

/// The way to them.
#[derive(Debug)]
pub struct Outside<'a> {
    /// queued.
    pub queue: &'a Queue,
    /// Where the services listen.
    pub instance: &'a Instance,
    /// Connections to them that are there already.
    pub calls: &'a mut Calls,
    /// The program's voice.
    pub log: Log,
    /// The client's address, for the log.
    pub client: String,
}

impl Services for Outside<'_> {
    fn room(&mut self, bytes: u64) -> Result<(), Reply> {
        self.queue.room(bytes)
    }

    fn ask(&mut self, service: Service, question: &[&[u8]], descriptor: Option<BorrowedFd<'_>>, within: Duration) -> io::Result<Answer> {
        self.calls.ask(&self.instance.socket(service), question, descriptor, within)
    }

    fn ask_recipient(&mut self, question: &[&[u8]], within: Duration) -> io::Result<Answer> {
        self.calls.ask_child(&self.instance.root().join(RECIPIENTS).join("socket"), question, within)
    }

    fn run(&mut self, program: &str, environment: &Environment, within: Duration) -> io::Result<i32> {
        program::verdict(program, environment, within)
    }

    fn hand_over(&mut self, service: Service, descriptor: BorrowedFd<'_>, within: Duration) -> io::Result<()> {
        let mut parent = Client::connect_within(&self.instance.socket(service), within)?;
        parent.hand_over::<&[u8]>(1, &[], descriptor)?;
        parent.started(1, within).map(|_| ())
    }

    fn complain(&mut self, text: &str) {
        self.log.error(text);
    }

    fn warn(&mut self, text: &str) {
        self.log.warning(format_args!("client {}: {text}", self.client));
    }
}
