//! A greeted connection to a server that takes MAIL.

use std::time::{Duration, Instant};

use stafett_smtp::ehlo::Capabilities;

use crate::judgement::Place;
use crate::peer::Peer;

/// How long we wait for the farewell of a server that we no longer need.
const FAREWELL: Duration = Duration::from_secs(5);

/// A server that has greeted us.
#[derive(Debug)]
pub struct Session {
    /// The connection.
    pub peer: Peer,
    /// Where it leads, for the texts.
    pub place: Place,
    /// What the server offers; nothing after HELO.
    pub server: Capabilities,
    /// It answers for each recipient after the message (RFC 2033 §4.2).
    pub is_lmtp: bool,
    /// A transaction has been tried on it: it may have grown old meanwhile.
    pub is_used: bool,
    /// A transaction was begun and neither ended nor reset.
    pub needs_reset: bool,
    /// It is in TLS, and its certificate shows what was demanded.
    pub is_verified: bool,
}

/// Says QUIT and waits a little for the answer (RFC 5321 §4.1.1.10).
pub fn quit(mut session: Session) {
    session.peer.end_at(Instant::now() + FAREWELL);
    if session.peer.send(b"QUIT\r\n", FAREWELL).is_ok() {
        let _ = session.peer.reply(FAREWELL);
    }
    session.peer.end();
}
