//! Addresses in command lines.
//!
//! Security stance: an address goes into a command line only if it cannot end its path: no unquoted blank, bracket or
//! control character, so no address can add a parameter or a command.

/// Whether an address can stand between `<` and `>`.
pub fn is_speakable(address: &str) -> bool {
    let mut quoted = false;
    let mut escaped = false;
    for byte in address.bytes() {
        match byte {
            _ if byte.is_ascii_control() => return false,
            _ if escaped => escaped = false,
            b'\\' if quoted => escaped = true,
            b'"' => quoted = !quoted,
            b' ' | b'<' | b'>' if !quoted => return false,
            _ => {}
        }
    }
    !quoted && !escaped
}
