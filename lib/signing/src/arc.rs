//! An ARC set: what we found out about a message of others, sealed for whom we forward it to (RFC 8617).
//!
//! Security stance: only results in our own name that stand in front of the message are sealed: those inside it are anybody's.
//! How the chain before us stands is what these results say of it, never what the message claims.
//!
//! Known limits: a message without such results is not sealed, nor one whose chain is marked as failed or has
//! fifty sets.

use crate::Signer;
use crate::content::Content;
use crate::dkim::{conclude, signed};
use crate::fields::Field;

/// Sets in a chain at most (RFC 8617 section 4.2.1).
const MOST_SETS: u32 = 50;

const RESULTS: &str = "ARC-Authentication-Results";
const SIGNATURE: &str = "ARC-Message-Signature";
const SEAL: &str = "ARC-Seal";

/// What a message signature covers: what DKIM does, and the signatures of others.
const SIGNED: &[(&str, bool)] = &[
    ("From", true),
    ("To", false),
    ("Cc", false),
    ("Subject", false),
    ("Reply-To", false),
    ("Sender", false),
    ("Date", false),
    ("Message-ID", false),
    ("In-Reply-To", false),
    ("References", false),
    ("MIME-Version", false),
    ("Content-Type", false),
    ("Content-Transfer-Encoding", false),
    ("List-Id", false),
    ("List-Unsubscribe", false),
    ("List-Unsubscribe-Post", false),
    ("DKIM-Signature", false),
];

/// How the chain before us stands, `cv=`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Chain {
    None,
    Pass,
    Fail,
}

/// The lines of a set for a message whose body was hashed; nothing where there is nothing to seal. `ours` is the name that
/// our results bear.
///
/// # Errors
/// When the key cannot sign.
pub fn seal(content: &Content, by: &Signer<'_>, ours: &str) -> Result<Vec<String>, String> {
    let Some(results) = results(content, ours) else { return Ok(Vec::new()) };
    let Some((number, chain)) = place(&content.fields, &results) else { return Ok(Vec::new()) };
    let told = told(number, &results);
    let begin = format!("{SIGNATURE}: i={number}; a={}; c=relaxed/relaxed;", by.key.algorithm().signs());
    let signature = signed(content, by, begin, SIGNED)?;
    let mut text = if chain == Chain::Fail { Vec::new() } else { sets(&content.fields, number) };
    text.extend(canonical(&told));
    text.extend(canonical(&signature));
    let seal = vec![
        format!("{SEAL}: i={number}; a={}; t={}; cv={};", by.key.algorithm().signs(), by.time, chain.word()),
        format!("\td={}; s={};", by.domain, by.selector),
    ];
    let seal = conclude(seal, &mut text, by)?;
    Ok([seal, signature, told].concat())
}

impl Chain {
    fn word(self) -> &'static str {
        match self {
            Chain::None => "none",
            Chain::Pass => "pass",
            Chain::Fail => "fail",
        }
    }
}

/// The lines of our results in front of the message, without the field's name.
fn results(content: &Content, ours: &str) -> Option<Vec<String>> {
    let front = content.fields.iter().take(content.front);
    front.filter(|field| field.is("Authentication-Results")).find_map(|field| {
        let text = String::from_utf8_lossy(&field.value).into_owned();
        let lines: Vec<String> = text.trim_end().split("\r\n").map(str::to_owned).collect();
        let name = lines.first()?.trim().split(';').next()?.trim();
        name.trim_matches('"').eq_ignore_ascii_case(ours).then_some(lines)
    })
}

/// Our number in the chain, and how it stands before us; nothing where no set may be added.
fn place(fields: &[Field], results: &[String]) -> Option<(u32, Chain)> {
    let numbers = |name: &str| -> Vec<Option<u32>> {
        fields.iter().filter(|field| field.is(name)).map(|field| field.tag("i").and_then(|number| number.parse().ok())).collect()
    };
    let all = [numbers(RESULTS), numbers(SIGNATURE), numbers(SEAL)];
    let last = all.iter().flatten().flatten().copied().max().unwrap_or(0);
    let is_marked = fields.iter().any(|field| field.is(SEAL) && field.tag("cv").as_deref() == Some("fail"));
    if last >= MOST_SETS || is_marked {
        return None;
    }
    // each result has a line of its own, and no word of a stranger stands at the begin of one
    let verdict = results.iter().find_map(|line| line.trim_start().strip_prefix("arc=")).map(|said| said.trim_end_matches(';'));
    let verdict = verdict.and_then(|said| said.split(' ').next());
    let is_empty = all.iter().all(Vec::is_empty);
    let chain = match verdict {
        Some("temperror") => return None,
        None | Some("none") if is_empty => Chain::None,
        Some("pass") if !is_empty => Chain::Pass,
        // without a verdict nobody has looked
        None => return None,
        Some(_) => Chain::Fail,
    };
    Some((last + 1, chain))
}

/// Our results as the first field of the set.
fn told(number: u32, results: &[String]) -> Vec<String> {
    let mut lines = results.iter();
    let first = lines.next().map_or("", |line| line.trim());
    std::iter::once(format!("{RESULTS}: i={number}; {first}")).chain(lines.cloned()).collect()
}

/// The sets before ours, in the order in which a seal covers them (RFC 8617 section 5.1.1).
fn sets(fields: &[Field], number: u32) -> Vec<u8> {
    let mut text = Vec::new();
    for before in 1..number {
        let wanted = before.to_string();
        for name in [RESULTS, SIGNATURE, SEAL] {
            let set = fields.iter().filter(|field| field.is(name) && field.tag("i").as_deref() == Some(&wanted));
            set.for_each(|field| text.extend(field.canonical()));
        }
    }
    text
}

fn canonical(lines: &[String]) -> Vec<u8> {
    let field = lines.join("\r\n");
    field.split_once(':').map_or_else(Vec::new, |(name, value)| crate::canonical::field(name.as_bytes(), value.as_bytes()))
}
