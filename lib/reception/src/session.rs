//! What is learnt of one connection while it lasts. Each check keeps its part in a field of its own.

use crate::checks::tally::Tally;

/// What has been learnt.
#[derive(Debug, Default)]
pub struct Session {
    /// How the client introduced itself, once it has.
    pub greeted: Option<Greeted>,
    /// What limits have counted.
    pub tally: Tally,
}

/// How the client introduced itself.
#[derive(Clone, Debug)]
pub struct Greeted {
    /// The name that it gave, text of the client.
    pub name: String,
    /// Whether it said EHLO.
    pub extended: bool,
}
