//! The test vector of the paper (appendix A), and that parts do not run together.

use super::{Secret, hash, of};

#[test]
fn the_paper_agrees() {
    let bytes: Vec<u8> = (0..15).collect();
    assert_eq!(of(Secret(0x0706_0504_0302_0100, 0x0f0e_0d0c_0b0a_0908), &bytes), 0xa129_ca61_49be_45e5);
}

#[test]
fn parts_do_not_run_together() {
    let secret = Secret(1, 2);
    assert_ne!(hash(secret, &[b"ab", b"c"]), hash(secret, &[b"a", b"bc"]));
}
