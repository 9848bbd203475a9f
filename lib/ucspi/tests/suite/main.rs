//! The tests of the UCSPI library, in one program because they share their helpers.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "tests fail by panicking")]

mod common;
mod environment;
mod file;
mod rules;
mod tcprules;
