//! Texts that a client will hear.
//!
//! Security stance: the text of a list comes from the DNS: it is cut, and what is not printable ASCII becomes `?`.

use std::net::IpAddr;

/// The longest text, in bytes, as with rblsmtpd.
pub const TEXT_MAX: usize = 200;

/// Cut and printable.
pub fn harmless(text: &[u8]) -> String {
    let printable = |byte: &u8| if *byte == b' ' || byte.is_ascii_graphic() { char::from(*byte) } else { '?' };
    text.iter().take(TEXT_MAX).map(printable).collect()
}

/// The admin's text with `%IP%` and `%DOMAIN%` filled in.
pub fn expanded(text: &str, ip: Option<IpAddr>, name: &str) -> String {
    let ip = ip.map_or_else(|| "unknown".to_owned(), |ip| ip.to_canonical().to_string());
    text.replace("%IP%", &ip).replace("%DOMAIN%", name)
}
