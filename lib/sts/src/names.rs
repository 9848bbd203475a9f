//! Names of hosts, and the patterns of a policy that stand for them.

/// Whether text is the name of a host in the form of the DNS: letters, digits, hyphens and underscores in labels of 63 bytes
/// at most, 253 bytes in all, and a dot within.
pub fn is_name(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    let label = |part: &str| (1..=63).contains(&part.len()) && part.bytes().all(is_plain);
    text.len() <= 253 && text.contains('.') && text.split('.').all(label)
}

/// Whether text can be a pattern: a name, or `*.` and a name (RFC 8461 §3.2, mx).
pub fn is_pattern(text: &str) -> bool {
    is_name(text.strip_prefix("*.").unwrap_or(text))
}

/// Whether a pattern stands for a host: `*` is the first label, whole and alone (RFC 8461 §4.1, RFC 6125 §6.4).
pub fn matches(pattern: &str, host: &str) -> bool {
    let host = host.strip_suffix('.').unwrap_or(host);
    match pattern.strip_prefix("*.") {
        Some(parent) => host.split_once('.').is_some_and(|(first, rest)| !first.is_empty() && rest.eq_ignore_ascii_case(parent)),
        None => host.eq_ignore_ascii_case(pattern),
    }
}

/// A domain as it is asked for and kept: lower case, without the last dot. Nothing where it is no name, such as an address
/// in brackets.
pub fn canonical(domain: &str) -> Option<String> {
    let domain = domain.strip_suffix('.').unwrap_or(domain).to_ascii_lowercase();
    is_name(&domain).then_some(domain)
}
