//! What the admin's programs share: which messages are meant, what their files say, where they
//! go, and what the scheduler knows of them.
//!
//! Security stance: linked by qstat and qtool, by no service. Reads the queue with the caller's
//! rights; every word of a peer that it prints is made safe. How it fails: `std::io::Error` for
//! the queue, sentences for wrong filters and for a scheduler that cannot be asked. Known limits:
//! a queue at work changes while it is read; a message that is gone by then is passed over.

mod access;
mod ask;
mod filter;
pub mod json;
mod moment;
mod pattern;
mod routes;
mod scan;
mod selection;

pub use access::explain;
pub use ask::{Scheduler, Trouble, batches};
pub use filter::{Filter, State, USAGE as FILTER_USAGE};
pub use moment::Moment;
pub use pattern::Pattern;
pub use routes::Routes;
pub use scan::{Found, Message, Seen, each};
pub use selection::{Listing, Selection};
