//! PEM text (RFC 7468) with one private key.

use crate::base64;

/// The kind and bytes of the first block.
pub(crate) fn decode(text: &str) -> Option<(&str, Vec<u8>)> {
    let (_, rest) = text.split_once("-----BEGIN ")?;
    let (kind, rest) = rest.split_once("-----")?;
    let (body, _) = rest.split_once("-----END ")?;
    Some((kind, base64::decode(body)?))
}

/// The text of one block.
#[must_use]
pub fn encode(kind: &str, bytes: &[u8]) -> String {
    let body = base64::encode(bytes);
    let lines: Vec<&str> = (0..body.len()).step_by(64).filter_map(|from| body.get(from..body.len().min(from + 64))).collect();
    format!("-----BEGIN {kind}-----\n{}\n-----END {kind}-----\n", lines.join("\n"))
}
