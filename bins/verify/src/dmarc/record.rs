//! A DMARC record as a value (RFC 9989 §4.7; RFC 7489 §6.3 for `pct`).

/// What a domain wants to be done with mail that fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Policy {
    /// Nothing.
    None,
    /// Suspect it.
    Quarantine,
    /// Refuse it.
    Reject,
}

impl Policy {
    /// Its word.
    pub fn word(self) -> &'static str {
        match self {
            Policy::None => "none",
            Policy::Quarantine => "quarantine",
            Policy::Reject => "reject",
        }
    }

    fn from_word(word: &str) -> Option<Policy> {
        [Policy::None, Policy::Quarantine, Policy::Reject].into_iter().find(|policy| word.eq_ignore_ascii_case(policy.word()))
    }

    /// The next weaker one.
    pub fn weaker(self) -> Policy {
        if self == Policy::Reject { Policy::Quarantine } else { Policy::None }
    }
}

/// Whether a domain is one below which others register (the tag psd).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Suffix {
    /// It is.
    Yes,
    /// It is not, and is the domain of an organization.
    No,
    /// Not said.
    Unknown,
}

/// A record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Record {
    /// For the domain itself.
    pub policy: Policy,
    /// For domains below it.
    pub subdomains: Option<Policy>,
    /// For domains below it that do not exist.
    pub nonexistent: Option<Policy>,
    /// Whether a signature must be of the very domain.
    pub strict_dkim: bool,
    /// Whether the envelope sender must be of the very domain.
    pub strict_spf: bool,
    /// What it says of itself.
    pub suffix: Suffix,
    /// Whether the policy is only being tried.
    pub testing: bool,
    /// What part of the failing mail the policy is for, of 100.
    pub percent: u8,
}

impl Record {
    /// Reads a record; nothing when the text is none. What is wrong or unknown in it is passed over (§4.7).
    pub fn parse(text: &[u8]) -> Option<Record> {
        let text = std::str::from_utf8(text).ok()?;
        let mut tags = text.split(';').filter_map(|tag| tag.split_once('=')).map(|(name, value)| (name.trim(), value.trim()));
        if tags.next() != Some(("v", "DMARC1")) {
            return None;
        }
        let mut record = Record {
            policy: Policy::None,
            subdomains: None,
            nonexistent: None,
            strict_dkim: false,
            strict_spf: false,
            suffix: Suffix::Unknown,
            testing: false,
            percent: 100,
        };
        tags.for_each(|(name, value)| record.take(&name.to_ascii_lowercase(), value));
        Some(record)
    }

    fn take(&mut self, name: &str, value: &str) {
        match name {
            "p" => self.policy = Policy::from_word(value).unwrap_or(Policy::None),
            "sp" => self.subdomains = Policy::from_word(value),
            "np" => self.nonexistent = Policy::from_word(value),
            "adkim" => self.strict_dkim = value.eq_ignore_ascii_case("s"),
            "aspf" => self.strict_spf = value.eq_ignore_ascii_case("s"),
            "psd" if value.eq_ignore_ascii_case("y") => self.suffix = Suffix::Yes,
            "psd" if value.eq_ignore_ascii_case("n") => self.suffix = Suffix::No,
            "t" => self.testing = value.eq_ignore_ascii_case("y"),
            "pct" => self.percent = value.parse().unwrap_or(100).min(100),
            _ => {}
        }
    }
}
