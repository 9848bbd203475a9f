//! Carrying out a dot-qmail file, line by line.

use super::dotqmail::{self, Found, Instruction};
use super::environment::{Variables, from_line};
use super::{Delivery, Stop, forward, home, maildir, mbox, program};
use stafett_address::to_program;
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Lines of the header that tell of hosts passed; with so many the message goes round in circles.
const MOST_HOPS: usize = 100;
/// Bytes of a command that no shell can be given, because an argument has fewer (execve(2), MAX_ARG_STRLEN).
const LONGEST_COMMAND: usize = 128 * 1024;
/// The sender of a bounce of a bounce.
const DOUBLE: &str = "#@[]";

/// Whether it is done or only told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Work {
    /// Do it.
    Do,
    /// Say what would be done.
    Tell,
}

/// What was done.
#[derive(Debug, Default)]
pub struct Done {
    text: String,
    files: usize,
    forwards: usize,
    /// Programs that were run.
    pub programs: usize,
}

/// What a dot-qmail file says, before any of it is done.
#[derive(Debug)]
pub struct Prepared {
    found: Found,
    warning: &'static str,
    lone_maildir: Option<PathBuf>,
}

/// Goes to the home, and finds out what is to be done there.
///
/// # Errors
/// When it is to be tried again, or to be returned.
pub fn prepare(delivery: &Delivery, work: Work) -> Result<Prepared, Stop> {
    let warning = home::enter(delivery, work)?;
    if work == Work::Do {
        look_for_loop(delivery)?;
    }
    let mut found = dotqmail::find(delivery)?;
    if found.text.is_empty() {
        found.text = delivery.default_delivery.clone().into_bytes();
        found.forward_only = false;
    }
    let instructions = dotqmail::instructions(&found.text)?;
    judge(&instructions, found.forward_only)?;
    let lone_maildir = match instructions[..] {
        [Instruction::Maildir(path)] => Some(path_of(path).to_owned()),
        _ => None,
    };
    Ok(Prepared { found, warning, lone_maildir })
}

impl Prepared {
    /// The Maildir, where there is nothing to do but to deliver into one.
    pub fn lone_maildir(&self) -> Option<&Path> {
        self.lone_maildir.as_deref()
    }
}

/// Delivers each message into its Maildir; what became of the first ones, in their order. The others were not begun.
pub fn land(messages: &[(&Delivery, &Path)]) -> Vec<Result<Done, Stop>> {
    maildir::deliver_all(messages).into_iter().map(|landed| landed.map(|()| Done { files: 1, ..Done::default() })).collect()
}

/// Delivers.
///
/// # Errors
/// When it is to be tried again, or to be returned.
pub fn carry_out(delivery: &Delivery, prepared: Prepared, work: Work) -> Result<Done, Stop> {
    let Prepared { found: Found { text, default, .. }, warning, .. } = prepared;
    let new_sender = new_sender(delivery)?;
    let instructions = dotqmail::instructions(&text)?;
    let mut done = Done { text: warning.to_owned(), ..Done::default() };
    if work == Work::Tell {
        instructions.into_iter().for_each(|instruction| done.tell(instruction));
        return Ok(done);
    }
    let mut addresses = Vec::new();
    for instruction in instructions {
        match instruction {
            Instruction::OnlyForward => {}
            Instruction::Forward(address) => addresses.push(address),
            Instruction::Program(command) => {
                done.programs += 1;
                let variables = Variables::new(delivery, &new_sender, default.as_deref());
                let (output, goes_on) = program::run(delivery, &variables, OsStr::from_bytes(command))?;
                done.text.push_str(&output);
                if !goes_on {
                    break;
                }
            }
            Instruction::Mbox(path) => {
                done.files += 1;
                mbox::append(delivery, path_of(path), &from_line(&to_program(&delivery.envelope.sender), SystemTime::now()))?;
            }
            Instruction::Maildir(path) => {
                done.files += 1;
                maildir::deliver(delivery, path_of(path))?;
            }
        }
    }
    done.forwards = addresses.len();
    if !addresses.is_empty() {
        done.text.push_str(&format!("qp {}\n", forward::send(delivery, &new_sender, &addresses)?));
    }
    Ok(done)
}

/// Whether the lines can be carried out at all. One that never can must not be met behind others, which each attempt would
/// carry out again.
fn judge(instructions: &[Instruction<'_>], mut forward_only: bool) -> Result<(), Stop> {
    for instruction in instructions {
        let (what, line) = match instruction {
            Instruction::OnlyForward => {
                forward_only = true;
                continue;
            }
            Instruction::Forward(address) => {
                forward::text_of(address)?;
                continue;
            }
            Instruction::Program(command) => ("prog", command),
            Instruction::Mbox(path) | Instruction::Maildir(path) => ("file", path),
        };
        if line.contains(&0) {
            return Err(Stop::Later(format!("Uh-oh: .qmail has {what} delivery with a NUL byte in its line. (#4.3.5)")));
        }
        if line.len() >= LONGEST_COMMAND {
            return Err(Stop::Later(format!("Uh-oh: .qmail has {what} delivery with a line of {} bytes. (#4.3.5)", line.len())));
        }
        if forward_only {
            return Err(Stop::Later(format!("Uh-oh: .qmail has {what} delivery but has x bit set. (#4.7.0)")));
        }
    }
    Ok(())
}

/// The sender of what goes on from here: that of the list, if the recipient is one (dot-qmail(5)).
fn new_sender(delivery: &Delivery) -> Result<String, Stop> {
    let (sender, local, host) = (&delivery.envelope.sender, &delivery.local, &delivery.host);
    if sender.is_empty() || sender == DOUBLE || !dotqmail::has(delivery, "-owner")? {
        return Ok(sender.clone());
    }
    if dotqmail::has(delivery, "-owner-default")? {
        return Ok(format!("{local}-owner-@{host}-@[]"));
    }
    Ok(format!("{local}-owner@{host}"))
}

/// A message that was delivered here before must not go round again.
fn look_for_loop(delivery: &Delivery) -> Result<(), Stop> {
    let own = delivery.delivered_to();
    let mut hops = 0;
    delivery.content.header(&mut |line| {
        if line == own.as_bytes() {
            return Err(Stop::Never("This message is looping: it already has my Delivered-To line. (#5.4.6)".to_owned()));
        }
        let is_hop = |name: &[u8]| line.get(..name.len()).is_some_and(|start| start.eq_ignore_ascii_case(name));
        hops += usize::from(is_hop(b"received:") || is_hop(b"delivered-to:"));
        if hops >= MOST_HOPS {
            return Err(Stop::Never(format!("This message is looping: it has {MOST_HOPS} Received or Delivered-To lines. (#5.4.6)")));
        }
        Ok(())
    })
}

fn path_of(bytes: &[u8]) -> &Path {
    Path::new(OsStr::from_bytes(bytes))
}

impl Done {
    fn tell(&mut self, instruction: Instruction<'_>) {
        let (what, value, count) = match instruction {
            Instruction::Program(command) => ("program", command, &mut self.programs),
            Instruction::Mbox(path) => ("mbox", path, &mut self.files),
            Instruction::Maildir(path) => ("maildir", path, &mut self.files),
            Instruction::Forward(address) => ("forward", address, &mut self.forwards),
            Instruction::OnlyForward => return,
        };
        *count += 1;
        self.text.push_str(&format!("{what} {}\n", String::from_utf8_lossy(value)));
    }

    /// In words.
    pub fn sum(self) -> String {
        format!("{}did {}+{}+{}\n", self.text, self.files, self.forwards, self.programs)
    }
}
