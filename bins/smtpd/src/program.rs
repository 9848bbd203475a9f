//! Programs of the admin, for messages and for recipients.
//!
//! QMAILQUEUE: a program that takes messages in the place of queued, by qmail-queue's descriptor protocol.
//!
//! What it does: the program gets the message on descriptor 0 with LF line ends, the envelope on descriptor 1 and room for
//! a text on descriptor 6; its exit code says what became of the message ([`exitcode`]).
//!
//! Security stance: the program runs inside our sandbox with the variables of the connection; names that strangers chose
//! have been made harmless before. A value that is dropped closes its pipes before the envelope is complete, so nothing is
//! queued. How it fails: a program that cannot be executed, hangs or dies is a temporary failure.
//! Known limits: the envelope has no room for DSN parameters and SMTPUTF8, which go by variables ([`bound`]).

use std::ffi::OsStr;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Duration;

use stafett_address::{Mailbox, from_program};
use stafett_envelope::{Envelope, bound};
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::process::{self, Ending, Fork, Pid};
use stafett_sys::signal::{self, Signal};
use stafett_sys::socket::set_nonblocking;
use stafett_sys::{descriptor, limit};
use stafett_wire::exitcode;
use stafett_wire::injector::Answer;

use stafett_reception::client::Client;
use stafett_ucspi::Environment;

/// How long the program may take for one step.
const PATIENCE: Duration = Duration::from_secs(300);

/// The most that a pipe surely takes when it can be written.
const PIECE: usize = 4096;

/// A running program.
#[derive(Debug)]
pub struct Program {
    pid: Pid,
    message: OwnedFd,
    envelope: OwnedFd,
    text: OwnedFd,
    /// CR was the last byte; whether it stays depends on the next.
    held_cr: bool,
    broken: bool,
    /// For how many recipients it does not hear what the sender asked to be told.
    pub unheard: usize,
}

impl Program {
    /// Starts it for a message with this envelope.
    ///
    /// # Errors
    /// When pipes or a process cannot be had.
    pub fn start(program: &str, client: &Client, envelope: &Envelope) -> io::Result<Self> {
        let (wishes, unheard) = bound::variables(envelope, room(), |address| from_program(&raw(address)).into_owned());
        let (message_end, message) = descriptor::pipe()?;
        let (addresses_end, addresses) = descriptor::pipe()?;
        let (text, text_end) = descriptor::pipe()?;
        set_nonblocking(&message, true)?;
        set_nonblocking(&addresses, true)?;
        set_nonblocking(&text, true)?;
        match process::fork()? {
            Fork::Parent(pid) => Ok(Self { pid, message, envelope: addresses, text, held_cr: false, broken: false, unheard }),
            Fork::Child => {
                let environment = variables(client);
                execute(program, &environment, &wishes, [&message_end, &addresses_end, &text_end]);
                process::exit_now(exitcode::NOT_EXECUTED)
            }
        }
    }

    /// Passes on bytes of the message, CR LF as LF.
    pub fn data(&mut self, bytes: &[u8]) {
        let mut converted = Vec::with_capacity(bytes.len() + 1);
        for &byte in bytes {
            if self.held_cr && byte != b'\n' {
                converted.push(b'\r');
            }
            self.held_cr = byte == b'\r';
            if byte != b'\r' {
                converted.push(byte);
            }
        }
        self.broken = self.broken || write_patiently(&self.message, &converted).is_err();
    }

    /// Ends the message, gives the envelope and waits for the verdict.
    pub fn finish(self, envelope: &Envelope) -> Answer {
        let Self { pid, message, envelope: pipe, text, .. } = self;
        drop(message);
        // a program that ends without reading everything has said so with its exit code
        let _ = write_patiently(&pipe, &envelope_bytes(envelope));
        drop(pipe);
        match process::wait_within(pid, PATIENCE) {
            Ok(Some(Ending::Exited(code))) => exitcode::decode(code, &read_text(&text), &pid.to_string()),
            Ok(Some(Ending::Killed(signal))) => Answer::Temporary(format!("451 4.3.0 the queue program was ended by signal {signal}")),
            Ok(None) => give_up(pid),
            Err(_) => Answer::Temporary("451 4.3.0 the queue program was lost".to_owned()),
        }
    }
}

fn give_up(pid: Pid) -> Answer {
    // it may have ended just now, then there is nothing to kill
    let _ = process::kill(pid, Signal::Kill);
    let _ = process::wait_for(pid);
    Answer::Temporary("451 4.3.0 the queue program timed out".to_owned())
}

/// `F`sender NUL, `T`recipient NUL for each, NUL (qmail-queue(8)); addresses in raw form.
fn envelope_bytes(envelope: &Envelope) -> Vec<u8> {
    let mut bytes = Vec::new();
    push(&mut bytes, b'F', &envelope.sender);
    for recipient in &envelope.recipients {
        push(&mut bytes, b'T', &recipient.address);
    }
    bytes.push(0);
    bytes
}

