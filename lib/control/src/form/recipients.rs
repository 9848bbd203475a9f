//! Lines of badrcptto and validrcptto: `user@domain`, `@domain`, each also with `!` or `-` in front for "not this one". An
//! address whose local part begins with a sign stands in quotes.
//!
//! How it fails: a sentence that says what to write.

use super::address_or_domain;

/// Judges one line.
///
/// # Errors
/// A sentence that says what to write.
pub fn recipient(line: &str) -> Result<(), String> {
    address_or_domain(line.strip_prefix(['!', '-']).unwrap_or(line))
}
