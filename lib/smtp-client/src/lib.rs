//! The way to another mail server: from a destination to a server that has greeted us and takes MAIL.
//!
//! What it does: [`settings`] reads what control/ says about going out, [`targets`] finds hosts and addresses, [`session`]
//! connects and introduces us, [`peer`] carries bytes with a deadline on everything, [`judgement`] says what each event
//! means, [`tls`] what is demanded of TLS. stafett-remote delivers over it, stafett-callout asks.
//!
//! Security stance: servers and name servers are hostile; every connection goes through [`door`], which asks
//! control/destinations with the very address that is connected to.
//!
//! How it fails: [`judgement::NoSession`] before there is a session, [`peer::Trouble`] after.

pub mod credentials;
pub mod door;
pub mod judgement;
mod login;
mod opening;
pub mod outgoing;
pub mod peer;
mod power;
mod race;
mod reach;
pub mod sasl;
pub mod session;
pub mod settings;
mod speakable;
pub mod targets;
pub mod tls;
mod way;

pub use judgement::NoSession;
pub use outgoing::Sources;
pub use power::sandbox;
pub use reach::Reach;
pub use session::Session;
pub use settings::Settings;
pub use speakable::is_speakable;
pub use way::Way;
