//! What a sender may ask to be told, in the forms of SMTP (RFC 3461 section 4).

/// The longest name of a transaction, in bytes (RFC 3461 section 4.4).
const LONGEST_ENVID: usize = 100;
/// The longest name of an original recipient, in bytes (RFC 3461 section 4.2).
const LONGEST_ORCPT: usize = 500;

/// Whether a text can stand behind NOTIFY=, in capitals.
pub fn is_notify(words: &str) -> bool {
    words == "NEVER" || words.split(',').all(|word| matches!(word, "SUCCESS" | "FAILURE" | "DELAY"))
}

/// Whether a text can stand behind ORCPT=.
pub fn is_orcpt(text: &str) -> bool {
    let is_atom = |kind: &str| !kind.is_empty() && kind.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let is_address = |address: &str| !address.is_empty() && is_xtext(address);
    text.len() <= LONGEST_ORCPT && text.split_once(';').is_some_and(|(kind, address)| is_atom(kind) && is_address(address))
}

/// Whether a text can stand behind ENVID=.
pub fn is_envid(text: &str) -> bool {
    !text.is_empty() && text.len() <= LONGEST_ENVID && is_xtext(text)
}

/// Printable ASCII but `+` and `=`, which stand as `+HH` (RFC 3461 section 4).
fn is_xtext(text: &str) -> bool {
    let is_hex = |byte: &u8| byte.is_ascii_digit() || (b'A'..=b'F').contains(byte);
    let mut parts = text.split('+');
    let is_plain = |part: &str| part.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'=');
    let first = parts.next().unwrap_or_default();
    is_plain(first) && parts.all(|part| part.as_bytes().get(..2).is_some_and(|hex| hex.iter().all(is_hex)) && is_plain(part))
}
