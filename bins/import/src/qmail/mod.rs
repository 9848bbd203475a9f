//! qmail's own queue, as its INTERNALS describe it: read here, and given up message by message.

pub mod bounce;
pub mod letter;
pub mod queue;
