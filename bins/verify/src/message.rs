//! A whole message judged: DKIM, ARC, DMARC, and what goes in front of it.
//!
//! Of a message that is larger than what may be lent only the header is read; its signatures count for nothing then.

use crate::dmarc::{self, Evidence, Judgement};
use crate::dns::Asker;
use crate::fields;
use crate::pool::{Budget, MOST_LENT};
use crate::results::{self, Findings};
use crate::signatures::{self, Authors, Verifier};
use crate::spf;
use stafett_message::header;
use std::fs::File;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::io;
use std::ops::Range;
use std::os::unix::fs::FileExt;

/// The longest header, in bytes. What is made of it takes many times its size.
const HEADER_MAX: usize = 1024 * 1024;
/// Fields of one header; each name in a signature is looked for in all of them.
const MOST_FIELDS: usize = 10_000;
/// Fields that sign, in one message: what fifty ARC sets have, and some more.
const MOST_SIGNING: usize = 200;
/// Forged results in one message, places apart from each other; with more it is refused.
const MOST_FORGED: usize = 500;

/// What was found.
#[derive(Debug)]
pub struct Judged {
    /// DMARC of each author, the strictest first; never empty.
    pub judgements: Vec<Judgement>,
    /// What must be cut out of the message, bytes from its begin.
    pub forged: Vec<Range<usize>>,
    /// The field to put in front, as lines.
    pub lines: Vec<String>,
}

/// Why a message was not judged.
#[derive(Debug)]
pub enum Trouble {
    /// It cannot be now.
    Temporary(String),
    /// It never can.
    Permanent(&'static str),
}

impl From<io::Error> for Trouble {
    fn from(error: io::Error) -> Trouble {
        Trouble::Temporary(format!("unable to read the message: {error}"))
    }
}

/// Whom a message is from, as the envelope says.
#[derive(Clone, Copy, Debug)]
pub struct Envelope<'a> {
    /// Our own name.
    pub ours: &'a str,
    /// The sender; empty for none.
    pub sender: &'a str,
    /// What SPF says of it.
    pub spf: &'a spf::Outcome,
}

/// Judges a message in a file.
///
/// # Errors
/// When it cannot be judged.
pub fn judge(file: &File, envelope: &Envelope<'_>, verifier: &Verifier, asker: &Asker, budget: &Budget) -> Result<Judged, Trouble> {
    let size = usize::try_from(file.metadata()?.len()).unwrap_or(usize::MAX);
    let wanted = if size > MOST_LENT { HEADER_MAX } else { size };
    let busy = || Trouble::Temporary("too many messages are being judged at once".to_owned());
    let _loan = budget.borrow(wanted, asker.deadline).ok_or_else(busy)?;
    let mut message = vec![0; wanted];
    file.read_exact_at(&mut message, 0)?;
    let header = check_header(&message)?;
    if wanted < size {
        message.truncate(header);
    }
    let mut authors = verifier.verify(&message, asker).unwrap_or_else(nobody);
    if wanted < size {
        authors.signatures.iter_mut().for_each(|signature| {
            (signature.verdict, signature.reason) = (signatures::Verdict::Policy, "the message is too large to verify");
        });
        authors.chain = None;
    }
    conclude(&message, envelope, &authors, asker)
}

/// The length of a header that can be judged.
fn check_header(message: &[u8]) -> Result<usize, Trouble> {
    let length = header::length(message.get(..HEADER_MAX).unwrap_or(message));
    if length >= HEADER_MAX {
        return Err(Trouble::Permanent("the header is too large"));
    }
    let signs = |name: &[u8]| {
        let arc = name.get(..4).is_some_and(|begin| begin.eq_ignore_ascii_case(b"ARC-"));
        arc || name.eq_ignore_ascii_case(b"DKIM-Signature")
    };
    let (mut all, mut signing) = (0, 0);
    for field in header::fields(message) {
        all += 1;
        signing += usize::from(signs(field.name));
    }
    if all > MOST_FIELDS || signing > MOST_SIGNING {
        return Err(Trouble::Permanent("the header has too many fields"));
    }
    Ok(length)
}

fn conclude(message: &[u8], envelope: &Envelope<'_>, authors: &Authors, asker: &Asker) -> Result<Judged, Trouble> {
    let forged = fields::forged(message, envelope.ours);
    if forged.len() > MOST_FORGED {
        return Err(Trouble::Permanent("the header has too many results in our name"));
    }
    let evidence = Evidence { authors: &authors.domains, signatures: &authors.signatures, spf: envelope.spf, draw: draw() };
    let judgements = dmarc::judge(&evidence, asker);
    let Envelope { ours, sender, spf } = *envelope;
    let lines = results::lines(&Findings { ours, sender, spf, authors, judgements: &judgements });
    Ok(Judged { judgements, forged, lines })
}

/// A message without a header.
fn nobody() -> Authors {
    Authors { domains: Vec::new(), signatures: Vec::new(), chain: None }
}

/// A number below 100 that nobody outside can foretell.
fn draw() -> u8 {
    u8::try_from(RandomState::new().build_hasher().finish() % 100).unwrap_or(0)
}
