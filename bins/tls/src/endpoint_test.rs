//! The hash is that of the certificate's signature.

use super::endpoint;

/// `openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=a -sha384 -days 1 -outform DER`
const CERTIFICATE: &str = "\
    3082016b30820113a003020102021419df4a0736fb3ace77dc43ff5fa7073ce07ec0a6300a06082a8648ce3d040303300c310a300806035504030c01\
    61301e170d3236313132323037303135395a170d3236313132333037303135395a300c310a300806035504030c01613059301306072a8648ce3d0201\
    06082a8648ce3d03010703420004d1b93b8ec1673eb552d1bd9e49083131d79eada4446c512011fa6eec04ca0b72058fc4c229206a074ae770be2d1a\
    f38b475f8de3e2e7afc09ec4c5b4cd51c982a3533051301d0603551d0e04160414890699f9d57032a58689b41f737f8594f8c0e2e6301f0603551d23\
    041830168014890699f9d57032a58689b41f737f8594f8c0e2e6300f0603551d130101ff040530030101ff300a06082a8648ce3d0403030346003043\
    021f7618c2b61043267eca338c455e5291862049e14150db5d6f8f089347a0f36d02204adb66246ffd5df8d5cd142e66a824026148ab070e8c6258b4\
    5154045e6618f1";
/// What sha384sum says of it.
const HASH: &str = "cea26da0492a9d25be91ebafa3e2e56e3d4bd510aded3c6094a2a9b6342c351cbd9b9331c2465bc349a121523e31c5e3";

fn certificate() -> Vec<u8> {
    (0..CERTIFICATE.len()).step_by(2).map(|at| u8::from_str_radix(&CERTIFICATE[at..at + 2], 16).unwrap()).collect()
}

/// The certificate, signed by something else, for all that is looked at: the last number of this kind in it.
fn signed_by(number: &[u8]) -> Vec<u8> {
    let mut bytes = certificate();
    let old = [0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, 0x03];
    let at = bytes.windows(old.len()).rposition(|window| window == old).unwrap();
    bytes[at..at + number.len()].copy_from_slice(number);
    bytes
}

#[test]
fn the_hash_is_that_of_the_signature() {
    assert_eq!(endpoint(&certificate()).as_deref(), Some(HASH));
    let digits = |last| endpoint(&signed_by(&[0x06, 0x08, 0x2a, 0x86, 0x48, 0xce, 0x3d, 0x04, 0x03, last])).map(|text| text.len());
    assert_eq!([2, 3, 4].map(digits), [Some(64), Some(96), Some(128)]);
    assert_eq!([0, 1, 5].map(digits), [None, None, None]);
}

#[test]
fn what_is_cut_off_binds_nothing() {
    let certificate = certificate();
    for length in 0..certificate.len() {
        assert_eq!(endpoint(&certificate[..length]), None);
    }
    // Ed25519, 1.3.101.112
    assert_eq!(endpoint(&signed_by(&[0x06, 0x03, 0x2b, 0x65, 0x70])), None);
}
