//! forward(1): sends the message on to the addresses of its arguments.

use crate::sending;
use stafett_log::{Failure, Log};
use std::ffi::OsString;

/// Runs it.
pub fn run(arguments: &[OsString], log: Log) -> Result<u8, Failure> {
    let recipients = sending::addresses(arguments)?;
    if recipients.is_empty() {
        // *Ours*: qmail's takes the message and sends it to nobody.
        return Err(Failure::lasting("usage: forward ADDRESS ..."));
    }
    let sender = sending::variable("NEWSENDER")?;
    sending::send(log, &mut sending::message()?, &sender, &recipients)?;
    Ok(0)
}
