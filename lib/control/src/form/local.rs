//! Lines of the files about local delivery: aliases, breakchar, defaultdelivery, virtualdomains.
//!
//! How it fails: a sentence that says what to write.

use super::{address_or_domain, domain_or_suffix};

/// The characters that may begin an extension.
const BREAKS: &[char] = &['-', '+', '=', '_', '#', '.'];

/// The line of breakchar.
pub fn break_characters(line: &str) -> Result<(), String> {
    let fits = !line.is_empty() && line.contains(['-', '+', '=', '_', '.']) && line.chars().all(|c| BREAKS.contains(&c));
    if fits { Ok(()) } else { Err(format!("\"{line}\" does not begin extensions; write -, + or both without a blank between")) }
}

/// One line of defaultdelivery: what may stand in a dot-qmail file.
pub fn delivery(line: &str) -> Result<(), String> {
    match line.chars().next() {
        Some('.' | '/' | '|' | '&') => Ok(()),
        _ => Err(format!("\"{line}\" is no delivery; write ./Maildir/, ./Mailbox, |program or &address")),
    }
}

/// One line of aliases.
pub fn alias_file(line: &str) -> Result<(), String> {
    if line.starts_with('/') && !line.ends_with('/') && !line.ends_with(".cdb") {
        return Ok(());
    }
    Err(format!("\"{line}\" is no file of aliases; write the path of its text, which begins with /, such as /etc/aliases"))
}

/// One line of virtualdomains: `domain:prepend`, `user@domain:prepend`, `.domain:prepend`, `:prepend`.
pub fn virtual_domain(key: &str, prepend: &str) -> Result<(), String> {
    match key {
        "" => {}
        _ if key.contains('@') => address_or_domain(key)?,
        _ => domain_or_suffix(key)?,
    }
    if prepend.contains(['@', ':', ' ']) {
        return Err(format!("\"{prepend}\" cannot stand before a local part; write the name of a user, such as alias-lists"));
    }
    Ok(())
}
