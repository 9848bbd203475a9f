//! The flat files under control/.
//!
//! What: one row per file ([`rows::TABLE`]) says its name, form, default and readers; it drives the
//! reader here, the checker, the sample in control/ and the page stafett-control(5).
//! Security stance: the files are the admin's, yet a slip must never open the relay: whatever does
//! not parse is an error that names file and line, never a silent default.
//! How it fails: [`Error`] with the file, the line and what to do.
//! Known limits: a file is read whole; one above [`LARGEST`] is refused (use the cdb form).

pub mod compiled;
mod error;
mod excerpt;
pub mod form;
mod nearest;
mod read;
pub mod rows;
mod watch;

pub use error::{BadLine, Error};
pub use excerpt::Excerpt;
pub use form::{Form, Setting};
pub use nearest::nearest;
pub use read::{Control, Item, LARGEST, Pair};
pub use watch::Watch;

#[cfg(test)]
mod tests;
