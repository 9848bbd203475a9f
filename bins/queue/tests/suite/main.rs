//! The real stafett-queue: descriptors in, exit code out; before it a queued of the test's making, or the real one.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test fails by panic")]

mod common;
mod real;
mod refusals;
mod wire;
