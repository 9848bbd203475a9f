//! The Authentication-Results field (RFC 8601) with what we found.
//!
//! Security stance: domains, selectors and senders are text of strangers; what is not plain is quoted, with every character
//! that could end a quotation replaced.

use crate::dmarc::Judgement;
use crate::signatures::{Authors, Chain, Signature};
use crate::spf;

/// The longest value, in characters.
const VALUE_MAX: usize = 255;

/// What there is to tell.
#[derive(Clone, Copy, Debug)]
pub struct Findings<'a> {
    /// Our own name.
    pub ours: &'a str,
    /// The envelope sender; empty for none.
    pub sender: &'a str,
    /// SPF.
    pub spf: &'a spf::Outcome,
    /// DKIM and ARC.
    pub authors: &'a Authors,
    /// DMARC.
    pub judgements: &'a [Judgement],
}

/// The lines of the field.
pub fn lines(findings: &Findings<'_>) -> Vec<String> {
    let mut results = vec![spf(findings)];
    match &findings.authors.signatures[..] {
        [] => results.push("dkim=none".to_owned()),
        signatures => results.extend(signatures.iter().map(dkim)),
    }
    results.extend(findings.judgements.iter().map(dmarc));
    results.extend(findings.authors.chain.iter().map(arc));
    let last = results.len();
    let ended = results.into_iter().zip(1..).map(|(result, index)| format!("\t{result}{}", if index < last { ";" } else { "" }));
    std::iter::once(format!("Authentication-Results: {};", value(findings.ours))).chain(ended).collect()
}

fn spf(findings: &Findings<'_>) -> String {
    let verdict = findings.spf.verdict.word();
    match findings.sender {
        "" => format!("spf={verdict} smtp.helo={}", value(&findings.spf.domain)),
        sender => format!("spf={verdict} smtp.mailfrom={}", value(sender)),
    }
}

fn dkim(signature: &Signature) -> String {
    let said = said(signature.verdict.word(), signature.reason);
    if signature.domain.is_empty() {
        return format!("dkim={said}");
    }
    let Signature { domain, selector, algorithm, mark, .. } = signature;
    format!("dkim={said} header.d={} header.s={} header.a={algorithm} header.b={}", value(domain), value(selector), value(mark))
}

fn dmarc(judgement: &Judgement) -> String {
    let policy = if judgement.source.is_empty() { String::new() } else { format!(" (p={})", judgement.policy.word()) };
    let from = if judgement.domain.is_empty() { String::new() } else { format!(" header.from={}", value(&judgement.domain)) };
    format!("dmarc={}{policy}{from}", judgement.verdict.word())
}

fn arc(chain: &Chain) -> String {
    format!("arc={}", said(chain.verdict.word(), chain.reason))
}

fn said(word: &str, reason: &str) -> String {
    if reason.is_empty() { word.to_owned() } else { format!("{word} ({reason})") }
}

/// Text of a stranger as a value (RFC 8601 §2.2, RFC 2045 §5.1).
fn value(text: &str) -> String {
    let plain = |symbol: char| symbol.is_ascii_alphanumeric() || "!#$&'*+-.^_`{|}~@".contains(symbol);
    if !text.is_empty() && text.len() <= VALUE_MAX && text.chars().all(plain) {
        return text.to_owned();
    }
    let kept = |symbol: char| if symbol == ' ' || symbol.is_ascii_graphic() && !matches!(symbol, '"' | '\\') { symbol } else { '?' };
    format!("\"{}\"", text.chars().take(VALUE_MAX).map(kept).collect::<String>())
}

#[cfg(test)]
#[path = "results_test.rs"]
mod tests;
