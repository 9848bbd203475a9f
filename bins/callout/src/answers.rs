//! What callers get to hear.
//!
//! K: accept; D: refuse for good; Z: refuse for now. The text of D and Z is the reply for the client, with its codes. The
//! first field is one word that says where the answer comes from, the second the host that was or would have been asked.

use stafett_ask::{Answer, Verdict};
use stafett_wire::delivery::Destination;

/// Where an answer comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// The host was asked for it.
    Asked,
    /// The host was asked before.
    Known,
    /// The host takes everybody.
    Everybody,
    /// The host cannot be asked; the last time it could, the recipient was there, or was not.
    Remembered,
    /// The host cannot be asked.
    Away,
    /// The answer has not come in time.
    Late,
    /// We have too much to do.
    Busy,
    /// control/callout does not want it asked.
    Off,
}

impl Source {
    fn word(self) -> &'static str {
        match self {
            Source::Asked => "asked",
            Source::Known => "known",
            Source::Everybody => "everybody",
            Source::Remembered => "remembered",
            Source::Away => "away",
            Source::Late => "late",
            Source::Busy => "busy",
            Source::Off => "off",
        }
    }
}

/// The recipient may have mail.
pub fn yes(source: Source, destination: &Destination) -> Answer {
    with(Answer::new(Verdict::Ok, "the recipient may have mail"), source, destination)
}

/// It is not there; `reply` for the client.
pub fn no(source: Source, destination: &Destination, reply: &str) -> Answer {
    with(Answer::new(Verdict::Permanent, reply), source, destination)
}

/// Nobody can tell now; `reply` for the client.
pub fn later(source: Source, destination: &Destination, reply: &str) -> Answer {
    with(Answer::new(Verdict::Temporary, reply), source, destination)
}

/// No question was asked that makes sense.
pub fn nonsense(what: &str) -> Answer {
    Answer::new(Verdict::Temporary, format!("451 4.3.0 {what}"))
}

/// The reply for a recipient that was not there the last time.
pub const REMEMBERED: &str = "550 5.1.1 the recipient's host does not know the recipient, as it said earlier";

/// The reply where there is no finding in time.
pub fn without_finding(source: Source) -> &'static str {
    match source {
        Source::Late => "451 4.4.1 the recipient's host has not told yet whether it knows the recipient, try again later",
        Source::Busy => "451 4.3.2 too many recipients are being asked for, try again later",
        _ => "451 4.4.1 the recipient's host cannot be asked whether it knows the recipient, try again later",
    }
}

fn with(answer: Answer, source: Source, destination: &Destination) -> Answer {
    answer.with(source.word()).with(destination.to_string())
}
