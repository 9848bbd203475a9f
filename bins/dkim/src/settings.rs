//! What the control files say.
//!
//! How it fails: with file and line; whoever reads them keeps the last good copy.

use stafett_control::form::dkim::{Signature, parse_seal, parse_signature};
use stafett_control::{Control, Error, Setting, rows};
use stafett_route::DomainPattern;
use stafett_srs::Rewriter;

/// How long a rewritten sender may be used, in days.
const MAX_AGE: u64 = 21;

/// The control files, typed.
pub struct Settings {
    /// Our own name, under which results are sealed.
    pub me: String,
    signatures: Vec<(DomainPattern, Signature)>,
    seals: Vec<(DomainPattern, (String, String))>,
    /// The rewriter of senders, where there is a domain for it and a secret.
    pub rewriter: Option<Rewriter>,
    /// The domain of rewritten senders.
    pub srs_domain: Option<String>,
}

impl Settings {
    /// Reads all of them.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let srs_domain = control.line(&rows::SRSDOMAIN)?;
        let rewriter = match &srs_domain {
            Some(domain) => rewriter(control, domain)?,
            None => None,
        };
        Ok(Settings {
            me: control.required(&rows::ME)?.to_ascii_lowercase(),
            signatures: patterns(control, &rows::DKIMSIGN, parse_signature)?,
            seals: patterns(control, &rows::ARCSEAL, parse_seal)?,
            rewriter,
            srs_domain,
        })
    }

    /// Which keys sign for an author's domain: domain and selector of each.
    pub fn keys_for(&self, author: &str) -> Vec<(String, String)> {
        match self.signatures.iter().find(|(pattern, _)| pattern.fits(author)) {
            Some((_, Signature::By { domain, selectors })) => {
                let domain = domain.as_deref().unwrap_or(author);
                selectors.iter().map(|selector| (domain.to_owned(), selector.clone())).collect()
            }
            Some((_, Signature::None)) | None => Vec::new(),
        }
    }

    /// Which key seals mail for a recipient's domain: domain and selector.
    pub fn seal_for(&self, recipient: &str) -> Option<&(String, String)> {
        self.seals.iter().find(|(pattern, _)| pattern.fits(recipient)).map(|(_, key)| key)
    }

    /// Every key that is named, but those for the author's own domain.
    pub fn named_keys(&self) -> impl Iterator<Item = (&str, &str)> {
        let signing = self.signatures.iter().filter_map(|(_, signature)| match signature {
            Signature::By { domain: Some(domain), selectors } => Some((domain.as_str(), selectors)),
            Signature::By { domain: None, .. } | Signature::None => None,
        });
        let signing = signing.flat_map(|(domain, selectors)| selectors.iter().map(move |selector| (domain, selector.as_str())));
        signing.chain(self.seals.iter().map(|(_, (domain, selector))| (domain.as_str(), selector.as_str())))
    }
}

fn rewriter(control: &Control, domain: &str) -> Result<Option<Rewriter>, Error> {
    let secrets: Vec<String> = control.list(&rows::SRSSECRETS)?.unwrap_or_default().into_iter().map(|item| item.value).collect();
    Ok(Rewriter::new(domain, &secrets, control.integer(&rows::SRSMAXAGE)?.unwrap_or(MAX_AGE)))
}

/// The lines of a map from patterns.
fn patterns<T>(
    control: &Control,
    row: &'static Setting,
    parse: impl Fn(&str) -> Result<T, String>,
) -> Result<Vec<(DomainPattern, T)>, Error> {
    let mut lines = Vec::new();
    for item in control.map(row)?.unwrap_or_default() {
        let fault = |reason: String| Error { file: format!("control/{}", row.name), line: item.line, reason };
        let (pattern, rest) = &item.value;
        let pattern = DomainPattern::parse(pattern).map_err(|error| fault(format!("\"{pattern}\" is no pattern of domains: {error}")))?;
        lines.push((pattern, parse(rest).map_err(fault)?));
    }
    Ok(lines)
}
