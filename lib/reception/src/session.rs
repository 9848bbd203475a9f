//! What is learnt of one connection while it lasts. Each check keeps its part in a field of its own.

use crate::checks::looked::Looked;
use crate::checks::spf;
use crate::checks::tally::Tally;

/// What has been learnt.
#[derive(Debug, Default)]
pub struct Session {
    /// How the client introduced itself, once it has.
    pub greeted: Option<Greeted>,
    /// What SPF says of the sender that was asked about last.
    pub spf: Option<spf::Known>,
    /// It spoke before it was greeted.
    pub is_early: bool,
    /// What the lists and the DNS say of it and its sender.
    pub looked: Looked,
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
