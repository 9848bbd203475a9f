//! What each finding of stafett-dnsbl means for a recipient. No I/O.

use std::io;

use stafett_ask::{Answer, Verdict};
use stafett_smtp::Reply;

use super::{Finding, malformed};
use crate::settings::signs::{Demand, Reverse, Signs};

/// The findings of an answer: four fields each, one for each part that was asked for.
///
/// # Errors
/// When the answer is none, or is about something else.
pub fn read<'a>(answer: &Answer, parts: impl Iterator<Item = &'a str>) -> io::Result<Vec<Finding>> {
    if answer.verdict != Verdict::Ok {
        return Err(io::Error::other(answer.text.clone()));
    }
    let text = |field: &Vec<u8>| String::from_utf8_lossy(field).into_owned();
    let found: Vec<Finding> = answer
        .fields
        .chunks(4)
        .filter_map(|fields| match fields {
            [part, verdict, rule, said] => match verdict[..] {
                [letter @ (b'K' | b'Z' | b'D')] => Some(Finding { part: text(part), verdict: letter, rule: text(rule), text: text(said) }),
                _ => None,
            },
            _ => None,
        })
        .collect();
    let asked: Vec<&str> = parts.collect();
    let fits = found.len() * 4 == answer.fields.len() && found.iter().map(|finding| finding.part.as_str()).eq(asked);
    if fits { Ok(found) } else { Err(malformed("that does not fit the question")) }
}

/// The name of the check, as in stafett-smtpd(8).
pub fn check(finding: &Finding) -> &'static str {
    match finding.part.as_str() {
        "client" => "dnsbllist",
        "reverse" => "reversedns",
        "domain" => "senderdomain",
        _ => "rhsbllist",
    }
}

/// The refusal that a finding leads to, and what decided.
pub fn judge(finding: &Finding, signs: &Signs) -> Option<(Reply, String)> {
    if finding.verdict == b'K' {
        return None;
    }
    match finding.part.as_str() {
        "reverse" => reverse(finding, signs.reverse),
        "domain" if signs.sender_domain != Demand::Require => None,
        "domain" => Some((domain(finding), "control/senderdomain".to_owned())),
        _ => Some((listed(finding), finding.rule.clone())),
    }
}

/// What the log is to say of a finding that is only a warning.
pub fn warning(finding: &Finding, signs: &Signs) -> Option<String> {
    let what = match (finding.part.as_str(), finding.verdict) {
        (_, b'K') => return None,
        ("reverse", b'D') if signs.reverse == Reverse::Warn && finding.rule == "none" => "the address has no name",
        ("reverse", b'D') if signs.reverse == Reverse::Warn => "the name of the address does not lead back to it",
        ("reverse", _) if signs.reverse == Reverse::Warn => "the name of the address cannot be looked up",
        ("domain", b'D') if signs.sender_domain == Demand::Warn => "the domain of the sender takes no mail",
        ("domain", _) if signs.sender_domain == Demand::Warn => "the domain of the sender cannot be looked up",
        _ => return None,
    };
    Some(format!("{what} ({} {}, control/{})", finding.rule, finding.text, check(finding)))
}

fn listed(finding: &Finding) -> Reply {
    let (code, enhanced) = if finding.verdict == b'D' { (553, (5, 7, 1)) } else { (451, (4, 7, 1)) };
    Reply::new(code, enhanced, finding.text.clone())
}

/// RFC 7372 §3.3 has the enhanced code.
fn reverse(finding: &Finding, demand: Reverse) -> Option<(Reply, String)> {
    let is_named = finding.rule == "unconfirmed";
    let reply = match (demand, finding.verdict) {
        (Reverse::None | Reverse::Warn, _) => return None,
        (Reverse::Require, _) if is_named => return None,
        (_, b'D') if is_named => {
            Reply::new(550, (5, 7, 25), "the sending host needs a name-server entry that leads back to its address (#5.7.25)")
        }
        (_, b'D') => Reply::new(550, (5, 7, 25), "the sending host needs a name-server entry (#5.7.25)"),
        _ => Reply::new(451, (4, 4, 3), "the name of the sending host cannot be looked up now, try again later (#4.4.3)"),
    };
    Some((reply, "control/reversedns".to_owned()))
}

/// RFC 5321 §3.6.2 demands a domain that resolves; RFC 7505 §4.2 has the code for one that says it takes no mail.
fn domain(finding: &Finding) -> Reply {
    match (finding.verdict, finding.rule.as_str()) {
        (b'D', "null-mx") => Reply::new(553, (5, 7, 27), "sorry, the domain of your envelope sender takes no mail (#5.7.27)"),
        (b'D', "no-domain") => Reply::new(553, (5, 1, 8), "sorry, the domain of your envelope sender does not exist (#5.1.8)"),
        (b'D', _) => Reply::new(553, (5, 1, 8), "sorry, the domain of your envelope sender has neither MX nor address (#5.1.8)"),
        _ => Reply::new(451, (4, 4, 3), "the domain of your envelope sender cannot be looked up now, try again later (#4.4.3)"),
    }
}
