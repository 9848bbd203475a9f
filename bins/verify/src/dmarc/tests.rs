//! Policies, organizations and alignment against tables of records.

use super::record::{Record, Suffix};
use super::walk::Walk;
use super::{Evidence, Policy, Verdict, judge};
use crate::names::Names;
use crate::signatures::{self, Signature};
use crate::spf;
use crate::table::Table;
use std::sync::atomic::Ordering;

fn spf(verdict: spf::Verdict, domain: &str) -> spf::Outcome {
    spf::Outcome { verdict, domain: domain.into(), reason: String::new(), explanation: None }
}

fn signature(verdict: signatures::Verdict, domain: &str) -> Signature {
    let (selector, mark) = ("s".into(), String::new());
    Signature { verdict, reason: "", domain: domain.into(), selector, algorithm: "rsa-sha256", mark }
}

/// Verdict, published policy and policy in force for a message with these authors.
fn judged(records: &[&str], authors: &[&str], spf: &spf::Outcome, signatures: &[Signature]) -> (Verdict, Policy, Policy) {
    let authors: Vec<String> = authors.iter().map(ToString::to_string).collect();
    let evidence = Evidence { authors: &authors, signatures, spf, draw: 50 };
    let all = judge(&evidence, &Table::of(records));
    (all[0].verdict, all[0].policy, all[0].wanted)
}

#[test]
fn records_are_read_generously_but_for_their_begin() {
    let record =
        Record::parse(b"v=DMARC1; p=Reject ;sp=none; np=quarantine;adkim=s; aspf=r; psd=n; t=y; pct=20; rua=mailto:a@b; x=y").unwrap();
    assert_eq!((record.policy, record.subdomains, record.nonexistent), (Policy::Reject, Some(Policy::None), Some(Policy::Quarantine)));
    assert_eq!((record.strict_dkim, record.strict_spf, record.suffix), (true, false, Suffix::No));
    assert_eq!((record.testing, record.percent), (true, 20));
    assert_eq!(Record::parse(b"v = DMARC1").unwrap().policy, Policy::None);
    assert_eq!(Record::parse(b"v=DMARC1; p=obliterate; pct=lots").unwrap().percent, 100);
    for none in [&b""[..], b"v=DMARC2; p=reject", b"p=reject; v=DMARC1", b"v=dmarc1; p=reject", b"v=spf1 -all", b"v=DMARC1\xff"] {
        assert_eq!(Record::parse(none), None, "{none:?}");
    }
}

#[test]
fn the_organization_is_found_by_walking() {
    let table = Table::of(&[
        "_dmarc.example.com TXT v=DMARC1; p=reject",
        "_dmarc.mail.example.com TXT v=DMARC1; p=none",
        "_dmarc.own.example.com TXT v=DMARC1; p=none; psd=n",
        "_dmarc.bank TXT v=DMARC1; p=reject; psd=y",
        "_dmarc.twice.example TXT v=DMARC1; p=reject",
        "_dmarc.twice.example TXT v=DMARC1; p=none",
    ]);
    for (domain, organization, policy) in [
        ("example.com", "example.com", Some("example.com")),
        ("a.mail.example.com", "example.com", Some("example.com")),
        ("mail.example.com", "example.com", Some("mail.example.com")),
        ("a.own.example.com", "own.example.com", Some("own.example.com")),
        ("www.my.bank", "my.bank", Some("bank")),
        ("bank", "bank", Some("bank")),
        ("a.twice.example", "a.twice.example", None),
        ("nothing.example", "nothing.example", None),
    ] {
        let walk = Walk::from(domain, &table).unwrap();
        assert_eq!(walk.organization(), organization, "{domain}");
        assert_eq!(walk.policy().map(|(name, _)| name), policy, "{domain}");
    }
}

#[test]
fn no_walk_is_longer_than_eight_look_ups() {
    let table = Table::of(&["_dmarc.example.com TXT v=DMARC1; p=reject"]);
    let domain = format!("{}example.com", "a.".repeat(60));
    assert_eq!(Walk::from(&domain, &table).unwrap().organization(), "example.com");
    assert_eq!(table.asked.load(Ordering::Relaxed), 8);
}

