//! The Received-SPF field (RFC 7208 §9.1), as physical lines.

use super::{Identity, Outcome, Question, Verdict};
use stafett_message::harmless;

/// The longest text of a stranger, in characters.
const TEXT_MAX: usize = 255;

/// The lines of the field.
pub fn lines(question: &Question<'_>, outcome: &Outcome) -> Vec<String> {
    let identity = match question.identity() {
        Identity::MailFrom => "mailfrom",
        Identity::Helo => "helo",
    };
    let why = match outcome.verdict {
        Verdict::TempError | Verdict::PermError => "problem",
        _ => "mechanism",
    };
    vec![
        format!("Received-SPF: {} ({}: {})", outcome.verdict, question.receiver, sentence(question, outcome)),
        format!("\tclient-ip={}; envelope-from=\"{}\";", question.ip, quoted(question.sender)),
        format!("\thelo=\"{}\"; receiver={};", quoted(question.helo), question.receiver),
        format!("\tidentity={identity}; {why}=\"{}\"", quoted(&outcome.reason)),
    ]
}

fn sentence(question: &Question<'_>, outcome: &Outcome) -> String {
    let (domain, ip) = (harmless(&outcome.domain, TEXT_MAX), question.ip);
    match outcome.verdict {
        Verdict::Pass => format!("domain of {domain} designates {ip} as permitted sender"),
        Verdict::Fail => format!("domain of {domain} does not designate {ip} as permitted sender"),
        Verdict::SoftFail => format!("transitioning domain of {domain} does not designate {ip} as permitted sender"),
        Verdict::Neutral => format!("{ip} is neither permitted nor denied by domain of {domain}"),
        Verdict::None => format!("domain of {domain} does not designate permitted sender hosts"),
        Verdict::TempError => format!("error in processing during lookup of {domain}"),
        Verdict::PermError => format!("the record of {domain} cannot be used"),
    }
}

fn quoted(text: &str) -> String {
    let kept = |symbol: char| if symbol == ' ' || symbol.is_ascii_graphic() && !matches!(symbol, '"' | '\\') { symbol } else { '?' };
    text.chars().take(TEXT_MAX).map(kept).collect()
}
