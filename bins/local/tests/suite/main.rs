//! stafett-local as a program: what it makes of dot-qmail files, and what it does not let happen.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panic")]

mod common;
mod dotqmail;
mod faults;
mod maildir;
mod mbox;
mod programs;
