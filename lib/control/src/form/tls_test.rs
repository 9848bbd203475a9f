//! Levels and options of TLS.

use super::*;

const PRINT: &str = "sha256:0123456789abcdef0123456789ABCDEF0123456789abcdef0123456789abcdef";

#[test]
fn lines_of_tlsdestinations() {
    for (text, level) in [
        ("auto", Level::Auto),
        ("none", Level::None),
        ("may", Level::May),
        ("encrypt", Level::Encrypt),
        ("verify", Level::Verify),
        ("dane", Level::Dane),
    ] {
        assert_eq!(TlsTerms::parse(text).unwrap(), TlsTerms { level, ..TlsTerms::default() });
    }
    let terms = TlsTerms::parse("verify match=MX.example.net,.example.com  certificate=us").unwrap();
    assert_eq!(terms.names, ["mx.example.net", ".example.com"]);
    assert_eq!(terms.certificate.as_deref(), Some("us"));
    let Level::Fingerprint(prints) = TlsTerms::parse(&format!("fingerprint={PRINT},{PRINT}")).unwrap().level else { panic!() };
    assert_eq!((prints.len(), prints[0][0], prints[0][31]), (2, 0x01, 0xef));
}

#[test]
fn what_is_refused_says_what_to_write() {
    for bad in ["", "secure", "verify match=", "may match=a.example", "encrypt other=x", "fingerprint=sha1:00", "may certificate=../key"] {
        assert!(TlsTerms::parse(bad).unwrap_err().contains(';'), "{bad}");
    }
    assert!(tls_destination("a b", "may").is_err());
    assert!(tls_destination("", "may").is_ok() && tls_destination(".example.org", "none").is_ok());
}

#[test]
fn words_of_a_route() {
    let read = |words: &[(&'static str, &'static str)]| TlsTerms::of_route(words.iter().copied());
    assert_eq!(read(&[("auth", "us"), ("tls-start", "yes")]).unwrap(), None);
    let terms = read(&[("tls", "verify"), ("tls-match", "a.example")]).unwrap().unwrap();
    assert_eq!((terms.level, terms.names), (Level::Verify, vec!["a.example".to_owned()]));
    assert!(read(&[("tls-color", "red")]).is_err() && read(&[("tls", "")]).is_err());
}
