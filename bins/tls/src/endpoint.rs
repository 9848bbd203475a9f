//! What binds a proof to our certificate: tls-server-end-point (RFC 5929 §4), which works under TLS 1.2 too.
//!
//! How it fails: a certificate whose signature has no hash of its own, or one that is not known here, binds nothing; RFC 5929
//! says nothing about Ed25519, for one.

use crate::der::{OBJECT, Reader, SEQUENCE};
use crate::handshake::hexadecimal;
use ring::digest::{Algorithm, SHA256, SHA384, SHA512, digest};

/// Signatures of RSA (RFC 8017, PKCS #1 v1.5) and ECDSA (RFC 5758): where their numbers begin.
const RSA: &[u8] = &[0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01];
const ECDSA: &[u8] = &[0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03];

/// The hash of a certificate by which a client binds its proof, in hexadecimal digits.
pub fn endpoint(certificate: &[u8]) -> Option<String> {
    Some(hexadecimal(digest(hash(certificate)?, certificate).as_ref()))
}

/// That of the signature; for MD5 and SHA-1 it is SHA-256.
fn hash(certificate: &[u8]) -> Option<&'static Algorithm> {
    let mut outer = Reader(Reader(certificate).take(SEQUENCE)?);
    outer.take(SEQUENCE)?;
    let signature = Reader(outer.take(SEQUENCE)?).take(OBJECT)?;
    match (signature.strip_prefix(RSA), signature.strip_prefix(ECDSA)) {
        (Some([4 | 5 | 11]), _) | (_, Some([2])) => Some(&SHA256),
        (Some([12]), _) | (_, Some([3])) => Some(&SHA384),
        (Some([13]), _) | (_, Some([4])) => Some(&SHA512),
        _ => None,
    }
}

#[cfg(test)]
#[path = "endpoint_test.rs"]
mod endpoint_test;
