//! An instance as a whole: what it was told, what is generated for it, and whether it is as it should be.
//!
//! What: the file `setup` ([`settings`]), the run scripts and variables ([`scripts`]), the programs
//! ([`programs`]), and the judgement of the tree ([`tree`]) as [`Finding`]s. The installer makes
//! and mends by it, the checkers judge by it.
//! Security stance: nothing here changes anything; no symbolic link below the instance is followed.
//! How it fails: [`stafett_log::Failure`], a sentence with the exit code for it.
//! Known limits: of root's instance an ordinary user sees only a part; what could not be seen is a
//! finding of its own.

pub mod content;
pub mod files;
mod finding;
pub mod ground;
pub mod listeners;
pub mod plan;
pub mod programs;
pub mod scripts;
pub mod settings;
pub mod tree;

pub use finding::{Finding, Findings, Weight};
pub use plan::Plan;

#[cfg(test)]
mod tests;
