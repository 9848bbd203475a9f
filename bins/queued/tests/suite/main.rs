//! The real stafett-queued in a temporary instance, spoken to over its socket.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test fails by panic")]

mod callers;
mod common;
mod control;
mod ids;
mod life;
mod messages;
mod pressure;
mod scheduler;
mod taps;
