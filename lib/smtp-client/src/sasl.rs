//! The client's side of AUTH: PLAIN (RFC 4616), LOGIN, and SCRAM-SHA-256 (RFC 5802, RFC 7677).
//!
//! Texts in, texts out: nothing is sent or received here. An [`Exchange`] gives the AUTH command, then a line for each
//! challenge of the server; at the end it says whether the server may be believed.
//!
//! Security stance: the server is a stranger until TLS or SCRAM has shown who it is. With SCRAM the password itself is
//! never said, and the server has to prove that it knows it too; with the others it is said, and whether it may be is the
//! caller's decision. What a server can make us compute is bounded.
//! How it fails: [`Fault`]; the caller says `*` then, which ends the exchange (RFC 4954 §4).
//! Known limits: no channel binding; user and password are said as they were written, without the changes that SASLprep
//! (RFC 4013) makes to characters outside of ASCII.

mod scram;

use base64ct::{Base64, Encoding};
use std::fmt;

use scram::Scram;

/// The longest AUTH command with an initial response (RFC 4954 §4: the limit of a command line without its end).
const LONGEST_COMMAND: usize = 510;

/// A way to log in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mechanism {
    /// The password is never said, and the server proves that it knows it.
    ScramSha256,
    /// User and password at once.
    Plain,
    /// User and password one after the other; the old way of some servers.
    Login,
}

/// Every mechanism, the best first.
pub const MECHANISMS: [Mechanism; 3] = [Mechanism::ScramSha256, Mechanism::Plain, Mechanism::Login];

impl Mechanism {
    /// Its name in EHLO and AUTH.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Mechanism::ScramSha256 => "SCRAM-SHA-256",
            Mechanism::Plain => "PLAIN",
            Mechanism::Login => "LOGIN",
        }
    }

    /// The mechanism of that name, in any case.
    #[must_use]
    pub fn named(name: &str) -> Option<Mechanism> {
        MECHANISMS.into_iter().find(|mechanism| mechanism.name().eq_ignore_ascii_case(name))
    }
}

impl fmt::Display for Mechanism {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why an exchange cannot go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The server breaks the mechanism's rules; the words say how.
    Server(&'static str),
    /// The server does not know the password either: it is not who it should be.
    Impostor,
    /// No random numbers.
    Random,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Fault::Server(what) => f.write_str(what),
            Fault::Impostor => f.write_str("it has not proved that it knows the password itself"),
            Fault::Random => f.write_str("this system gives no random numbers"),
        }
    }
}

/// One login under way.
pub struct Exchange(State);

/// It holds a password.
impl fmt::Debug for Exchange {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Exchange")
    }
}

enum State {
    /// These are still to be said, one for each challenge.
    Lines(Vec<Vec<u8>>),
    Scram(Box<Scram>),
}

impl Exchange {
    /// Begins to log in; the AUTH command without its line end.
    ///
    /// # Errors
    /// [`Fault::Random`].
    pub fn begin(mechanism: Mechanism, user: &str, password: &str) -> Result<(Exchange, String), Fault> {
        let (state, first) = match mechanism {
            Mechanism::Plain => (State::Lines(Vec::new()), Some([b"\0", user.as_bytes(), b"\0", password.as_bytes()].concat())),
            Mechanism::Login => (State::Lines(vec![user.into(), password.into()]), None),
            Mechanism::ScramSha256 => {
                let (scram, first) = Scram::begin(user, password, &scram::nonce()?);
                (State::Scram(Box::new(scram)), Some(first))
            }
        };
        let command = format!("AUTH {mechanism}");
        let Some(first) = first else { return Ok((Exchange(state), command)) };
        let whole = format!("{command} {}", Base64::encode_string(&first));
        if whole.len() <= LONGEST_COMMAND {
            return Ok((Exchange(state), whole));
        }
        Ok((Exchange(state.after(first)), command))
    }

    /// The line for a challenge, the text of a 334 reply.
    ///
    /// # Errors
    /// When the server asks for more than the mechanism has, or for something else.
    pub fn answer(&mut self, challenge: &[u8]) -> Result<String, Fault> {
        let line = match &mut self.0 {
            // What stands in the challenge is a prompt for people.
            State::Lines(lines) if lines.is_empty() => return Err(Fault::Server("it asks for more than user and password")),
            State::Lines(lines) => lines.remove(0),
            State::Scram(scram) => scram.answer(&decoded(challenge)?)?,
        };
        Ok(Base64::encode_string(&line))
    }

    /// Whether the 235 of the server counts.
    ///
    /// # Errors
    /// When the server says that we are in without having asked what the mechanism asks.
    pub fn finish(&self) -> Result<(), Fault> {
        match &self.0 {
            State::Lines(lines) if lines.is_empty() => Ok(()),
            State::Lines(_) => Err(Fault::Server("it says that we are in before it was told who we are")),
            State::Scram(scram) => scram.finish(),
        }
    }
}

impl State {
    /// The same, with a line that did not fit into the command.
    fn after(self, first: Vec<u8>) -> State {
        match self {
            State::Lines(mut lines) => {
                lines.insert(0, first);
                State::Lines(lines)
            }
            State::Scram(scram) => State::Scram(Box::new(scram.after(first))),
        }
    }
}

fn decoded(challenge: &[u8]) -> Result<Vec<u8>, Fault> {
    let text = std::str::from_utf8(challenge).map_err(|_| Fault::Server("its challenge is not base64"))?;
    Base64::decode_vec(text.trim_ascii()).map_err(|_| Fault::Server("its challenge is not base64"))
}

#[cfg(test)]
#[path = "sasl/sasl_test.rs"]
mod sasl_test;
