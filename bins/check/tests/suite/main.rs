//! stafett-check as an admin uses it: as root (with users of a prefix of its own, removed again) and as an
//! ordinary user; as root the tests of an ordinary user run too, as nobody.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod control;
mod ground;
mod names;
mod running;
mod table;
mod traffic;
mod tree;
mod users;
