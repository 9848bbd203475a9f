//! The contract between a listener and the programs it runs: environment and rules.
//!
//! What: the variables that describe a connection ([`Environment`], [`Connection`]), the rules
//! that decide over it (source text in [`parse`], the compiled cdb in [`write`] and [`Rules`]),
//! and a compiled file that is followed while it changes ([`RulesFile`]). Files are the ones of
//! djb's tcprules in both directions; CIDR and IPv6 are added so that his tcpserver still reads
//! every IPv4 rule.
//! Security stance: a rule that could never match is an error, because a deny that is silently
//! without effect is a hole; a compiled file is checked whole before a byte of it is believed.
//! How it fails: with errors that name line and column, or the reason a file is refused; nothing
//! here prints or exits.
//! Known limits: an IPv4 CIDR rule becomes up to 256 keys (see `address.rs`); compiled rules
//! are held in memory.

mod address;
mod environment;
mod file;
mod instructions;
mod rules;
mod source;
mod store;
mod table;
mod variables;

pub use environment::{BadVariable, Connection, Environment};
pub use file::RulesFile;
pub use instructions::Instructions;
pub use rules::{Client, Match, Rules, RulesError};
pub use source::{Rule, SourceError, faults, parse};
pub use store::write;
pub use variables::{SUBMISSION_WORDS, VARIABLES, Variable, variable};
