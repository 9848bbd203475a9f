//! Why a recipient waits, and when it is tried next: from the scheduler's words, from what it knows
//! of the destination, and from the last reply.

use crate::knowledge::Live;
use stafett_queue_store::journal::Standing;
use stafett_queue_store::{Listed, Place};
use stafett_survey::Moment;

/// The status that stafett-remote puts behind a refusal of its own to send without TLS.
const LACKS_TLS: &str = "(#4.7.5)";

/// An answer to both questions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reason {
    /// In a word, for programs.
    pub kind: &'static str,
    /// In a sentence, for people.
    pub words: String,
    /// When it is tried next, if that is known. The past means now.
    pub next: Option<u64>,
}

/// What is known of one recipient that waits.
#[derive(Clone, Copy, Debug)]
pub struct Case<'a> {
    /// Its message.
    pub listed: Listed,
    /// Where it stands.
    pub standing: &'a Standing,
    /// The scheduler's words; `None` when it has none.
    pub said: Option<&'a str>,
    /// What it knows of the destination.
    pub live: Option<&'a Live>,
    /// The destination's name.
    pub destination: &'a str,
    /// Whether it runs.
    pub running: bool,
}

impl Case<'_> {
    /// Why, and until when.
    pub fn judge(&self) -> Reason {
        let said = self.said.and_then(|said| said.split_once(": ").or(Some((said, ""))));
        match said {
            _ if self.listed.place == Place::Held => reason("hold", "held by the admin; qtool release lets it go on", None),
            _ if !self.running => self.stopped(),
            Some((word, rest)) if word.starts_with("down until ") => {
                let until = word.rsplit(' ').next().and_then(|until| until.parse().ok());
                down(rest, &format!("the destination is down: {rest}"), until)
            }
            Some(("running", _)) => reason("running", "it is being delivered", None),
            Some(("window", rest)) => reason("window", &format!("the window is full: {rest}"), None),
            Some(("limit", rest)) => reason("limit", rest, None),
            Some(("rate", rest)) => reason("rate", rest, None),
            Some(("hold", rest)) => reason("hold", rest, None),
            Some(("remote", rest)) => reason("remote", rest, None),
            Some(("backoff", _)) | None => self.backoff(),
            Some(_) => reason("other", self.said.unwrap_or_default(), None),
        }
    }

    fn stopped(&self) -> Reason {
        let next = self.due();
        let last = if self.standing.event.is_some() { format!("; {}", self.after().words) } else { String::new() };
        reason("stopped", &format!("stafett-send is not running, it is tried when that has started{last}"), next)
    }

    /// It waits on disk for its own time. Where the destination is down now, that is the better
    /// answer.
    fn backoff(&self) -> Reason {
        if self.listed.place == Place::New {
            return reason("fresh", "fresh, it is read as soon as there is room", None);
        }
        if let Some(Live { until: Some(until), error, .. }) = self.live {
            let words = format!("the destination is down: {} is left alone until {}: {error}", self.destination, Moment(*until));
            return down(error, &words, self.due().map(|due| due.max(*until)));
        }
        Reason { next: self.due(), ..self.after() }
    }

    /// What the last reply tells.
    fn after(&self) -> Reason {
        let text = &self.standing.text;
        let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
        if self.standing.event.is_none() {
            return reason("backoff", "waits for its next attempt", None);
        }
        let (kind, words) = if text.starts_with("Not tried, because ") {
            ("destination", "was not tried last time, because the destination was down")
        } else if has(&[LACKS_TLS]) {
            ("tls", "the destination does not give the TLS that is demanded; waits for its next attempt")
        } else if has(&["(#4.4.3)", "(#4.4.4)", "(#4.4.6)"]) {
            ("dns", "the name service gave no usable answer; waits for its next attempt")
        } else if has(&["(#4.7."]) {
            ("policy", "a policy of this host forbade the last attempt; waits for its next one")
        } else if has(&["(#4.4.1)", "(#4.4.2)"]) {
            ("backoff", "the connection failed; waits for its next attempt")
        } else {
            ("backoff", "was deferred; waits for its next attempt")
        };
        reason(kind, words, None)
    }

    fn due(&self) -> Option<u64> {
        Some(self.listed.due).filter(|_| self.listed.place == Place::Waiting)
    }
}

/// Whoever cannot be reached is down; whoever can be and does not give the TLS that is demanded is left alone likewise.
fn down(error: &str, words: &str, until: Option<u64>) -> Reason {
    match error.contains(LACKS_TLS) {
        true => reason("tls", &words.replacen("the destination is down: ", "the TLS that is demanded cannot be had: ", 1), until),
        false => reason("destination", words, until),
    }
}

fn reason(kind: &'static str, words: &str, next: Option<u64>) -> Reason {
    Reason { kind, words: words.to_owned(), next }
}

#[cfg(test)]
#[path = "reason_test.rs"]
mod reason_test;
