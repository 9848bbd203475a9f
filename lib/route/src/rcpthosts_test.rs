//! Who is listed, and that nobody else is.

use proptest::prelude::*;
use stafett_address::Domain;

use crate::{Listed, RcptHosts};

fn hosts(lines: &[&str]) -> RcptHosts {
    let mut hosts = RcptHosts::new();
    for (index, line) in lines.iter().enumerate() {
        hosts.insert(index + 1, line).unwrap();
    }
    hosts
}

fn listed(hosts: &RcptHosts, domain: &str) -> Listed {
    hosts.look_up(&Domain::parse(domain).unwrap()).unwrap()
}

#[test]
fn lists_domains_and_suffixes() {
    let hosts = hosts(&["Example.org", ".example.org", "bücher.example"]);
    for (domain, expected) in [
        ("example.org", Listed::Line(1)),
        ("EXAMPLE.ORG.", Listed::Line(1)),
        ("a.example.org", Listed::Line(2)),
        ("a.b.example.org", Listed::Line(2)),
        ("xn--bcher-kva.example", Listed::Line(3)),
        ("BÜCHER.example", Listed::Line(3)),
        ("org", Listed::Nowhere),
        ("badexample.org", Listed::Nowhere),
        ("example.org.evil.example", Listed::Nowhere),
        ("a.xn--bcher-kva.example", Listed::Nowhere),
        ("[127.0.0.1]", Listed::Nowhere),
    ] {
        assert_eq!(listed(&hosts, domain), expected, "{domain}");
    }
}

#[test]
fn an_empty_list_lists_nobody() {
    assert!(RcptHosts::new().is_empty());
    assert_eq!(listed(&RcptHosts::new(), "example.org"), Listed::Nowhere);
}

#[test]
fn refuses_lines_that_are_no_domains() {
    for line in ["", ".", "a b", "[127.0.0.1]", "a..b", "@a", "*"] {
        assert!(RcptHosts::new().insert(1, line).is_err(), "{line}");
    }
}

#[test]
fn asks_the_table_last() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("morercpthosts.cdb");
    let mut writer = cdb2::CDBWriter::create(path.to_str().unwrap()).unwrap();
    writer.add(b"more.example", b"").unwrap();
    writer.add(b".more.example", b"").unwrap();
    writer.finish().unwrap();
    let mut hosts = hosts(&["a.more.example"]);
    hosts.set_table(Some(cdb2::CDB::open(&path).unwrap()));
    assert_eq!(listed(&hosts, "more.example"), Listed::Table);
    assert_eq!(listed(&hosts, "x.more.example"), Listed::Table);
    assert_eq!(listed(&hosts, "a.more.example"), Listed::Line(1));
    assert_eq!(listed(&hosts, "example"), Listed::Nowhere);
}

proptest! {
    #[test]
    fn only_the_domain_and_what_is_below_it(name in "[a-z]{1,6}(\\.[a-z]{1,6}){0,3}") {
        let hosts = hosts(&["a.example", ".a.example"]);
        let expected = name == "a.example" || name.ends_with(".a.example");
        prop_assert_eq!(listed(&hosts, &name) != Listed::Nowhere, expected);
    }
}