const RECORDS: &[&str] = &[
    "_dmarc.example.com TXT v=DMARC1; p=reject; sp=quarantine; np=reject",
    "_dmarc.strict.example TXT v=DMARC1; p=reject; adkim=s; aspf=s",
    "_dmarc.part.example TXT v=DMARC1; p=reject; pct=50",
    "_dmarc.most.example TXT v=DMARC1; p=reject; pct=51",
    "_dmarc.try.example TXT v=DMARC1; p=reject; t=y",
    "_dmarc.away.example TIMEOUT -",
    "_dmarc.lax.example TXT v=DMARC1; p=none",
    "sub.example.com A 192.0.2.1",
];

#[test]
fn what_passes_must_belong_to_the_author() {
    use Verdict::{Fail, None, Pass, TempError};
    use spf::Verdict as Spf;
    let nothing = spf(Spf::None, "");
    for (author, spf_said, spf_domain, dkim, wanted) in [
        ("example.com", Spf::Pass, "example.com", "", Pass),
        ("example.com", Spf::Pass, "bounce.example.com", "", Pass),
        ("sub.example.com", Spf::Pass, "example.com", "", Pass),
        ("example.com", Spf::SoftFail, "example.com", "", Fail),
        ("example.com", Spf::Pass, "example.net", "", Fail),
        ("example.com", Spf::Pass, "example.net", "mail.example.com", Pass),
        ("example.com", Spf::Pass, "badexample.com", "com", Fail),
        ("strict.example", Spf::Pass, "a.strict.example", "b.strict.example", Fail),
        ("strict.example", Spf::Pass, "other.example", "strict.example", Pass),
        ("nothing.example", Spf::Fail, "nothing.example", "", None),
        ("away.example", Spf::Fail, "away.example", "", TempError),
        ("example.com", Spf::TempError, "example.com", "", TempError),
        ("example.com", Spf::TempError, "example.com", "example.com", Pass),
    ] {
        let signatures: Vec<Signature> = [dkim].iter().filter(|d| !d.is_empty()).map(|d| signature(signatures::Verdict::Pass, d)).collect();
        let (verdict, ..) = judged(RECORDS, &[author], &spf(spf_said, spf_domain), &signatures);
        assert_eq!(verdict, wanted, "{author} {spf_said} {spf_domain} {dkim}");
    }
    for verdict in [signatures::Verdict::Fail, signatures::Verdict::Policy, signatures::Verdict::PermError] {
        assert_eq!(judged(RECORDS, &["example.com"], &nothing, &[signature(verdict, "example.com")]).0, Fail);
    }
    assert_eq!(judged(RECORDS, &["example.com"], &nothing, &[signature(signatures::Verdict::TempError, "example.com")]).0, TempError);
}

#[test]
fn policies_for_what_fails() {
    let nothing = spf(spf::Verdict::None, "");
    for (author, published, in_force) in [
        ("example.com", Policy::Reject, Policy::Reject),
        ("sub.example.com", Policy::Quarantine, Policy::Quarantine),
        ("invented.example.com", Policy::Reject, Policy::Reject),
        ("part.example", Policy::Reject, Policy::Quarantine),
        ("most.example", Policy::Reject, Policy::Reject),
        ("try.example", Policy::Reject, Policy::Quarantine),
    ] {
        assert_eq!(judged(RECORDS, &[author], &nothing, &[]), (Verdict::Fail, published, in_force), "{author}");
    }
}

#[test]
fn of_several_authors_the_strictest_outcome_counts() {
    let ours = spf(spf::Verdict::Pass, "nothing.example");
    assert_eq!(judged(RECORDS, &["nothing.example", "example.com"], &ours, &[]), (Verdict::Fail, Policy::Reject, Policy::Reject));
    assert_eq!(judged(RECORDS, &["lax.example", "away.example"], &ours, &[]).0, Verdict::TempError);
    assert_eq!(judged(RECORDS, &["away.example", "example.com"], &ours, &[]).0, Verdict::Fail);
    assert_eq!(judged(RECORDS, &["a", "b", "c", "d", "e"], &ours, &[]), (Verdict::Fail, Policy::Reject, Policy::Reject));
    assert_eq!(judged(RECORDS, &[], &ours, &[]), (Verdict::PermError, Policy::None, Policy::None));
}

#[test]
fn names_that_cannot_be_asked_are_not() {
    let long = format!("{}.example", "a".repeat(80));
    let table = Table::default();
    assert!(Walk::from(&long, &table).unwrap().policy().is_none());
    assert!(table.texts("x").unwrap().is_empty());
}
