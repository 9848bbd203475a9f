//! The operating system, wrapped once.
//!
//! What: the system calls that Stafett needs and that std does not offer: fork and wait, dropping
//! privileges, limits, signals, passing descriptors, waiting for descriptors, the sandbox.
//! Security stance: this is the only crate of the project that may hold `unsafe`; each block says
//! why it is sound. Powers are represented by values: [`privilege::Dropped`] proves that the
//! process can no longer become root.
//! How it fails: with `std::io::Error`; nothing here prints, exits or panics.
//! Known limits: Linux only; fork is for single-threaded programs alone.

pub mod clock;
pub mod descriptor;
pub mod ext4;
pub mod filesystem;
pub mod limit;
pub mod memory;
pub mod poll;
pub mod privilege;
pub mod process;
pub mod sandbox;
pub mod signal;
pub mod socket;
pub mod user;
