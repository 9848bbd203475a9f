//! Where the message goes: to standard output, or to the queue's program.

use crate::letter::Letter;
use stafett_injection::QueueProgram;
use stafett_log::Failure;
use stafett_wire::injector::Answer;
use std::io::{self, Read, Write};

/// Prints the message as it would be queued, with the sender in front (`-n`).
pub fn print(letter: &Letter, body: &mut impl Read) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = writeln!(out, "Return-Path: <{}>", letter.sender)
        .and_then(|()| out.write_all(&letter.head))
        .and_then(|()| io::copy(body, &mut out))
        .and_then(|_| out.flush());
    written.map_err(|error| Failure::temporary(format!("unable to print the message: {error}")))
}

/// Gives the message to the queue's program; success means that it is on disk.
pub fn queue(letter: &Letter, body: &mut impl Read) -> Result<(), Failure> {
    let mut queue = QueueProgram::start().map_err(|error| Failure::temporary(format!("unable to run the queue's program: {error}")))?;
    queue.write(&letter.head);
    if let Err(error) = queue.copy(body) {
        queue.give_up();
        return Err(Failure::temporary(format!("unable to read the message from standard input: {error}")));
    }
    let answer = queue.finish(&letter.sender, letter.recipients.iter().map(String::as_str));
    match answer.map_err(|error| Failure::temporary(format!("unable to wait for the queue's program: {error}")))? {
        Answer::Accepted(_) => Ok(()),
        Answer::Permanent(words) => Err(Failure::lasting(format!("the message is refused: {words}"))),
        Answer::Temporary(words) => Err(Failure::temporary(format!("the message was not queued: {words}"))),
    }
}
