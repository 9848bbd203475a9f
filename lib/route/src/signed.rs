//! Which mail control/dkimsign is about, as far as those know who ask for signatures and hold no key.
//!
//! What it does: judges the From field by the first pattern that fits, as stafett-dkim does, so that mail which nothing would be
//! signed of need not be asked about, nor wait for it.
//! How it fails: a message whose From field is not there just once is one to ask about.

use crate::DomainPattern;
use stafett_address::authors;
use stafett_control::form::dkim::{Signature, parse_signature};
use stafett_control::{Control, Error, rows};

/// The lines of control/dkimsign without their keys.
#[derive(Clone, Debug, Default)]
pub struct Signed {
    lines: Vec<(DomainPattern, bool)>,
}

impl Signed {
    /// Reads the file.
    ///
    /// # Errors
    /// When a line does not parse.
    pub fn read(control: &Control) -> Result<Signed, Error> {
        let row = &rows::DKIMSIGN;
        let mut lines = Vec::new();
        for item in control.map(row)?.unwrap_or_default() {
            let (pattern, rest) = &item.value;
            let fault = |reason: String| Error { file: format!("control/{}", row.name), line: item.line, reason };
            let pattern = DomainPattern::parse(pattern).map_err(|reason| fault(format!("unable to use \"{pattern}\": {reason}")))?;
            lines.push((pattern, parse_signature(rest).map_err(fault)? != Signature::None));
        }
        Ok(Signed { lines })
    }

    /// Whether there is no line.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.lines.is_empty()
    }

    /// Whether mail with an author in this domain is signed.
    #[must_use]
    pub fn names(&self, domain: &str) -> bool {
        self.lines.iter().find(|(pattern, _)| pattern.fits(domain)).is_some_and(|(_, signs)| *signs)
    }

    /// Whether stafett-dkim has a say about a message with these From fields: a signature, or that it can have none.
    pub fn concerns<'a>(&self, mut from: impl Iterator<Item = &'a [u8]>) -> bool {
        match (from.next(), from.next()) {
            (None, _) => false,
            (Some(value), None) => authors::domains(value).iter().any(|domain| self.names(domain)),
            (Some(_), Some(_)) => !self.is_empty(),
        }
    }
}

#[cfg(test)]
#[path = "signed_test.rs"]
mod signed_test;
