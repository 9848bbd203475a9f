//! One check from the question to the outcome (RFC 7208 §4), with what the admin adds to it.

use super::evaluation::{Evaluation, Said, Stop};
use super::record::Record;
use super::{Outcome, Question, Verdict};
use crate::names::{Names, can_be_asked, canonical};

/// What the admin adds.
#[derive(Clone, Debug, Default)]
pub struct Additions {
    /// Who passes besides those that a domain lists.
    pub rules: Option<Record>,
    /// What counts for a domain without a record.
    pub guess: Option<Record>,
    /// What is said to who failed and whose domain says nothing; a macro string.
    pub explanation: Option<String>,
}

/// Whether the client may send for the domain.
pub fn check(names: &dyn Names, question: &Question<'_>, additions: &Additions) -> Outcome {
    // an IPv4 client on an IPv6 socket is an IPv4 client (§5)
    let question = &Question { ip: question.ip.to_canonical(), ..*question };
    let domain = canonical(question.domain());
    // §4.3: what can be no domain has no record
    if !domain.contains('.') || !can_be_asked(&domain) {
        return outcome(Verdict::None, &domain, "not the name of a domain");
    }
    let mut evaluation = Evaluation::new(names, question);
    let said = match evaluation.domain(&domain) {
        Err(stop) => return stopped(stop, &domain),
        Ok(Some(said)) => with_rules(said, names, question, &domain, additions),
        Ok(None) => match guessed(names, question, &domain, additions) {
            Some(said) => said,
            None => return outcome(Verdict::None, &domain, "no record"),
        },
    };
    let mut outcome = outcome(said.verdict, &domain, &said.reason);
    if said.verdict == Verdict::Fail {
        outcome.explanation = evaluation.explanation(&said);
        if let (None, Some(text)) = (&outcome.explanation, &additions.explanation) {
            outcome.explanation = evaluation.said(text, &domain);
        }
    }
    outcome
}

/// Whom the domain does not let pass the admin's rules may.
fn with_rules(said: Said, names: &dyn Names, question: &Question<'_>, domain: &str, additions: &Additions) -> Said {
    let Some(rules) = additions.rules.as_ref().filter(|_| said.verdict != Verdict::Pass) else { return said };
    match Evaluation::new(names, question).evaluate(domain, rules) {
        Ok(own) if own.verdict == Verdict::Pass => Said { reason: format!("{} (local rule)", own.reason), ..own },
        _ => said,
    }
}

fn guessed(names: &dyn Names, question: &Question<'_>, domain: &str, additions: &Additions) -> Option<Said> {
    let guess = additions.guess.as_ref()?;
    let said = Evaluation::new(names, question).evaluate(domain, guess).ok()?;
    Some(Said { reason: format!("{} (local guess)", said.reason), explanation: None, ..said })
}

fn stopped(stop: Stop, domain: &str) -> Outcome {
    match stop {
        Stop::Temporary(reason) => outcome(Verdict::TempError, domain, &reason),
        Stop::Permanent(reason) => outcome(Verdict::PermError, domain, &reason),
    }
}

fn outcome(verdict: Verdict, domain: &str, reason: &str) -> Outcome {
    Outcome { verdict, domain: domain.to_owned(), reason: reason.to_owned(), explanation: None }
}
