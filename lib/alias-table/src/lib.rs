//! Aliases as sendmail writes them and as fastforward keeps them: /etc/aliases, the table that is compiled from it, and lists
//! in files of their own.
//!
//! What: [`source`] reads the text, [`Table`] is the compiled form (a cdb that fastforward of qmail reads and writes as well), and
//! [`List`] the compiled form of an included file.
//! Security stance: the text is the admin's; the name that is looked for is a stranger's and is only ever a key. A list may
//! hold addresses and further lists, never a program. How it fails: a fault in the text names its line; a table that cannot be
//! read is an error and never "there is no such alias".

mod command;
mod list;
mod safely;
mod source;
mod split;
mod table;

pub use command::Command;
pub use list::List;
pub use source::{Instruction, Source};
pub use table::{Entry, Table};

/// The longest address, in bytes (setforward(1)).
pub const LONGEST: usize = 800;
