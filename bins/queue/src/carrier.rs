//! Carries a message to queued, which is called only when there is something to say: a small
//! message, or one that its program writes slowly, costs queued one burst.

use crate::failure::Failure;
use stafett_envelope::Envelope;
use stafett_wire::exitcode;
use stafett_wire::injector::{Answer, Injector};
use std::io;
use std::path::PathBuf;
use std::time::Duration;

/// How long queued may take for each read and for its answer.
const PATIENCE: Duration = Duration::from_secs(600);
/// Bytes of a message that are kept before queued is called.
const KEPT: usize = 64 * 1024;

/// A message on its way.
#[derive(Debug)]
pub struct Carrier {
    socket: PathBuf,
    kept: Vec<u8>,
    injector: Option<Injector>,
}

impl Carrier {
    /// A carrier to the queued that listens at `socket`.
    pub fn new(socket: PathBuf) -> Carrier {
        Carrier { socket, kept: Vec::new(), injector: None }
    }

    /// Adds to the message.
    pub fn data(&mut self, bytes: &[u8]) -> Result<(), Failure> {
        if self.injector.is_none() && self.kept.len() + bytes.len() <= KEPT {
            self.kept.extend_from_slice(bytes);
            return Ok(());
        }
        let injector = self.connected()?;
        injector.data(bytes);
        // queued has hung up in the middle: it may have said why, and there is no use in more.
        if injector.is_broken() { self.answer().map(drop) } else { Ok(()) }
    }

    /// Ends the message; success means that it is on disk, under this queue id.
    pub fn finish(&mut self, envelope: &Envelope) -> Result<String, Failure> {
        self.connected()?.envelope(envelope);
        self.answer()
    }

    fn answer(&mut self) -> Result<String, Failure> {
        match self.connected()?.finish() {
            Ok(Answer::Accepted(id)) => Ok(id),
            Ok(answer) => Err(Failure::said(answer)),
            Err(error) => Err(broken(&error)),
        }
    }

    fn connected(&mut self) -> Result<&mut Injector, Failure> {
        let injector = match self.injector.take() {
            Some(injector) => injector,
            None => self.connect()?,
        };
        Ok(self.injector.insert(injector))
    }

    fn connect(&mut self) -> Result<Injector, Failure> {
        let connected = Injector::connect(&self.socket, PATIENCE);
        let mut injector = connected.map_err(|error| {
            let reason = format!("unable to connect to {}: {error}; stafett-queued must run there", self.socket.display());
            Failure::new(exitcode::CONNECTION, reason)
        })?;
        injector.data(&std::mem::take(&mut self.kept));
        Ok(injector)
    }
}

fn broken(error: &io::Error) -> Failure {
    match error.kind() {
        io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut => Failure::new(exitcode::TIMEOUT, "stafett-queued did not answer in time"),
        io::ErrorKind::InvalidData => Failure::new(exitcode::BUG, format!("unable to understand stafett-queued: {error}")),
        _ => Failure::new(exitcode::CONNECTION, format!("stafett-queued hung up before its answer: {error}")),
    }
}
