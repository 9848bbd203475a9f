//! What can be opened.

use super::{LIFE, Seal};
use std::time::{Duration, Instant};

#[test]
fn only_what_we_have_sealed_and_not_for_long() {
    let (seal, now) = (Seal::new().unwrap(), Instant::now());
    let sealed = seal.close(&[b"a", b""], now);
    assert_eq!(seal.open(&sealed, now), Some(vec![&b"a"[..], b""]));
    assert_eq!(seal.open(&sealed, now + LIFE + Duration::from_secs(2)), None);
    assert_eq!(Seal::new().unwrap().open(&sealed, now), None);
    for place in 0..sealed.len() {
        let mut forged = sealed.clone();
        forged[place] ^= 1;
        assert_eq!(seal.open(&forged, now), None);
    }
    assert_eq!(seal.open(b"", now), None);
}
