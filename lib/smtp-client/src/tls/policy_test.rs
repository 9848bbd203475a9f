//! MTA-STS patterns.

use super::*;

#[test]
fn a_star_stands_for_one_label() {
    let sts = Sts { is_enforced: true, patterns: vec!["mx.example.org".to_owned(), "*.example.net".to_owned()], ..Sts::default() };
    for host in ["mx.example.org", "MX.Example.ORG", "a.example.net"] {
        assert!(sts.admits(host), "{host}");
    }
    for host in ["example.org", "b.mx.example.org", "example.net", "a.b.example.net", ".example.net", ""] {
        assert!(!sts.admits(host), "{host}");
    }
}
