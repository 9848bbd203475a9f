//! Questions to services: one packet there, one packet back.
//!
//! What it does: a question is one packet of netstrings on a Unix socket, a verb first, with at most one descriptor; the
//! answer is one packet: K, Z or D, a text, then fields. A connection carries one question after the other, each when the last is
//! answered, and is closed when none comes for a few seconds. [`ask`] is the caller's half for a question now and then, [`Calls`]
//! for more, [`Desk`] the service's. Where a child of a service accompanies a whole conversation, [`Line`] is either half of it.
//!
//! Security stance: who may call is the mode of the socket's directory and the user of the caller. Either side takes the
//! other for hostile: packets are bounded, a caller that says nothing is dropped, no answer is waited for beyond its time, and after a
//! fault none is taken from that connection any more.
//!
//! How it fails: for the caller with an error that is never to be taken for a yes; for the service with a line in the log.
//!
//! Known limits: a question has at most [`stafett_wire::LARGEST_PACKET`] bytes, an answer 32 KiB; what is larger goes as a
//! descriptor.

mod answer;
mod caller;
mod callers;
mod desk;
mod line;
#[cfg(test)]
mod tests;

pub use answer::Answer;
pub use caller::{Calls, ask, ask_child};
pub use desk::{Desk, Question, Service};
pub use line::{Heard, Line};
pub use stafett_wire::Verdict;
