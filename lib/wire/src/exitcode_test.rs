//! Every published exit code means what qmail-queue(8) says.

use super::*;

#[test]
fn codes_have_their_meaning() {
    assert_eq!(decode(0, b"", "17"), Answer::Accepted("17".into()));
    for code in [11, 12, 31, 40] {
        assert!(matches!(decode(code, b"", ""), Answer::Permanent(text) if text.starts_with("55")), "{code}");
    }
    for code in [1, 10, 41, 51, 52, 53, 54, 55, 56, 61, 62, 63, 64, 65, 66, 71, 72, 73, 74, 81, 82, 91, 100, 111, 120, 255, -1] {
        assert!(matches!(decode(code, b"", ""), Answer::Temporary(text) if text.starts_with("45")), "{code}");
    }
}

#[test]
fn custom_text_is_taken_with_care() {
    let custom = |text: &[u8]| decode(CUSTOM, text, "");
    assert_eq!(custom(b"Dno virus please"), Answer::Permanent("554 5.3.0 no virus please".into()));
    assert_eq!(custom(b"Zcome back\r\n250 ok"), Answer::Temporary("451 4.3.0 come back??250 ok".into()));
    assert_eq!(custom(b"D550 5.7.1 spam"), Answer::Permanent("550 5.7.1 spam".into()));
    assert_eq!(custom(b"D450 4.7.1 spam"), Answer::Permanent("554 5.3.0 450 4.7.1 spam".into()));
    for odd in [&b""[..], b"D", b"Dx", b"Kfine with me"] {
        assert!(matches!(custom(odd), Answer::Temporary(_)), "{odd:?}");
    }
    assert!(matches!(custom(&[b'D'; 5000]), Answer::Permanent(text) if text.len() < 300));
    assert!(matches!(decode(31, b"Zlater", ""), Answer::Permanent(_)), "text counts with 82 alone");
}

#[test]
fn what_is_encoded_comes_back() {
    let full = Answer::Temporary("452 4.3.1 disk full".into());
    assert_eq!(encode(&full), WRITE);
    assert_eq!(decode(CUSTOM, &encode_text(&full).unwrap(), ""), full);
    let never = Answer::Permanent("552 5.3.4 too large".into());
    assert_eq!(encode(&never), REFUSED);
    assert_eq!(decode(CUSTOM, &encode_text(&never).unwrap(), ""), never);
    assert_eq!(encode(&Answer::Accepted("1".into())), OK);
}
