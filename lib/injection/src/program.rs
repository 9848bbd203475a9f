//! The queue's program: what QMAILQUEUE names, or stafett-queue, fed by qmail-queue's descriptor protocol.
//!
//! The message goes to its descriptor 0, the envelope to 1, and its words come from 6; [`exitcode`] has what its exit means.
//! Security stance: it is started with the rights and variables of the caller. A value that is dropped before
//! [`QueueProgram::finish`] closes its pipes without the end of the envelope, so that nothing is queued.

use crate::variable_of;
use stafett_sys::process::{self, Ending, Fork, Pid};
use stafett_sys::{descriptor, signal, socket};
use stafett_wire::exitcode;
use stafett_wire::injector::Answer;
use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::process::CommandExt;
use std::process::Command;

/// Asks stafett-queue for the queue id, which it then writes as a text `K` on success (stafett-queue(8)).
const ASK_FOR_ID: &str = "QUEUEID";

/// A running program that takes one message.
#[derive(Debug)]
pub struct QueueProgram {
    program: OsString,
    pid: Pid,
    message: File,
    envelope: File,
    text: File,
    /// It does not read on; its exit code will say why.
    is_deaf: bool,
}

impl QueueProgram {
    /// Starts it.
    ///
    /// # Errors
    /// When pipes or a process cannot be had.
    pub fn start() -> io::Result<QueueProgram> {
        QueueProgram::start_with(&[])
    }

    /// As [`QueueProgram::start`], with these variables beside the caller's.
    ///
    /// # Errors
    /// When pipes or a process cannot be had.
    pub fn start_with(variables: &[(&str, String)]) -> io::Result<QueueProgram> {
        let (message_end, message) = descriptor::pipe()?;
        let (envelope_end, envelope) = descriptor::pipe()?;
        let (text, text_end) = descriptor::pipe()?;
        let program = program();
        match process::fork()? {
            Fork::Parent(pid) => {
                let (message, envelope, text) = (message.into(), envelope.into(), text.into());
                Ok(QueueProgram { program, pid, message, envelope, text, is_deaf: false })
            }
            Fork::Child => {
                execute(&program, variables, [&message_end, &envelope_end, &text_end]);
                process::exit_now(exitcode::NOT_EXECUTED)
            }
        }
    }

    /// Gives it a piece of the message.
    pub fn write(&mut self, piece: &[u8]) {
        self.is_deaf = self.is_deaf || self.message.write_all(piece).is_err();
    }

    /// Gives it the rest of the message: all of `input`.
    ///
    /// # Errors
    /// When `input` cannot be read. What the program does not take shows in [`QueueProgram::finish`].
    pub fn copy(&mut self, input: &mut impl Read) -> io::Result<()> {
        let mut space = vec![0; 64 * 1024];
        while !self.is_deaf {
            let length = match input.read(&mut space) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            if length == 0 {
                return Ok(());
            }
            self.write(space.get(..length).unwrap_or_default());
        }
        Ok(())
    }

    /// Ends the message, gives the envelope and waits for the answer. Accepted is the queue id, or the process id of a
    /// program that does not tell it.
    ///
    /// # Errors
    /// When the program cannot be waited for.
    pub fn finish<'a>(self, sender: &str, recipients: impl IntoIterator<Item = &'a str>) -> io::Result<Answer> {
        let QueueProgram { program, pid, message, envelope, text, .. } = self;
        drop(message);
        // A program that ends without reading everything says why with its exit code.
        let _ = (&envelope).write_all(&bytes_of(sender, recipients));
        drop(envelope);
        let ending = process::wait_for(pid)?;
        let words = words_in(&text);
        Ok(match ending {
            Ending::Exited(exitcode::OK) => Answer::Accepted(id_in(&words).unwrap_or_else(|| pid.to_string())),
            Ending::Exited(exitcode::NOT_EXECUTED) => {
                Answer::Temporary(format!("451 4.3.5 the queue's program {} cannot be executed", program.display()))
            }
            Ending::Exited(code) => exitcode::decode(code, &words, ""),
            Ending::Killed(number) => Answer::Temporary(format!("451 4.3.0 the queue's program was ended by signal {number}")),
        })
    }

    /// Takes the message back: nothing is queued.
    pub fn give_up(self) {
        let QueueProgram { pid, message, envelope, text, .. } = self;
        drop((message, envelope, text));
        let _ = process::wait_for(pid);
    }
}

/// `F` sender NUL, `T` recipient NUL for each, NUL (qmail-queue(8)).
fn bytes_of<'a>(sender: &str, recipients: impl IntoIterator<Item = &'a str>) -> Vec<u8> {
    let mut bytes = [b"F", sender.as_bytes(), b"\0"].concat();
    for recipient in recipients {
        bytes.extend_from_slice(&[b"T", recipient.as_bytes(), b"\0"].concat());
    }
    bytes.push(0);
    bytes
}

/// What the program has left on descriptor 6. It has ended; whatever it started and left may hold the pipe open, and is not
/// waited for.
fn words_in(text: &File) -> Vec<u8> {
    let mut words = [0; exitcode::LONGEST_TEXT];
    let read = socket::set_nonblocking(text, true).and_then(|()| descriptor::read(text, &mut words));
    words.get(..read.unwrap_or(0)).unwrap_or_default().to_vec()
}

/// The queue id in what the program wrote; another program may write what it likes.
fn id_in(words: &[u8]) -> Option<String> {
    let id = std::str::from_utf8(words).ok()?.strip_prefix('K')?;
    (!id.is_empty() && id.bytes().all(|byte| byte.is_ascii_digit())).then(|| id.to_owned())
}

/// In the new process; returns only when it failed. The pipes have numbers above 2, so each is placed before its own number can
/// be overwritten.
fn execute(program: &OsStr, variables: &[(&str, String)], [message, envelope, text]: [&OwnedFd; 3]) {
    let placed = descriptor::place(message.as_fd(), 0)
        .and_then(|()| descriptor::place(envelope.as_fd(), 1))
        .and_then(|()| descriptor::place(text.as_fd(), exitcode::CUSTOM_DESCRIPTOR))
        .and_then(|()| signal::unblock_all());
    if placed.is_ok() {
        let variables = variables.iter().map(|(name, value)| (name, value));
        let _ = Command::new(program).envs(variables).env(ASK_FOR_ID, "yes").exec();
    }
}

/// What QMAILQUEUE names, or stafett-queue where this program lies.
fn program() -> OsString {
    if let Some(program) = variable_of("QMAILQUEUE") {
        return program.into();
    }
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("stafett-queue")));
    beside.filter(|path| path.exists()).map_or_else(|| "stafett-queue".into(), OsString::from)
}
