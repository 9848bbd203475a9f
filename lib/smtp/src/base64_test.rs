//! Vectors of RFC 4648 §10, and what is no base64.

use super::{decode, encode};
use proptest::prelude::*;

#[test]
fn the_vectors_of_the_standard() {
    for (bytes, text) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg=="), ("foobar", "Zm9vYmFy")] {
        assert_eq!(encode(bytes.as_bytes()), text);
        assert_eq!(decode(text.as_bytes()).as_deref(), Some(bytes.as_bytes()));
    }
}

#[test]
fn other_spellings_are_refused() {
    for text in ["Zg", "Zg=", "Zg===", "Z===", "====", "=", "Zh==", "Zm9=", "Zm 9v", "Zm9v\r\n", "Zg==Zg==", "Zm-_", "*", "Zm9v\0"] {
        assert_eq!(decode(text.as_bytes()), None, "{text:?}");
    }
}

proptest! {
    #[test]
    fn what_is_written_can_be_read(bytes: Vec<u8>) {
        prop_assert_eq!(decode(encode(&bytes).as_bytes()), Some(bytes));
    }

    #[test]
    fn one_spelling_each(text in "[A-Za-z0-9+/=]{0,12}") {
        if let Some(bytes) = decode(text.as_bytes()) {
            prop_assert_eq!(encode(&bytes), text);
        }
    }
}
