//! Questions that a decision needs answered by other processes, and somebody who wants to know why it was taken.

use std::io;
use std::os::fd::BorrowedFd;
use std::time::Duration;

use stafett_ask::Answer;
use stafett_instance::Service;
use stafett_smtp::Reply;
use stafett_ucspi::Environment;

/// Whom decisions ask.
pub trait Services {
    /// Whether the queue has room for a message of so many bytes.
    ///
    /// # Errors
    /// The reply for the client.
    fn room(&mut self, bytes: u64) -> Result<(), Reply>;

    /// Asks a service, no longer than `within`; a descriptor may go along.
    ///
    /// # Errors
    /// When there is no answer; that is never a yes.
    fn ask(&mut self, service: Service, question: &[&[u8]], descriptor: Option<BorrowedFd<'_>>, within: Duration) -> io::Result<Answer>;

    /// Asks stafett-local for a recipient of this host, no longer than `within`.
    ///
    /// # Errors
    /// When there is no answer; that is never a yes.
    fn ask_recipient(&mut self, _question: &[&[u8]], _within: Duration) -> io::Result<Answer> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Runs a program of the admin with these variables and nothing to read, no longer than `within`: its exit code.
    ///
    /// # Errors
    /// When it cannot be run, is ended by a signal, or takes too long; that is never a yes.
    fn run(&mut self, _program: &str, _environment: &Environment, _within: Duration) -> io::Result<i32> {
        Err(io::Error::new(io::ErrorKind::Unsupported, "programs are not run here"))
    }

    /// Hands a descriptor over to a service, and waits until a child of its own has it.
    ///
    /// # Errors
    /// When nobody takes it, with the service's words where it has no child for it. One that dies later shows in what it is
    /// connected to.
    fn hand_over(&mut self, _service: Service, _descriptor: BorrowedFd<'_>, _within: Duration) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }

    /// Something failed that the admin must know and the client need not.
    fn complain(&mut self, text: &str);

    /// Whether nobody is served, and a decision is only to be explained: what is asked must change nothing, neither a
    /// counter nor what another host sees of us, and [`Services::note`] is listened to.
    fn explains(&self) -> bool {
        false
    }

    /// Something about this client that the admin wants to see in the log, and that refuses nothing.
    fn warn(&mut self, _text: &str) {}

    /// A check has come to a verdict that is no refusal.
    fn note(&mut self, _note: &Note<'_>) {}
}

/// What a check has found.
#[derive(Clone, Copy, Debug)]
pub struct Note<'a> {
    /// Its name, as in stafett-smtpd(8).
    pub check: &'static str,
    /// The control file and line that decided, or a rule's variable; empty where nothing was listed.
    pub rule: &'a str,
    /// What it says about the client, sender or recipient.
    pub text: &'a str,
}
