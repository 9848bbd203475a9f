//! The programs of dot-qmail files as a delivery runs them: the message as a file, variables, and exit codes.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panic")]

mod aliases;
mod common;
mod maildir;
mod programs;