/// Of the wishes' variables: half of what the system has, so that those of the connection and of what the program runs fit too.
fn room() -> usize {
    usize::try_from(limit::arguments() / 2).map_or(bound::ROOM, |half| half.min(bound::ROOM))
}

/// Those of the connection that the program shall have.
fn variables(client: &Client) -> Environment {
    let mut environment = client.environment.clone();
    // What it sends by stafett-inject would come back to it, without end.
    environment.remove("QMAILQUEUE");
    // We run below such a program ourselves: what it was told of is not this message.
    if environment.value("DSNRECIPIENT1").is_some() {
        let names: Vec<Vec<u8>> = environment.iter().map(|(name, _)| name.to_vec()).collect();
        names.iter().filter(|name| name.starts_with(b"DSN") || *name == b"SMTPUTF8").for_each(|name| environment.remove(name));
    }
    environment
}

fn push(bytes: &mut Vec<u8>, letter: u8, address: &str) {
    bytes.push(letter);
    bytes.extend_from_slice(raw(address).as_bytes());
    bytes.push(0);
}

fn raw(address: &str) -> String {
    Mailbox::parse(address).map_or_else(|_| address.to_owned(), |mailbox| mailbox.raw())
}

/// In the new process. The pipes have numbers above 2, so each is placed before its own number can be overwritten.
fn execute(program: &str, environment: &Environment, wishes: &[(String, String)], [message, envelope, text]: [&OwnedFd; 3]) {
    let placed = descriptor::place(message.as_fd(), 0)
        .and_then(|()| descriptor::place(envelope.as_fd(), 1))
        .and_then(|()| descriptor::place(text.as_fd(), exitcode::CUSTOM_DESCRIPTOR))
        .and_then(|()| signal::unblock_all());
    if placed.is_ok() {
        become_program(program, environment, wishes);
    }
}

/// Returns only when it failed.
fn become_program(program: &str, environment: &Environment, more: &[(String, String)]) {
    let variables = environment.iter().map(|(name, value)| (OsStr::from_bytes(name), OsStr::from_bytes(value)));
    let more = more.iter().map(|(name, value)| (name, value));
    let _ = Command::new(program).env_clear().envs(variables).envs(more).exec();
}

/// Runs a program that judges by its exit code (RCPTCHECK): nothing to read, its output goes to the log.
///
/// # Errors
/// When it cannot be executed, is ended by a signal, or takes longer than `within` and is killed.
pub fn verdict(program: &str, environment: &Environment, within: Duration) -> io::Result<i32> {
    let nothing = OwnedFd::from(std::fs::File::open("/dev/null")?);
    let pid = match process::fork()? {
        Fork::Parent(pid) => pid,
        Fork::Child => {
            // What it prints must not reach the client, whose connection may be descriptor 1.
            let placed = descriptor::inherited(2)
                .and_then(|log| descriptor::place(log.as_fd(), 1).map(|()| log))
                .and_then(|log| descriptor::place(nothing.as_fd(), 0).map(|()| log))
                .and_then(|log| signal::unblock_all().map(|()| log));
            if placed.is_ok() {
                become_program(program, environment, &[]);
            }
            process::exit_now(exitcode::NOT_EXECUTED)
        }
    };
    match process::wait_within(pid, within)? {
        Some(Ending::Exited(exitcode::NOT_EXECUTED)) => Err(io::Error::other("it cannot be executed")),
        Some(Ending::Exited(code)) => Ok(code),
        Some(Ending::Killed(signal)) => Err(io::Error::other(format!("it was ended by signal {signal}"))),
        None => {
            let _ = give_up(pid);
            Err(io::ErrorKind::TimedOut.into())
        }
    }
}

fn write_patiently(pipe: &OwnedFd, bytes: &[u8]) -> io::Result<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        match rustix::io::write(pipe, rest.get(..PIECE).unwrap_or(rest)) {
            Ok(written) => rest = rest.get(written..).unwrap_or_default(),
            Err(rustix::io::Errno::INTR) => {}
            Err(rustix::io::Errno::AGAIN) => {
                let (ready, _) = wait_two((pipe.as_fd(), Interest::Write), None, Some(PATIENCE))?;
                if !ready.any() {
                    return Err(io::ErrorKind::TimedOut.into());
                }
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(())
}

/// What the program has left on descriptor 6; it has ended, so nothing more will come.
fn read_text(pipe: &OwnedFd) -> Vec<u8> {
    let mut buffer = [0; exitcode::LONGEST_TEXT];
    let length = descriptor::read(pipe, &mut buffer).unwrap_or(0);
    buffer.get(..length).unwrap_or_default().to_vec()
}
