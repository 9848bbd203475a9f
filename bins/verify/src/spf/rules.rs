//! Terms and texts that the admin writes instead of a domain.

use super::macros::Template;
pub use super::record::Record;

/// Reads terms, with or without the version before them.
///
/// # Errors
/// What is wrong with them.
pub fn parse(text: &str) -> Result<Record, String> {
    let read = if Record::is_one(text.as_bytes()) { Record::parse(text.as_bytes()) } else { Record::of_terms(text) };
    read.map_err(|flaw| flaw.0)
}

/// Whether a text can be an explanation.
///
/// # Errors
/// What is wrong with it.
pub fn check_explanation(text: &str) -> Result<(), String> {
    Template::parse(text, true).map(|_| ()).map_err(ToOwned::to_owned)
}
