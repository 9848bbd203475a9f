//! The listener as admins and clients meet it: real sockets on loopback, real programs.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod compatibility;
mod family;
mod harness;
mod limits;
mod lookups;
mod program;
mod resident;
mod rules;
mod start;
