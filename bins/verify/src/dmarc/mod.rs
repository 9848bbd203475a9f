//! DMARC (RFC 9989, before that RFC 7489): does anything that is authenticated belong to whom the From field names?
//!
//! What it does: [`judge`] looks for the policy of each author's domain and for a DKIM signature or envelope sender that is
//! aligned with it.
//!
//! Security stance: a message with authors of several domains is judged for each, and the strictest outcome counts, for no
//! reader shows all of them. With more than [`MOST_AUTHORS`] it fails.
//!
//! How it fails: with a verdict; where nobody could tell, and nothing aligned passed, it is a temporary error.
//!
//! Known limits: `pct` is heeded although RFC 9989 has dropped it, because records with it are still about; reports are
//! not sent.

mod record;
#[cfg(test)]
mod tests;
mod walk;

use crate::names::{Family, Names, Trouble};
use crate::signatures;
use crate::spf;
pub use record::Policy;
use record::Record;
use std::collections::HashMap;
use walk::Walk;

/// Domains of authors that are looked at.
const MOST_AUTHORS: usize = 4;

/// What came of a domain, the milder first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// It has no policy.
    None,
    /// Something aligned passed.
    Pass,
    /// There is no author whose domain could be asked.
    PermError,
    /// Nothing aligned passed.
    Fail,
    /// Nobody could tell.
    TempError,
}

impl Verdict {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Verdict::None => "none",
            Verdict::Pass => "pass",
            Verdict::PermError => "permerror",
            Verdict::TempError => "temperror",
            Verdict::Fail => "fail",
        }
    }
}

/// What came of an author's domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The verdict.
    pub verdict: Verdict,
    /// What the domain publishes for such mail.
    pub policy: Policy,
    /// What is left of that when only a part of the mail is meant, or the policy is being tried.
    pub wanted: Policy,
    /// The author's domain.
    pub domain: String,
    /// Where the policy stands; empty for none.
    pub source: String,
}

/// What is known of a message.
#[derive(Clone, Copy, Debug)]
pub struct Evidence<'a> {
    /// The domains of the authors.
    pub authors: &'a [String],
    /// DKIM.
    pub signatures: &'a [signatures::Signature],
    /// SPF.
    pub spf: &'a spf::Outcome,
    /// Of which hundredth part of the mail this message is, 0 to 99; for `pct`.
    pub draw: u8,
}

/// Judges each author's domain, the strictest outcome first.
pub fn judge(evidence: &Evidence<'_>, names: &dyn Names) -> Vec<Judgement> {
    let mut organizations = Organizations { names, known: HashMap::new() };
    let mut all: Vec<Judgement> =
        evidence.authors.iter().take(MOST_AUTHORS).map(|domain| one(domain, evidence, &mut organizations)).collect();
    if evidence.authors.is_empty() {
        all.push(judgement(Verdict::PermError, ""));
    }
    if let Some(more) = evidence.authors.get(MOST_AUTHORS) {
        all.push(Judgement { wanted: Policy::Reject, policy: Policy::Reject, ..judgement(Verdict::Fail, more) });
    }
    all.sort_by_key(|judgement| std::cmp::Reverse((judgement.wanted, judgement.verdict)));
    all
}

fn one(domain: &str, evidence: &Evidence<'_>, organizations: &mut Organizations<'_>) -> Judgement {
    let walk = match Walk::from(domain, organizations.names) {
        Ok(walk) => walk,
        Err(_) => return judgement(Verdict::TempError, domain),
    };
    let Some((source, record)) = walk.policy() else { return judgement(Verdict::None, domain) };
    let organization = walk.organization().to_owned();
    organizations.known.insert(domain.to_owned(), organization);
    match aligned(domain, &record, evidence, organizations) {
        Ok(true) => {
            let policy = if domain == source { record.policy } else { below(&record) };
            Judgement { policy, source: source.to_owned(), ..judgement(Verdict::Pass, domain) }
        }
        Err(_) => judgement(Verdict::TempError, domain),
        Ok(false) => match published(domain, source, &record, organizations.names) {
            Err(_) => judgement(Verdict::TempError, domain),
            Ok(policy) => {
                let wanted = in_force(policy, &record, evidence.draw);
                Judgement { verdict: Verdict::Fail, policy, wanted, domain: domain.to_owned(), source: source.to_owned() }
            }
        },
    }
}

