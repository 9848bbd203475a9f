//! The program as an admin calls it.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod against;
mod common;
mod explaining;
