//! Lines of control/taps: `[AFT]:pattern:address`. stafett-queued judges the pattern.
//!
//! How it fails: a sentence that says what to write.

use super::address_or_domain;

/// The longest address that the queue takes, in bytes (qmail-queue(8)).
const LONGEST: usize = 1003;

/// The letter, the pattern and the address; the pattern may hold colons.
///
/// # Errors
/// A sentence that begins with the wrong part in quotes.
pub fn split(line: &str) -> Result<(char, &str, &str), String> {
    let wrong = || format!("\"{line}\" is no copy; write F:pattern:address, T:pattern:address or A:pattern:address");
    let (letter, rest) = line.split_once(':').ok_or_else(wrong)?;
    let letter = match letter {
        "A" => 'A',
        "F" => 'F',
        "T" => 'T',
        _ => return Err(format!("\"{letter}\" is none of A (all), F (from) and T (to)")),
    };
    let (pattern, address) = rest.rsplit_once(':').ok_or_else(wrong)?;
    let whole = address.len() <= LONGEST
        && !address.starts_with('@')
        && !address.contains(|symbol: char| symbol.is_whitespace() || symbol.is_control());
    if !whole || address_or_domain(address).is_err() {
        return Err(format!("\"{address}\" is not an address; write user@domain"));
    }
    Ok((letter, pattern, address))
}

/// Judges one line, all but its pattern.
///
/// # Errors
/// As [`split`].
pub fn tap(line: &str) -> Result<(), String> {
    split(line).map(drop)
}
