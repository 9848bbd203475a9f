use super::{Findings, lines, value};
use crate::dmarc::{Judgement, Policy, Verdict};
use crate::signatures::{self, Authors, Chain, Signature};
use crate::spf;

#[test]
fn the_field_tells_everything() {
    let signature = |verdict, reason| Signature {
        verdict,
        reason,
        domain: "example.com".into(),
        selector: "a b".into(),
        algorithm: "rsa-sha256",
        mark: "ab+/cd12".into(),
    };
    let authors = Authors {
        domains: vec!["example.com".into()],
        signatures: vec![signature(signatures::Verdict::Pass, ""), signature(signatures::Verdict::Fail, "the body has changed")],
        chain: Some(Chain { verdict: signatures::Verdict::Pass, reason: "", sets: 1, domain: "l.example".into() }),
    };
    let spf = spf::Outcome { verdict: spf::Verdict::SoftFail, domain: "example.com".into(), reason: String::new(), explanation: None };
    let judgement = Judgement {
        verdict: Verdict::Pass,
        policy: Policy::Reject,
        wanted: Policy::None,
        domain: "example.com".into(),
        source: "example.com".into(),
    };
    let found =
        lines(&Findings { ours: "relay.example.org", sender: "a@example.com", spf: &spf, authors: &authors, judgements: &[judgement] });
    assert_eq!(
        found.join("\n"),
        "Authentication-Results: relay.example.org;\n\
         \tspf=softfail smtp.mailfrom=a@example.com;\n\
         \tdkim=pass header.d=example.com header.s=\"a b\" header.a=rsa-sha256 header.b=\"ab+/cd12\";\n\
         \tdkim=fail (the body has changed) header.d=example.com header.s=\"a b\" header.a=rsa-sha256 header.b=\"ab+/cd12\";\n\
         \tdmarc=pass (p=reject) header.from=example.com;\n\
         \tarc=pass"
    );
}

#[test]
fn strangers_do_not_get_out_of_their_value() {
    assert_eq!(value("a@b.example"), "a@b.example");
    assert_eq!(value("a\"; dkim=pass x=\r\n y"), "\"a?; dkim=pass x=?? y\"");
    assert_eq!(value(""), "\"\"");
    assert_eq!(value("\u{fc}@x"), "\"?@x\"");
    assert_eq!(value(&"x".repeat(300)).len(), 257);
}
