//! AUTH at a relay that has greeted us (RFC 4954).
//!
//! Security stance: credentials are said under TLS alone, unless control/smtpauth says otherwise for them; a Unix socket
//! is as good. What the relay says is shown, what we say never.
//! How it fails: [`Denied`], always for now and never for good: the mail cannot help it. A relay that refuses the
//! credentials themselves is not asked at its other addresses, because many guesses lock accounts.

use stafett_control::form::smtpauth::Account;
use stafett_smtp::Response;
use stafett_smtp::ehlo::Capabilities;

use crate::credentials::mechanism;
use crate::judgement::Place;
use crate::peer::{Peer, Trouble};
use crate::sasl::{Exchange, Fault, MECHANISMS};
use crate::settings::Patience;

/// The reply that asks for a line (RFC 4954 §4).
const GO_ON: u16 = 334;
/// The reply to credentials that are wrong (RFC 4954 §6).
const WRONG: u16 = 535;
/// Lines that we say in one login at most; SCRAM needs three.
const MOST_LINES: usize = 5;

/// Why we are not logged in.
#[derive(Debug)]
pub enum Denied {
    /// It is about this host: the next may do better.
    Here(String),
    /// It has refused the credentials themselves.
    Wrong(Response),
    /// The connection is lost.
    Lost(Trouble),
}

impl From<Trouble> for Denied {
    fn from(trouble: Trouble) -> Self {
        Denied::Lost(trouble)
    }
}

/// Logs in; afterwards the server takes MAIL.
///
/// # Errors
/// [`Denied`]; the connection is of no more use.
pub fn log_in(
    peer: &mut Peer,
    place: &Place,
    server: &Capabilities,
    account: &Account,
    is_private: bool,
    patience: &Patience,
) -> Result<(), Denied> {
    if !is_private && !account.without_tls && !matches!(place, Place::Socket(_)) {
        let name = &account.name;
        return Err(Denied::Here(format!("there is no TLS, and control/smtpauth has {name} said under TLS alone")));
    }
    let mechanism = mechanism(account, &server.auth).ok_or_else(|| Denied::Here(nothing_in_common(account, server)))?;
    let (mut exchange, command) = Exchange::begin(mechanism, &account.user, &account.password).map_err(misbehaves)?;
    let mut reply = say(peer, &command, patience)?;
    for _ in 0..MOST_LINES {
        if reply.code() != GO_ON {
            break;
        }
        let challenge = reply.lines().next().unwrap_or_default();
        let line = match exchange.answer(challenge) {
            Ok(line) => line,
            Err(fault) => {
                let _ = say(peer, "*", patience);
                return Err(misbehaves(fault));
            }
        };
        reply = say(peer, &line, patience)?;
    }
    match reply.code() {
        200..300 => exchange.finish().map_err(misbehaves),
        WRONG => Err(Denied::Wrong(reply)),
        _ => Err(Denied::Here(format!("AUTH failed: {}", reply.one_line(LONGEST_WORDS)))),
    }
}

/// Bytes of a reply that are shown.
const LONGEST_WORDS: usize = 300;

fn say(peer: &mut Peer, line: &str, patience: &Patience) -> Result<Response, Trouble> {
    peer.send(format!("{line}\r\n").as_bytes(), patience.block)?;
    peer.reply(patience.opening)
}

fn misbehaves(fault: Fault) -> Denied {
    Denied::Here(format!("AUTH failed: {fault}"))
}

fn nothing_in_common(account: &Account, server: &Capabilities) -> String {
    if server.auth.is_empty() {
        return format!("it offers no AUTH, and the route has us log in as {}", account.name);
    }
    let all = MECHANISMS.map(|mechanism| mechanism.name().to_lowercase());
    let ours = if account.mechanisms.is_empty() { all.join(", ") } else { account.mechanisms.join(", ") };
    let offered: String =
        server.auth.join(" ").chars().filter(|symbol| *symbol == ' ' || symbol.is_ascii_graphic()).take(LONGEST_WORDS).collect();
    format!("it offers AUTH {offered}, and we would use {ours}")
}
