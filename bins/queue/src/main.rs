//! stafett-queue: brings a message of a program into the queue, as qmail-queue does.
//!
//! The message is read from descriptor 0, the envelope from descriptor 1; the exit code says what
//! became of it (stafett-queue(8), the table is in `stafett_wire::exitcode`).
//! Security stance: runs with the rights of its caller and never with others; it is a client of
//! stafett-queued, which trusts none of what comes from here but the kernel's word about the user.
//! How it fails: nothing is queued unless the exit code is 0; a line on standard error says why.
//! Known limits: the envelope is held in memory, the message is not.

mod carrier;
mod envelope;
mod failure;
mod lines;
mod source;
mod wishes;

use carrier::Carrier;
use failure::{Failure, TextChannel};
use lines::Lines;
use source::Source;
use stafett_instance::{Instance, Service};
use stafett_log::Log;
use stafett_wire::exitcode;
use std::process::ExitCode;
use std::time::{Duration, Instant};
use wishes::Wishes;

const LOG: Log = Log::new("stafett-queue");
/// A caller that sets this variable hears the queue id on success, where it would hear why on a failure.
const ASK_FOR_ID: &str = "QUEUEID";
/// How long the caller may take in all, as with qmail-queue.
const PATIENCE: Duration = Duration::from_secs(24 * 60 * 60);

fn main() -> ExitCode {
    // The first thing: later, another file could have this number.
    let channel = TextChannel::inherited();
    match run() {
        Ok(id) => {
            if let Some(channel) = channel.filter(|_| std::env::var_os(ASK_FOR_ID).is_some()) {
                channel.tell_id(&id);
            }
            ExitCode::SUCCESS
        }
        Err(failure) => {
            LOG.fatal(&failure);
            ExitCode::from(failure.tell(channel))
        }
    }
}

/// Brings the message into the queue; its queue id.
fn run() -> Result<String, Failure> {
    let deadline = Instant::now() + PATIENCE;
    let message = Source::inherited(0, "message", deadline)?;
    let envelope = Source::inherited(1, "envelope", deadline)?;
    let instance = Instance::from_environment().map_err(|error| Failure::new(exitcode::CONFIGURATION, error))?;
    let wishes = Wishes::from_environment()?;
    let mut carrier = Carrier::new(instance.socket(Service::Queue));

    let eight_bit = carry(&message, &mut carrier)?;
    let mut envelope = envelope::read(&envelope)?;
    envelope.eight_bit = eight_bit;
    wishes.apply(&mut envelope);
    carrier.finish(&envelope)
}

/// Carries the message over. Returns whether it holds bytes above 127.
fn carry(message: &Source, carrier: &mut Carrier) -> Result<bool, Failure> {
    let (mut lines, mut eight_bit) = (Lines::default(), false);
    let mut space = vec![0; 64 * 1024];
    let mut strict = Vec::with_capacity(space.len());
    while let Some(piece) = message.read(&mut space)? {
        eight_bit |= !piece.is_ascii();
        strict.clear();
        lines.take(piece, &mut strict)?;
        carrier.data(&strict)?;
    }
    strict.clear();
    lines.end(&mut strict)?;
    carrier.data(&strict)?;
    Ok(eight_bit)
}
