//! Where messages go: queued over its socket.
//!
//! Security stance: queued's words reach the client as a reply, so they are taken only in the form of one.
//! How it fails: when queued is away or slow the client gets 451 and the log the reason; nothing is ever called accepted
//! that queued did not say it keeps.

use std::path::PathBuf;
use std::time::Duration;

use stafett_envelope::Envelope;
use stafett_log::Log;
use stafett_smtp::Reply;
use stafett_wire::injector::{Answer, Gathered, Injector};

/// How long queued may take for one step; a client waits ten minutes after its dot (RFC 5321 §4.5.3.2.6).
const PATIENCE: Duration = Duration::from_secs(240);

/// The way to queued.
#[derive(Clone, Debug)]
pub struct Queue {
    /// Its socket.
    pub socket: PathBuf,
    /// For what the client need not know.
    pub log: Log,
}

impl Queue {
    /// Begins a message.
    ///
    /// # Errors
    /// The reply for the client when queued is away.
    pub fn open(&self, envelope: &Envelope) -> Result<Injector, Reply> {
        let mut injector = self.connect()?;
        injector.envelope(envelope);
        Ok(injector)
    }

    /// Takes a whole message: its id. The envelope follows the data, so that nothing is copied.
    ///
    /// # Errors
    /// The reply for the client.
    pub fn inject(&self, message: Gathered, envelope: &Envelope) -> Result<String, Reply> {
        let mut injector = self.connect()?;
        injector.gathered(message);
        injector.envelope(envelope);
        self.finish(injector)
    }

    /// Ends a message: its id.
    ///
    /// # Errors
    /// The reply for the client.
    pub fn finish(&self, mut injector: Injector) -> Result<String, Reply> {
        match injector.finish() {
            Ok(Answer::Accepted(id)) => Ok(id),
            Ok(Answer::Temporary(text) | Answer::Permanent(text)) => Err(Reply::from_text(&text)),
            Err(error) => Err(self.away(&error)),
        }
    }

    /// Whether there is room for a message of so many bytes.
    ///
    /// # Errors
    /// The reply for the client.
    pub fn room(&self, bytes: u64) -> Result<(), Reply> {
        match self.connect()?.room(bytes) {
            Ok(Answer::Accepted(_)) => Ok(()),
            Ok(Answer::Temporary(text) | Answer::Permanent(text)) => Err(Reply::from_text(&text)),
            Err(error) => Err(self.away(&error)),
        }
    }

    fn connect(&self) -> Result<Injector, Reply> {
        Injector::connect(&self.socket, PATIENCE).map_err(|error| self.away(&error))
    }

    fn away(&self, error: &std::io::Error) -> Reply {
        self.log.error(format_args!("unable to hand a message to the queue at {}: {error}", self.socket.display()));
        Reply::new(451, (4, 3, 0), "the queue does not answer, try again later")
    }
}
