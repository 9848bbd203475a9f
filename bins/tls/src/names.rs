//! The common names in a certificate: whose it says it is, and who signed it.
//!
//! Security stance: whoever holds the key chose both names, as no chain is judged here; they are for logs and mail filters, and
//! grant nothing. Bytes of a stranger: lengths are checked, and what does not fit is no name.
//!
//! How it fails: with no name. Known limits: BMPString and UniversalString, which nobody uses any more, are not read.

use crate::der::{INTEGER, OBJECT, Reader, SEQUENCE, SET, VERSION};

/// UTF8String, PrintableString, TeletexString and IA5String.
const TEXTS: [u8; 4] = [0x0c, 0x13, 0x14, 0x16];
/// id-at-commonName, 2.5.4.3 (RFC 5280, appendix A.1).
const COMMON_NAME: [u8; 3] = [0x55, 0x04, 0x03];
/// Of a name, in characters (RFC 5280 allows 64).
const LONGEST: usize = 128;

/// The common names of subject and issuer, where there are any (RFC 5280 §4.1).
pub fn names(certificate: &[u8]) -> (Option<String>, Option<String>) {
    let Some((issuer, subject)) = parts(certificate) else { return (None, None) };
    (common(subject), common(issuer))
}

fn parts(certificate: &[u8]) -> Option<(&[u8], &[u8])> {
    let mut outer = Reader(certificate);
    let mut signed = Reader(Reader(outer.take(SEQUENCE)?).take(SEQUENCE)?);
    // a certificate of version 1 has no such field
    let _version = signed.take(VERSION);
    signed.take(INTEGER)?;
    signed.take(SEQUENCE)?;
    let issuer = signed.take(SEQUENCE)?;
    signed.take(SEQUENCE)?;
    Some((issuer, signed.take(SEQUENCE)?))
}

/// The last one, which is the most specific.
fn common(name: &[u8]) -> Option<String> {
    let (mut sets, mut found) = (Reader(name), None);
    while let Some(set) = sets.take(SET) {
        let mut pair = Reader(Reader(set).take(SEQUENCE)?);
        if pair.take(OBJECT)? == COMMON_NAME
            && let Some(text) = TEXTS.into_iter().find_map(|kind| pair.take(kind))
        {
            found = Some(String::from_utf8_lossy(text).chars().filter(|symbol| !symbol.is_control()).take(LONGEST).collect());
        }
    }
    found
}

#[cfg(test)]
#[path = "names_test.rs"]
mod names_test;
