//! What is asked of TLS on the way to a destination: a line of control/tlsdestinations, or words behind a route.
//!
//! A line is `domain:LEVEL`, behind it options with blanks between: `example.org:verify match=mx.example.net`. In
//! control/smtproutes the same stands as words of the route: `tls=verify tls-match=mx.example.net`.
//! How it fails: a sentence that says what to write; what is not known, or given twice, is an error.

use super::{domain_or_suffix, key_or_all};

/// Where systems keep the authorities that they trust; the first that is there counts.
pub const SYSTEM_LISTS: [&str; 4] =
    ["/etc/ssl/certs/ca-certificates.crt", "/etc/pki/tls/certs/ca-bundle.crt", "/etc/ssl/cert.pem", "/etc/ssl/ca-bundle.pem"];

/// How much TLS a destination must give.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Level {
    /// TLS where it is offered, and whatever the destination publishes about itself (DANE, MTA-STS).
    #[default]
    Auto,
    /// Never.
    None,
    /// TLS where it is offered, whatever the destination publishes.
    May,
    /// TLS, no matter with whom.
    Encrypt,
    /// TLS with a certificate for the right name from an authority that this host trusts.
    Verify,
    /// TLS with a certificate that fits TLSA records.
    Dane,
    /// TLS with a certificate, or a key, of one of these SHA-256 fingerprints.
    Fingerprint(Vec<[u8; 32]>),
}

/// A level and what belongs to it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct TlsTerms {
    /// How much is asked for.
    pub level: Level,
    /// Names in place of the destination's own, lower case; `.domain` is any name below it. For [`Level::Verify`] alone.
    pub names: Vec<String>,
    /// The directory below control/clientcerts of the certificate that we show.
    pub certificate: Option<String>,
}

impl TlsTerms {
    /// Reads the value of a line of tlsdestinations.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(text: &str) -> Result<TlsTerms, String> {
        let mut words = text.split_ascii_whitespace();
        let level = words.next().unwrap_or_default();
        let options = words.map(|word| word.split_once('=').unwrap_or((word, "")));
        TlsTerms::assemble(std::iter::once(("", level)).chain(options))
    }

    /// What the words of a route say; nothing where none of them speaks of it.
    ///
    /// # Errors
    /// As [`TlsTerms::parse`].
    pub fn of_route<'a>(words: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Option<TlsTerms>, String> {
        let about_tls = |(name, value): (&'a str, &'a str)| match name.strip_prefix("tls") {
            Some("") => Some(("", value)),
            Some("-start") | None => None,
            Some(option) => Some((option.strip_prefix('-')?, value)),
        };
        let mut words = words.filter_map(about_tls).peekable();
        if words.peek().is_none() { Ok(None) } else { TlsTerms::assemble(words).map(Some) }
    }

    fn assemble<'a>(words: impl Iterator<Item = (&'a str, &'a str)>) -> Result<TlsTerms, String> {
        let mut terms = TlsTerms::default();
        for (name, value) in words {
            match name {
                "" => terms.level = level(value)?,
                "match" => terms.names = value.split(',').map(name_to_match).collect::<Result<_, _>>()?,
                "certificate" => terms.certificate = Some(certificate(value)?),
                _ => return Err(format!("\"{name}\" is no option of TLS; write match=NAME or certificate=NAME")),
            }
        }
        if !terms.names.is_empty() && terms.level != Level::Verify {
            return Err("\"match\" belongs to verify alone; write verify, or leave it out".to_owned());
        }
        Ok(terms)
    }
}

/// Judges one line of tlsdestinations.
///
/// # Errors
/// As [`TlsTerms::parse`].
pub fn tls_destination(domain: &str, rest: &str) -> Result<(), String> {
    key_or_all(domain)?;
    TlsTerms::parse(rest).map(drop)
}

fn level(text: &str) -> Result<Level, String> {
    Ok(match text {
        "auto" => Level::Auto,
        "none" => Level::None,
        "may" => Level::May,
        "encrypt" => Level::Encrypt,
        "verify" => Level::Verify,
        "dane" => Level::Dane,
        _ => match text.strip_prefix("fingerprint=") {
            Some(list) => Level::Fingerprint(list.split(',').map(digest).collect::<Result<_, _>>()?),
            None => return Err(format!("\"{text}\" is not known; write auto, none, may, encrypt, verify, dane or fingerprint=sha256:HEX")),
        },
    })
}

/// The bytes of `sha256:` and 64 hexadecimal digits.
fn digest(text: &str) -> Result<[u8; 32], String> {
    super::fingerprint(text)?;
    let mut bytes = [0; 32];
    let digits = text.strip_prefix("sha256:").unwrap_or_default().as_bytes().chunks(2);
    for (byte, pair) in bytes.iter_mut().zip(digits) {
        let pair = std::str::from_utf8(pair).unwrap_or_default();
        *byte = u8::from_str_radix(pair, 16).map_err(|_| format!("\"{pair}\" is not hexadecimal; write digits and a to f"))?;
    }
    Ok(bytes)
}

fn name_to_match(text: &str) -> Result<String, String> {
    domain_or_suffix(text).map_err(|reason| format!("{reason}; write names with commas between, .domain for all below it"))?;
    Ok(text.to_ascii_lowercase())
}

fn certificate(text: &str) -> Result<String, String> {
    let fits = |symbol: char| symbol.is_ascii_alphanumeric() || matches!(symbol, '-' | '_' | '.');
    if text.is_empty() || text.len() > 64 || text.starts_with('.') || !text.chars().all(fits) {
        return Err(format!("\"{text}\" is not the name of a directory below clientcerts; write letters, digits, - and _"));
    }
    Ok(text.to_owned())
}

#[cfg(test)]
#[path = "tls_test.rs"]
mod tls_test;
