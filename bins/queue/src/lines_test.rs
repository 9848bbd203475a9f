use super::Lines;
use proptest::prelude::*;

fn convert(pieces: &[&[u8]]) -> Option<Vec<u8>> {
    let (mut lines, mut out) = (Lines::default(), Vec::new());
    for piece in pieces {
        lines.take(piece, &mut out).ok()?;
    }
    lines.end(&mut out).ok()?;
    Some(out)
}

#[test]
fn line_ends_become_those_of_mail() {
    for (given, expected) in [
        ("", ""),
        ("\n", "\r\n"),
        ("a\nb\n", "a\r\nb\r\n"),
        ("a\r\nb\n", "a\r\nb\r\n"),
        ("a\n\n.\nb", "a\r\n\r\n.\r\nb\r\n"),
        ("no end", "no end\r\n"),
    ] {
        assert_eq!(convert(&[given.as_bytes()]).unwrap(), expected.as_bytes(), "{given:?}");
    }
}

#[test]
fn a_cr_alone_is_refused_wherever_it_stands() {
    for bad in ["\r", "a\r", "\ra\n", "a\rb\n", "a\r\r\n", "a\n\r"] {
        assert_eq!(convert(&[bad.as_bytes()]), None, "{bad:?}");
    }
}

proptest! {
    #[test]
    fn the_cut_does_not_matter(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a')], 0..16), cut in 0_usize..16) {
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        prop_assert_eq!(convert(&[first, second]), convert(&[&bytes]));
    }

    #[test]
    fn what_comes_out_is_strict(bytes in proptest::collection::vec(any::<u8>(), 0..64)) {
        if let Some(out) = convert(&[&bytes]) {
            let text: String = out.iter().copied().map(char::from).collect();
            let rest = text.replace("\r\n", "");
            prop_assert!(!rest.contains(['\r', '\n']));
            prop_assert!(text.is_empty() || text.ends_with("\r\n"));
        }
    }
}
