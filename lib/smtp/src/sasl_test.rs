//! Messages of the standards, and what is none.

use super::{Binding, Plain, ScramFinal, ScramFirst, unescape};
use proptest::prelude::*;

#[test]
fn plain() {
    let read = Plain::parse(b"\0tim\0tanstaaftanstaaf").unwrap();
    assert_eq!((read.authorization, read.name, read.password), ("", "tim", &b"tanstaaftanstaaf"[..]));
    assert_eq!(Plain::parse(b"Ursel\0Kurt\0xipj3plmq").map(|plain| plain.authorization), Some("Ursel"));
    for none in [&b""[..], b"tim", b"\0tim", b"\0tim\0", b"\0\0password", b"\0tim\0a\0b", b"\0\xff\0password", b"\xff\0tim\0a"] {
        assert!(Plain::parse(none).is_none(), "{none:?}");
    }
}

#[test]
fn scram_first() {
    let read = ScramFirst::parse(b"p=tls-exporter,a=x,n=us=2Cer,r=fyko+d2lbbFgONRv9qkxdawL,e=x").unwrap();
    assert_eq!((read.binding, read.authorization, read.header), (Binding::To("tls-exporter"), "x", "p=tls-exporter,a=x,"));
    assert_eq!((read.bare, read.name), ("n=us=2Cer,r=fyko+d2lbbFgONRv9qkxdawL,e=x", "us=2Cer"));
    assert_eq!(ScramFirst::parse(b"n,,n=user,r=a").map(|first| first.binding), Some(Binding::None));
    assert_eq!(ScramFirst::parse(b"y,,n=user,r=a").map(|first| first.binding), Some(Binding::Unseen));
    for none in [
        "",
        "n,,",
        "n,,n=user",
        "n,,r=a,n=user",
        "n,,m=x,n=user,r=a",
        "n,,n=,r=a",
        "n,,n=user,r=",
        "x,,n=u,r=a",
        "p=,,n=u,r=a",
        "n,b,n=u,r=a",
        "n,,n=u,r=\u{fc}",
    ] {
        assert!(ScramFirst::parse(none.as_bytes()).is_none(), "{none}");
    }
}

#[test]
fn scram_final() {
    let read = ScramFinal::parse(b"c=biws,r=abc,p=dHzb").unwrap();
    assert_eq!((read.without_proof, read.binding.as_slice(), read.nonce, read.proof.len()), ("c=biws,r=abc", &b"n,,"[..], "abc", 3));
    for none in ["", "c=biws,r=abc", "r=abc,c=biws,p=dHzb", "c=*,r=abc,p=dHzb", "c=biws,r=abc,p=*", "c=biws,p=dHzb"] {
        assert!(ScramFinal::parse(none.as_bytes()).is_none(), "{none}");
    }
}

#[test]
fn names_are_unescaped() {
    assert_eq!(unescape("a=2Cb=3Dc").as_deref(), Some("a,b=c"));
    assert_eq!(unescape("a=2cb"), None);
    assert_eq!(unescape("a="), None);
}

proptest! {
    #[test]
    fn nothing_panics(bytes in prop::collection::vec(prop_oneof![Just(b','), Just(b'='), Just(b'n'), Just(0), any::<u8>()], 0..40)) {
        let _ = (Plain::parse(&bytes).is_some(), ScramFirst::parse(&bytes), ScramFinal::parse(&bytes));
        let _ = unescape(&String::from_utf8_lossy(&bytes));
    }
}