/// Whether something aligned passed; trouble where something aligned might have.
fn aligned(domain: &str, record: &Record, evidence: &Evidence<'_>, organizations: &mut Organizations<'_>) -> Result<bool, Trouble> {
    let mut trouble = None;
    let spf = [(evidence.spf.domain.as_str(), record.strict_spf, passes(evidence.spf.verdict))];
    let dkim = evidence.signatures.iter().map(|signature| (signature.domain.as_str(), record.strict_dkim, holds(signature.verdict)));
    for (other, strict, passed) in spf.into_iter().chain(dkim) {
        if passed == Some(false) {
            continue;
        }
        match organizations.are_aligned(domain, other, strict) {
            Ok(true) if passed == Some(true) => return Ok(true),
            Ok(true) => trouble = Some(Trouble("not known yet".to_owned())),
            Ok(false) => {}
            Err(error) => trouble = Some(error),
        }
    }
    trouble.map_or(Ok(false), Err)
}

/// Yes, no, or nobody could tell.
fn passes(verdict: spf::Verdict) -> Option<bool> {
    match verdict {
        spf::Verdict::TempError => None,
        verdict => Some(verdict == spf::Verdict::Pass),
    }
}

fn holds(verdict: signatures::Verdict) -> Option<bool> {
    match verdict {
        signatures::Verdict::TempError => None,
        verdict => Some(verdict == signatures::Verdict::Pass),
    }
}

/// The policy for a domain, of a record that may stand above it.
fn published(domain: &str, source: &str, record: &Record, names: &dyn Names) -> Result<Policy, Trouble> {
    if domain == source {
        return Ok(record.policy);
    }
    let below = below(record);
    match record.nonexistent {
        Some(policy) if policy != below && !exists(domain, names)? => Ok(policy),
        _ => Ok(below),
    }
}

/// The policy for domains below.
fn below(record: &Record) -> Policy {
    record.subdomains.unwrap_or(record.policy)
}

/// Whether a domain has anything that mail needs (RFC 9989 §3.2.13).
fn exists(domain: &str, names: &dyn Names) -> Result<bool, Trouble> {
    Ok(!names.exchanges(domain)?.is_empty()
        || !names.addresses(domain, Family::Four)?.is_empty()
        || !names.addresses(domain, Family::Six)?.is_empty())
}

/// What a policy means that is being tried, or is for a part of the mail.
fn in_force(policy: Policy, record: &Record, draw: u8) -> Policy {
    if record.testing || draw >= record.percent { policy.weaker() } else { policy }
}

fn judgement(verdict: Verdict, domain: &str) -> Judgement {
    Judgement { verdict, policy: Policy::None, wanted: Policy::None, domain: domain.to_owned(), source: String::new() }
}

/// Which organization a domain belongs to, each asked for once.
struct Organizations<'a> {
    names: &'a dyn Names,
    known: HashMap<String, String>,
}

impl Organizations<'_> {
    /// Whether two domains are aligned (§4.4).
    fn are_aligned(&mut self, author: &str, other: &str, strict: bool) -> Result<bool, Trouble> {
        if author == other {
            return Ok(true);
        }
        // names with different tops have nothing in common, which needs no look-up
        let top = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
        if strict || other.is_empty() || top(author) != top(other) {
            return Ok(false);
        }
        Ok(self.of(author)? == self.of(other)?)
    }

    fn of(&mut self, domain: &str) -> Result<String, Trouble> {
        if let Some(known) = self.known.get(domain) {
            return Ok(known.clone());
        }
        let organization = Walk::from(domain, self.names)?.organization().to_owned();
        self.known.insert(domain.to_owned(), organization.clone());
        Ok(organization)
    }
}
