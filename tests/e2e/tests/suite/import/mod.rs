//! Moving from qmail: the home that a real qmail left (tests/e2e/qmail) is taken over, and its mail arrives once.

mod delivered;
mod draining;
mod instance;
mod killed;
mod qmail;
mod settings;
