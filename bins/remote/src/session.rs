//! A greeted connection: from a destination to a server that takes MAIL.
//!
//! Every address is tried in its turn; whatever goes wrong before the first MAIL leads to the next one. Fails with
//! [`NoSession`], which names each address tried and its reason.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use stafett_smtp::Response;
use stafett_smtp::ehlo::Capabilities;
use stafett_wire::delivery::Destination;

use crate::judgement::{self, NoSession, Opening};
use crate::peer::{Peer, Trouble};
use crate::settings::Settings;
use crate::targets;

/// How long we wait for the farewell of a server that we no longer need.
const FAREWELL: Duration = Duration::from_secs(5);

/// A server that has greeted us.
#[derive(Debug)]
pub struct Session {
    /// The connection.
    pub peer: Peer,
    /// Where it leads, for the texts.
    pub address: IpAddr,
    /// What the server offers; nothing after HELO.
    pub server: Capabilities,
    /// A transaction has been tried on it: it may have grown old meanwhile.
    pub is_used: bool,
    /// A transaction was begun and neither ended nor reset.
    pub needs_reset: bool,
}

/// Connects to `destination` and says EHLO.
///
/// # Errors
/// [`NoSession`] where no address can be found, or none of them serves.
pub fn establish(settings: &Settings, destination: &Destination) -> Result<Session, NoSession> {
    let mut reasons = Vec::new();
    for address in targets::find(settings, destination)? {
        match open(settings, SocketAddr::new(address, destination.port)) {
            Ok(session) => return Ok(session),
            Err(reason) => reasons.push(reason),
        }
    }
    Err(judgement::no_host_left(destination, &reasons))
}

/// Says QUIT and waits a little for the answer (RFC 5321 §4.1.1.10).
pub fn quit(mut session: Session) {
    if session.peer.send(b"QUIT\r\n", FAREWELL).is_ok() {
        let _ = session.peer.reply(FAREWELL);
    }
}

fn open(settings: &Settings, target: SocketAddr) -> Result<Session, String> {
    let address = target.ip();
    let fails = |error: &dyn std::fmt::Display| judgement::host_fails(address, error);
    let mut peer = Peer::connect(target, settings.patience.connect).map_err(|error| fails(&error))?;
    let greeting = peer.reply(settings.patience.opening).map_err(|trouble| fails(&trouble))?;
    if judgement::greeting(&greeting) != Opening::GoOn {
        return Err(refuse(peer, address, "greeting failed", &greeting));
    }
    let hello = say(&mut peer, settings, "EHLO").map_err(|trouble| fails(&trouble))?;
    let server = match judgement::ehlo(&hello) {
        Opening::GoOn => Capabilities::parse(&hello),
        Opening::NextHost => return Err(refuse(peer, address, "my name was rejected", &hello)),
        Opening::SayHelo => {
            let hello = say(&mut peer, settings, "HELO").map_err(|trouble| fails(&trouble))?;
            if !judgement::is_success(&hello) {
                return Err(refuse(peer, address, "my name was rejected", &hello));
            }
            Capabilities::default()
        }
    };
    Ok(Session { peer, address, server, is_used: false, needs_reset: false })
}

fn say(peer: &mut Peer, settings: &Settings, verb: &str) -> Result<Response, Trouble> {
    let line = format!("{verb} {}\r\n", settings.helo);
    peer.send(line.as_bytes(), settings.patience.block)?;
    peer.reply(settings.patience.opening)
}

fn refuse(mut peer: Peer, address: IpAddr, at: &str, response: &Response) -> String {
    // Polite, but not worth waiting for: the next host is.
    let _ = peer.send(b"QUIT\r\n", Duration::ZERO);
    judgement::host_refuses(address, at, response)
}
