//! The queue on disk, as stafett-queue(5) documents it.
//!
//! What: one file per message: its bytes, its envelope, a commit line with length and checksum,
//! then a journal of attempts. [`Store`] knows the directories, [`Draft`] makes a file durable,
//! [`Entry`] reads one, [`journal`] folds what happened.
//! Security stance: linked by queued, send and the admin's programs alone. A file counts only if
//! its commit line verifies; what does not is set aside, never deleted.
//! How it fails: `std::io::Error` for the file system, [`Damage`] for a file's content.
//! Known limits: one file system per queue, since messages move by rename.

mod draft;
mod entry;
mod id;
pub mod journal;
mod lines;
mod name;
mod notes;
mod store;
mod survey;
mod twins;
mod walk;

pub use draft::{Committed, Draft, content};
pub use entry::{Damage, Entry};
pub use id::{Id, Ids};
pub use lines::StrictLines;
pub use name::{Listed, Place};
pub use store::Store;
pub use survey::Counted;
pub use twins::Dropped;

#[cfg(test)]
mod tests;
