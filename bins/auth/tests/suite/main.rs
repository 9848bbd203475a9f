//! The service as a process: passwords, what bounds them, files that change, and others who know passwords.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod passwords;
mod running;
mod sources;
