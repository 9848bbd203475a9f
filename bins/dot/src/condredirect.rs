//! condredirect(1): sends the message on, and ends its delivery here, when a program exits 0.

use crate::program::{self, Verdict};
use crate::sending;
use stafett_log::{Failure, Log};
use std::ffi::OsString;

/// The lines behind this one do not count (qmail-command(8)).
const LAST_LINE: u8 = 99;

/// Runs it.
pub fn run(arguments: &[OsString], log: Log) -> Result<u8, Failure> {
    let (Some((address, command)), true) = (arguments.split_first(), arguments.len() > 1) else {
        return Err(Failure::lasting("usage: condredirect NEWADDRESS PROGRAM [ARGUMENT ...]"));
    };
    let recipients = sending::addresses(std::slice::from_ref(address))?;
    if program::ask(command)? == Verdict::No {
        return Ok(0);
    }
    let mut message = sending::message()?;
    sending::rewind(&mut message)?;
    sending::send(log, &mut message, &sending::variable("SENDER")?, &recipients)?;
    Ok(LAST_LINE)
}
