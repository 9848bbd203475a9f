//! Lines of badhelo: names that no client should give itself.

use super::{domain_or_suffix, network};

/// The lines that stand for a kind of name.
pub const OWN: &str = "=me";
/// Any address, in brackets or not.
pub const LITERAL: &str = "=literal";
/// A name without a dot.
pub const BARE: &str = "=bare";

/// Judges one line of badhelo: `name`, `.suffix`, `[address]`, `=me`, `=literal`, `=bare`, any of them behind a `!`.
///
/// # Errors
/// A sentence that says what to write.
pub fn bad_helo(line: &str) -> Result<(), String> {
    let name = line.strip_prefix('!').unwrap_or(line);
    match name.strip_prefix('[').and_then(|inner| inner.strip_suffix(']')) {
        _ if [OWN, LITERAL, BARE].contains(&name) => Ok(()),
        _ if name.starts_with('=') => Err(format!("\"{name}\" is not known; write {OWN}, {LITERAL} or {BARE}")),
        Some(address) => network::ip_address(address.strip_prefix("IPv6:").unwrap_or(address)).map(drop),
        None => domain_or_suffix(name).map_err(|reason| format!("{reason}; write name, .suffix, [address], {OWN}, {LITERAL} or {BARE}")),
    }
}
