//! What the client hears when a limit is reached.

use crate::request::Event;
use crate::rules::Limit;
use stafett_ask::{Answer, Verdict};
use stafett_control::form::limits::{Action, Per};

/// The answer for whoever is beyond a limit: a whole reply and the rule.
pub fn beyond(limit: &Limit, event: Event, locked: bool) -> Answer {
    let rule = &limit.rule;
    let (verdict, code) = match rule.action {
        Action::Lock if locked => (Verdict::Permanent, for_good(event)),
        Action::Refuse => (Verdict::Permanent, for_good(event)),
        Action::Later | Action::Lock => (Verdict::Temporary, for_now(event, limit)),
    };
    if locked && event == Event::Authentication {
        // the words of a wrong password: a stranger does not hear that there is such an account, and locked
        return Answer::new(verdict, "535 5.7.8 authentication credentials invalid").with(format!("control/limits:{}", limit.line));
    }
    let words = rule.text.clone().unwrap_or_else(|| usual(limit, locked && rule.action == Action::Lock));
    Answer::new(verdict, format!("{code} {words}")).with(format!("control/limits:{}", limit.line))
}

/// The answer for an account that is locked.
pub fn locked(event: Event, rule: &str) -> Answer {
    Answer::new(Verdict::Permanent, format!("{} this account is locked, ask your administrator", for_good(event))).with(rule)
}

/// The answer for mail that has to come back.
pub fn greylisted(seconds: u32, text: Option<&str>) -> Answer {
    let words = text.map_or_else(|| format!("greylisted, try again in {seconds} seconds"), str::to_owned);
    Answer::new(Verdict::Temporary, format!("451 4.7.1 {words}")).with("control/greylist")
}

/// RFC 5321 section 4.2.2, RFC 4954 section 6: 452 makes clients send the other recipients later, 421 ends the connection.
fn for_now(event: Event, limit: &Limit) -> &'static str {
    match (event, limit.rule.per) {
        (Event::Connection | Event::Login, ..) | (_, Per::Connection) => "421 4.7.0",
        (Event::Recipient, Per::Message) => "452 4.5.3",
        (Event::Authentication, ..) => "454 4.7.0",
        _ => "450 4.7.1",
    }
}

fn for_good(event: Event) -> &'static str {
    match event {
        Event::Connection => "554 5.7.1",
        Event::Authentication | Event::Login => "535 5.7.0",
        _ => "550 5.7.1",
    }
}

fn usual(limit: &Limit, locked: bool) -> String {
    let what = limit.rule.what.word();
    let whose = match limit.rule.per {
        Per::All => "in all".to_owned(),
        Per::Connection | Per::Message => format!("in one {}", limit.rule.per.word()),
        per => format!("from this {}", per.word()),
    };
    match (locked, limit.rule.action) {
        (true, _) => format!("too many {what} {whose}, the account is locked, ask your administrator"),
        (false, Action::Refuse) => format!("too many {what} {whose}"),
        (false, _) => format!("too many {what} {whose}, try again later"),
    }
}
