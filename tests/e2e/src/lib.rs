//! What the end-to-end tests stand on: a whole instance in a temporary directory, peers on either side of it, and
//! the means to look at both.
//!
//! What: [`Site`] makes, starts and ends an instance as an admin would (stafett-setup, control files, runsvdir or
//! svscan); [`Client`] speaks SMTP to it; [`Sink`] is the next host, which misbehaves as it is told. Security
//! stance: everything listens on loopback, or in a network namespace that ends with its test. How it fails: a test fails by
//! panic, with what the services logged; whatever a site started is killed when it is dropped. Known limits: one
//! test process at a time makes instances as root, because they share their users.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

mod client;
mod elsewhere;
mod ground;
mod load;
mod process;
mod sink;
mod site;

pub use client::{Client, Reply, message, transfer};
pub use elsewhere::Elsewhere;
pub use ground::{bin, free_port, has, is_root, program, run, scratch, skip, wait_until};
pub use load::Load;
pub use nix::sys::signal::Signal;
pub use process::{Process, below, kill, signal};
pub use sink::{Act, Arrived, Sink, Step};
pub use site::{Site, Supervisor, USER_PREFIX};
