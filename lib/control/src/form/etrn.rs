//! What control/etrn says about a domain: which clients may have its mail tried (RFC 1985).
//!
//! How it fails: a sentence that says what to write; a line that names nobody is an error.

use super::domain_or_suffix;
use super::who::Who;

/// Reads whom a line names.
///
/// # Errors
/// A sentence that says what to write.
pub fn parse_askers(rest: &str) -> Result<Vec<Who>, String> {
    let askers: Vec<Who> = rest.split_ascii_whitespace().map(Who::parse).collect::<Result<_, _>>()?;
    if askers.is_empty() { Err(format!("\"{rest}\" names no clients; write domain:NETWORK")) } else { Ok(askers) }
}

/// Judges one line of etrn.
///
/// # Errors
/// As [`parse_askers`].
pub fn etrn(domain: &str, rest: &str) -> Result<(), String> {
    domain_or_suffix(domain)?;
    parse_askers(rest).map(drop)
}

#[cfg(test)]
mod tests {
    use super::etrn;

    #[test]
    fn a_line_names_a_domain_and_clients() {
        for good in ["192.0.2.1", "192.0.2.0/24 2001:db8::1", "authenticated", "class:primaries 192.0.2.7"] {
            assert_eq!(etrn("example.org", good), Ok(()), "{good}");
        }
        for (domain, bad) in
            [("example.org", ""), ("example.org", "everybody"), ("", "192.0.2.1"), ("example.org", "192.0.2.1/8"), ("a b", "192.0.2.1")]
        {
            assert!(etrn(domain, bad).is_err(), "{domain}:{bad}");
        }
    }
}
