//! Names of a certificate that openssl made, and of bytes that are none.

use super::names;

/// `openssl req -x509 -newkey ed25519 -nodes -subj "/O=Example/CN=Größe 7" -utf8 -days 1 -outform DER`
const CERTIFICATE: &str = "\
    3082016130820113a00302010202140ec7cb00c467b1187b6413a223f4169ed820ce3b300506032b657030263110300e060355040a0c074578616d70\
    6c653112301006035504030c094772c3b6c39f652037301e170d3236313132323036323635315a170d3236313132333036323635315a30263110300e\
    060355040a0c074578616d706c653112301006035504030c094772c3b6c39f652037302a300506032b65700321009c406ba1c753fef2b06099529751\
    eb51958b1e11802aa282c159ca01d0935dd9a3533051301d0603551d0e041604143328a06b18c2dae672c0fa19672c1d29e1c24c51301f0603551d23\
    0418301680143328a06b18c2dae672c0fa19672c1d29e1c24c51300f0603551d130101ff040530030101ff300506032b65700341004245530bb07992\
    d7e057668eb354a0e7f08954a1d5ce7eeef7d58a1bc3acc311fd95f1f83b59b110acc93c3fbd9497d7d18a7554fb73ae6bda390bfebc8c7d04";

fn certificate() -> Vec<u8> {
    (0..CERTIFICATE.len()).step_by(2).map(|at| u8::from_str_radix(&CERTIFICATE[at..at + 2], 16).unwrap()).collect()
}

#[test]
fn the_common_names_are_found() {
    assert_eq!(names(&certificate()), (Some("Größe 7".to_owned()), Some("Größe 7".to_owned())));
}

#[test]
fn what_is_cut_off_or_changed_has_other_names_or_none() {
    let certificate = certificate();
    for length in 0..certificate.len() {
        assert_eq!(names(&certificate[..length]), (None, None));
    }
    for place in 0..certificate.len() {
        for value in [0, 0x7f, 0x80, 0x82, 0xff] {
            let mut changed = certificate.clone();
            changed[place] = value;
            // only that it ends
            let _ = names(&changed);
        }
    }
}
