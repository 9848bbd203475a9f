//! The real stafett-metrics on an instance of the test's making, with stand-ins for queued and send.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, missing_docs, reason = "a test fails by panic")]

mod callers;
mod page;
mod parser;
mod site;
