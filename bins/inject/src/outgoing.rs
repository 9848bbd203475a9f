//! Where the message goes: to standard output, or to the queue's program by qmail-queue's descriptor protocol.

use crate::defaults::variable_of;
use crate::failure::Failure;
use crate::letter::Letter;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Write};
use std::process::{Child, Command};

/// Prints the message as it would be queued (`-n`).
pub fn print(letter: &Letter, body: &mut impl Read) -> Result<(), Failure> {
    let mut out = io::stdout().lock();
    let written = out.write_all(&letter.head).and_then(|()| io::copy(body, &mut out)).and_then(|_| out.flush());
    written.map_err(|error| Failure::temporary(format!("unable to print the message: {error}")))
}

/// Gives the message to the queue's program; success means that it is on disk.
pub fn queue(letter: &Letter, body: &mut impl Read) -> Result<(), Failure> {
    let name = program();
    let failed = |error: io::Error| Failure::temporary(format!("unable to run {}: {error}", name.display()));
    let (message_end, message) = pipe().map_err(failed)?;
    let (envelope_end, envelope) = pipe().map_err(failed)?;
    let mut command = Command::new(&name);
    let child = command.stdin(message_end).stdout(envelope_end).spawn().map_err(failed)?;
    // The command holds the ends of the pipes that the program reads.
    drop(command);
    if let Err(failure) = feed(message, letter, body) {
        // The envelope stays without its end, so nothing is queued.
        drop(envelope);
        let _ = wait(child);
        return Err(failure);
    }
    // A program that ends without reading everything says why with its exit code.
    let _ = (&envelope).write_all(&envelope_of(letter));
    drop(envelope);
    match wait(child)? {
        Some(0) => Ok(()),
        Some(code @ 11..=40) => Err(Failure::permanent(format!("the queue refuses this message (code {code})"))),
        Some(code) => Err(Failure::temporary(format!("the message was not queued (code {code})"))),
        None => Err(Failure::temporary(format!("{} was ended by a signal", name.display()))),
    }
}

/// The message. Only what goes wrong on our side is a failure here.
fn feed(mut pipe: File, letter: &Letter, body: &mut impl Read) -> Result<(), Failure> {
    let mut space = vec![0; 64 * 1024];
    if pipe.write_all(&letter.head).is_err() {
        return Ok(());
    }
    loop {
        let length = match body.read(&mut space) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read.map_err(|error| Failure::temporary(format!("unable to read the message from standard input: {error}")))?,
        };
        let piece = space.get(..length).unwrap_or_default();
        if piece.is_empty() || pipe.write_all(piece).is_err() {
            return Ok(());
        }
    }
}

/// `F` sender NUL, `T` recipient NUL for each, NUL (qmail-queue(8)).
fn envelope_of(letter: &Letter) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut push = |letter: u8, address: &str| {
        bytes.push(letter);
        bytes.extend_from_slice(address.as_bytes());
        bytes.push(0);
    };
    push(b'F', &letter.sender);
    letter.recipients.iter().for_each(|recipient| push(b'T', recipient));
    bytes.push(0);
    bytes
}

/// What QMAILQUEUE names, or stafett-queue where this program lies.
fn program() -> OsString {
    if let Some(program) = variable_of("QMAILQUEUE") {
        return program.into();
    }
    let beside = std::env::current_exe().ok().and_then(|own| Some(own.parent()?.join("stafett-queue")));
    beside.filter(|path| path.exists()).map_or_else(|| "stafett-queue".into(), OsString::from)
}

fn pipe() -> io::Result<(File, File)> {
    let (reader, writer) = stafett_sys::descriptor::pipe()?;
    Ok((File::from(reader), File::from(writer)))
}

/// The exit code; `None` when a signal ended it.
fn wait(mut child: Child) -> Result<Option<i32>, Failure> {
    let ended = child.wait().map_err(|error| Failure::temporary(format!("unable to wait for the queue's program: {error}")))?;
    Ok(ended.code())
}
