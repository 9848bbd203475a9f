//! One question to one server: RSET, MAIL, RCPT, and what the answers mean.
//!
//! Only a refusal of RCPT that speaks of the recipient is a no. Whatever speaks of us, of the dialogue or of the moment
//! (MAIL refused, 421, a full mailbox, a code out of place) is none: nobody may lose mail by it.
//! Security stance: the words of the server reach a client of ours; they go as printable ASCII and cut ([`Reply`] does the
//! same once more).

use std::os::fd::AsFd;
use std::time::Duration;

use stafett_smtp::Response;
use stafett_smtp::response::{Verdict as Kind, Wanted};
use stafett_smtp_client::judgement::{is_closing, is_success};
use stafett_smtp_client::peer::Trouble;
use stafett_smtp_client::settings::Patience;
use stafett_smtp_client::{Session, is_speakable};
use stafett_sys::poll::{Interest, wait_two};

/// The longest piece of the server's reply that a client gets to see, in bytes.
const LONGEST_WORDS: usize = 300;

/// What a server has said.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Finding {
    /// The recipient is there.
    Valid,
    /// It is not; the reply for the client.
    Unknown(String),
    /// Not now, for this recipient; the reply for the client.
    Later(String),
    /// The server does not let us ask; why.
    Unwilling(String),
}

/// Why there is no finding.
#[derive(Debug)]
pub enum Lost {
    /// An old connection had been closed before anything was said on it: a new one is worth a try.
    Stale,
    /// The server has failed; why.
    Failed(String),
}

/// Asks for one recipient.
///
/// # Errors
/// [`Lost`]; the connection is of no more use.
pub fn ask(session: &mut Session, sender: &str, recipient: &str, patience: &Patience) -> Result<Finding, Lost> {
    if !is_speakable(recipient) {
        return Ok(Finding::Unknown("553 5.1.3 this address cannot be sent on".to_owned()));
    }
    let utf8 = !recipient.is_ascii();
    if utf8 && !session.server.utf8 {
        return Ok(Finding::Unknown("553 5.6.7 the recipient's host does not take addresses in UTF-8".to_owned()));
    }
    if session.is_used && has_spoken(session) {
        return Err(Lost::Stale);
    }
    let mut dialogue = Dialogue { patience, pipelined: session.server.pipelining, said: 0, session };
    dialogue.run([format!("MAIL FROM:<{sender}>{}\r\n", if utf8 { " SMTPUTF8" } else { "" }), format!("RCPT TO:<{recipient}>\r\n")])
}

/// Nothing is to be heard before something is asked; what comes then is a farewell, or a server out of step.
fn has_spoken(session: &mut Session) -> bool {
    let ready = wait_two((session.peer.as_fd(), Interest::Read), None, Some(Duration::ZERO));
    session.peer.has_unread() || ready.map_or(true, |(server, _)| server.any()) && !session.peer.is_quiet()
}

struct Dialogue<'a> {
    session: &'a mut Session,
    patience: &'a Patience,
    pipelined: bool,
    said: usize,
}

impl Dialogue<'_> {
    fn run(&mut self, [mail, recipient]: [String; 2]) -> Result<Finding, Lost> {
        let reset = if self.session.needs_reset { "RSET\r\n" } else { "" };
        if self.pipelined {
            self.send(&[reset, &mail, &recipient].concat())?;
        }
        if !reset.is_empty() && !is_success(&self.answer(reset, self.patience.opening)?) {
            return Err(Lost::Stale);
        }
        self.session.needs_reset = false;
        let from = self.answer(&mail, self.patience.mail)?;
        if !is_success(&from) {
            if self.pipelined {
                self.answer(&recipient, self.patience.recipient)?;
            }
            self.session.is_used = true;
            return Ok(Finding::Unwilling(format!("it refuses the sender of the question: {}", from.one_line(LONGEST_WORDS))));
        }
        self.session.needs_reset = true;
        let finding = judge(&self.answer(&recipient, self.patience.recipient)?);
        self.session.is_used = true;
        Ok(finding)
    }

    /// The reply to a command, which is sent now unless all were sent at once.
    fn answer(&mut self, command: &str, within: Duration) -> Result<Response, Lost> {
        if !self.pipelined {
            self.send(command)?;
        }
        let response = self.session.peer.reply(within).map_err(|trouble| self.lost(&trouble))?;
        if is_closing(&response) {
            return Err(match self.said {
                0 if self.session.is_used => Lost::Stale,
                _ => Lost::Failed(format!("it closes the connection: {}", response.one_line(LONGEST_WORDS))),
            });
        }
        if response.judge(Wanted::Completion) == Kind::OutOfStep {
            return Err(Lost::Failed("it answers what was not asked".to_owned()));
        }
        self.said += 1;
        Ok(response)
    }

    fn send(&mut self, text: &str) -> Result<(), Lost> {
        let sent = self.session.peer.send(text.as_bytes(), self.patience.block);
        sent.map_err(|trouble| self.lost(&trouble))
    }

    fn lost(&self, trouble: &Trouble) -> Lost {
        match trouble {
            Trouble::Closed | Trouble::Broken(_) if self.session.is_used && self.said == 0 => Lost::Stale,
            trouble => Lost::Failed(format!("the connection died: {trouble}")),
        }
    }
}

/// Judges the reply to RCPT.
fn judge(response: &Response) -> Finding {
    let words = response.one_line(LONGEST_WORDS);
    match (response.judge(Wanted::Completion), response.code()) {
        (Kind::Success, _) => Finding::Valid,
        // These speak of the dialogue (RFC 5321 §4.2.3), and 552 of room (§4.5.3.1.10).
        (Kind::Permanent, 500 | 502 | 503 | 504 | 552 | 555) | (Kind::Temporary | Kind::OutOfStep, _) => {
            Finding::Later(format!("450 4.2.0 the recipient's host said: {words}"))
        }
        (Kind::Permanent, _) => {
            let status = response.enhanced().map_or_else(|| "5.1.1".to_owned(), |status| status.to_string());
            Finding::Unknown(format!("550 {status} the recipient's host said: {words}"))
        }
    }
}

#[cfg(test)]
#[path = "probe_test.rs"]
mod probe_test;
