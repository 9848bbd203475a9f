//! What programs share that bring mail of this host's users into the queue: stafett-inject, the programs of dot-qmail files,
//! the compiler of aliases.
//!
//! What: the names that complete an address ([`Defaults`]), and the queue's program with qmail-queue's descriptor protocol
//! ([`QueueProgram`]).
//! Security stance: all of it runs with the rights of its caller and needs no others. How it fails: nothing is queued unless the
//! answer says so. Known limits: the process that starts a [`QueueProgram`] must have one thread, because it forks.

mod defaults;
mod program;

pub use defaults::{Defaults, first_of, name, variable_of};
pub use program::QueueProgram;
