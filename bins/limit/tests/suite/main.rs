//! The service as a process: restarts, crashes, control files that change, the admin's tool, a shared store.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod life;
mod redis;
mod running;
mod shared;
