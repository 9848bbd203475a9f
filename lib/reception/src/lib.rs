//! Who may send what to whom: the decisions of smtpd, for the program that serves clients and the one that explains.
//!
//! What it does: [`dialogue`] is the order of the commands, [`policy`] decides about MAIL and RCPT, [`checks`] are what the
//! admin may add to that, each in a file of its own. Settings and client are values that do not change during a
//! conversation; what is learnt on the way is in [`session`].
//!
//! Security stance: everything a client says is hostile. What is not expressly allowed is refused, and a service that does
//! not answer is never a yes.
//!
//! How it fails: with a [`refusal::Refusal`], which carries the reply and the file and line that decided.
//!
//! Known limits: no I/O of its own; whatever must be asked is asked through [`services::Services`].

pub mod account;
pub mod auth;
pub mod badhelo;
pub mod badmailfrom;
pub mod checks;
pub mod client;
pub mod dialogue;
pub mod draft;
pub mod front;
pub mod policy;
pub mod refusal;
pub mod services;
pub mod session;
pub mod settings;

#[cfg(test)]
mod draft_test;
#[cfg(test)]
mod tests;
