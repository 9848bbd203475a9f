//! The relay as its admin, its users and its neighbours see it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod relay;
mod supervision;
