//! preline(1): gives a program the message with the line of an mbox, Return-Path and Delivered-To in front.
//!
//! How it fails: as qmail's. A program that ends before it has read all but the last 8 KiB has failed for now (111); what it
//! leaves of those is its own affair. Otherwise the program's exit code is the answer.

use crate::program::{code_of, is_temporary};
use crate::sending;
use lexopt::Arg;
use stafett_log::{Failure, Log};
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::process::{Child, ChildStdin, Command, Stdio};

/// What a program need not read, in bytes.
const LAST: usize = 8192;
const USAGE: &str = "usage: preline [-dDfFrR] PROGRAM [ARGUMENT ...]";
/// The lines, in their order, each with the letter that leaves it out.
const LINES: [(char, &str); 3] = [('f', "UFLINE"), ('r', "RPLINE"), ('d', "DTLINE")];

/// Runs it.
pub fn run(arguments: &[OsString], _: Log) -> Result<u8, Failure> {
    let lines: Vec<String> = LINES.iter().map(|(_, name)| sending::variable(name)).collect::<Result<_, _>>()?;
    let (left_out, command) = parse(arguments)?;
    let wanted = LINES.iter().zip(&lines).filter(|((letter, _), _)| !left_out.contains(letter));
    let head: String = wanted.map(|(_, line)| line.as_str()).collect();
    let Some((name, rest)) = command.split_first() else { return Err(Failure::lasting(USAGE)) };
    let mut program = Command::new(name);
    program.args(rest);
    feed(&mut program, head.as_bytes(), &mut sending::message()?)
}

/// Runs a program that reads `head` and then the rest of `message`; its exit code.
///
/// # Errors
/// When it cannot be run, does not read, or crashes.
pub fn feed(program: &mut Command, head: &[u8], message: &mut File) -> Result<u8, Failure> {
    let name = program.get_program().to_owned();
    let started = program.stdin(Stdio::piped()).spawn();
    let mut child = started.map_err(|error| {
        let reason = format!("unable to run {}: {error}", name.display());
        if is_temporary(&error) { Failure::temporary(reason) } else { Failure::lasting(reason) }
    })?;
    let given = child.stdin.take().map_or(Ok(()), |pipe| give(pipe, head, message));
    let code = wait(&mut child)?;
    given.map_err(|error| Failure::temporary(format_args!("unable to give {} the message: {error}", name.display())))?;
    Ok(code)
}

fn give(pipe: ChildStdin, head: &[u8], message: &mut File) -> io::Result<()> {
    let mut pipe = BufWriter::with_capacity(LAST, pipe);
    pipe.write_all(head)?;
    let copied = copy(message, &mut pipe);
    if copied.is_ok() {
        // What is left has its room in the pipe, or nobody who wants it.
        let _ = pipe.flush();
    }
    // Nothing more may be written by the drop of the buffer.
    let _ = pipe.into_parts();
    copied
}

/// Through the buffer, so that all but what it holds has been taken by the program.
fn copy(message: &mut File, pipe: &mut impl Write) -> io::Result<()> {
    let mut space = [0; LAST / 2];
    loop {
        let length = match io::Read::read(message, &mut space) {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
            read => read?,
        };
        if length == 0 {
            return Ok(());
        }
        pipe.write_all(space.get(..length).unwrap_or_default())?;
    }
}

fn wait(child: &mut Child) -> Result<u8, Failure> {
    let status = child.wait().map_err(|error| Failure::temporary(format_args!("unable to wait for the program: {error}")))?;
    code_of(status)
}

/// The letters that leave a line out, and the program with its arguments.
fn parse(arguments: &[OsString]) -> Result<(Vec<char>, Vec<OsString>), Failure> {
    let usage = |error: lexopt::Error| Failure::lasting(format_args!("{error}; {USAGE}"));
    let mut parser = lexopt::Parser::from_args(arguments);
    let mut left_out = Vec::new();
    while let Some(argument) = parser.next().map_err(usage)? {
        match argument {
            Arg::Short(letter @ ('f' | 'r' | 'd')) => left_out.push(letter),
            Arg::Short(letter @ ('F' | 'R' | 'D')) => left_out.retain(|out| *out != letter.to_ascii_lowercase()),
            Arg::Value(program) => {
                // Options behind the program are its own.
                let rest = parser.raw_args().map_err(usage)?;
                return Ok((left_out, std::iter::once(program).chain(rest).collect()));
            }
            other => return Err(usage(other.unexpected())),
        }
    }
    Ok((left_out, Vec::new()))
}
