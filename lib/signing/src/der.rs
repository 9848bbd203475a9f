//! The little DER (X.690) that a public key needs around it.

/// The algorithm identifier of RSA: the object identifier 1.2.840.113549.1.1.1, and no parameters.
const RSA: &[u8] = &[0x30, 0x0d, 0x06, 0x09, 0x2a, 0x86, 0x48, 0x86, 0xf7, 0x0d, 0x01, 0x01, 0x01, 0x05, 0x00];
/// What stands before the 32 bytes of a private Ed25519 key in its PKCS #8 form (RFC 8410 section 7).
const ED25519: &[u8] = &[0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// The SubjectPublicKeyInfo of an RSAPublicKey: what DKIM publishes (RFC 6376 section 3.6.1, with its erratum 3017).
pub(crate) fn rsa_public(key: &[u8]) -> Vec<u8> {
    let bits = [&[0][..], key].concat();
    wrapped(0x30, &[RSA, &wrapped(0x03, &bits)].concat())
}

/// The PKCS #8 form of a private Ed25519 key.
pub(crate) fn ed25519_private(seed: &[u8; 32]) -> Vec<u8> {
    [ED25519, seed].concat()
}

fn wrapped(tag: u8, content: &[u8]) -> Vec<u8> {
    let length = content.len().to_be_bytes();
    let bytes: Vec<u8> = length.iter().copied().skip_while(|byte| *byte == 0).collect();
    let mut out = vec![tag];
    if content.len() >= 128 {
        out.push(0x80 | u8::try_from(bytes.len()).unwrap_or(0));
    }
    out.extend_from_slice(&bytes);
    out.extend_from_slice(content);
    out
}
