//! The lines of dkimsign, arcseal, srsforward, srskeep and srssecrets.

use super::host;

/// The shortest secret, in characters.
const SHORTEST: usize = 16;

/// What a line of dkimsign says of the mail that fits its pattern.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signature {
    /// It is not signed.
    None,
    /// It is signed.
    By {
        /// For this domain; none means the author's own.
        domain: Option<String>,
        /// By these keys.
        selectors: Vec<String>,
    },
}

/// `domain`, `.domain`, `*domain` or `*`.
pub fn domain_pattern(text: &str) -> Result<(), String> {
    let name = text.strip_prefix('*').unwrap_or(text);
    let name = name.strip_prefix('.').unwrap_or(name);
    match name {
        "" if text == "*" => Ok(()),
        _ => host(name).map_err(|_| format!("\"{text}\" is no pattern of domains; write domain, .domain, *domain or *")),
    }
}

/// One line of dkimsign: `pattern:domain:selectors` or `pattern:-`.
pub fn signature(pattern: &str, rest: &str) -> Result<(), String> {
    domain_pattern(pattern)?;
    parse_signature(rest).map(drop)
}

/// What stands behind the pattern in a line of dkimsign.
///
/// # Errors
/// What is wrong with it.
pub fn parse_signature(rest: &str) -> Result<Signature, String> {
    if rest == "-" {
        return Ok(Signature::None);
    }
    let (domain, selectors) = rest.split_once(':').ok_or_else(|| format!("\"{rest}\" names no selector; write pattern:domain:selector"))?;
    if !domain.is_empty() {
        ascii_host(domain)?;
    }
    let selectors: Vec<String> = selectors.split(',').map(|one| one.trim().to_owned()).collect();
    selectors.iter().try_for_each(|selector| self::selector(selector))?;
    Ok(Signature::By { domain: Some(domain.to_lowercase()).filter(|domain| !domain.is_empty()), selectors })
}

/// One line of arcseal: `pattern:domain:selector`.
pub fn seal(pattern: &str, rest: &str) -> Result<(), String> {
    domain_pattern(pattern)?;
    parse_seal(rest).map(drop)
}

/// Domain and selector of a line of arcseal.
///
/// # Errors
/// What is wrong with them.
pub fn parse_seal(rest: &str) -> Result<(String, String), String> {
    match rest.split_once(':') {
        Some((domain, selector)) => {
            ascii_host(domain)?;
            self::selector(selector)?;
            Ok((domain.to_lowercase(), selector.to_owned()))
        }
        None => Err(format!("\"{rest}\" names no selector; write pattern:domain:selector")),
    }
}

/// One line of srssecrets.
pub fn secret(text: &str) -> Result<(), String> {
    // what is wrong is not shown: it may be nearly the secret
    if text.chars().count() >= SHORTEST { Ok(()) } else { Err("the secret is too short; write 16 characters or more".to_owned()) }
}

fn selector(text: &str) -> Result<(), String> {
    ascii_host(text).map_err(|_| format!("\"{text}\" is no selector; write letters, digits and hyphens"))
}

/// It becomes the name of a directory or file, and stands in a signature.
fn ascii_host(text: &str) -> Result<(), String> {
    match text.is_ascii() {
        true => host(text),
        false => Err(format!("\"{text}\" is not written in ASCII; write the A-label (xn--...)")),
    }
}
