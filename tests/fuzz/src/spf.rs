//! SPF records, which strangers publish. The modules are those of stafett-verify, which is no library.

#[allow(dead_code)]
#[path = "../../../bins/verify/src/spf/macros.rs"]
mod macros;
#[allow(dead_code)]
#[path = "../../../bins/verify/src/spf/record.rs"]
mod record;
#[path = "../../../bins/verify/src/spf/terms.rs"]
mod terms;

use record::{Mechanism, Record};

/// A record: blanks between terms mean nothing, its parts are bounded by its text, a network is one of its family.
pub fn spf_record(bytes: &[u8]) {
    if !Record::is_one(bytes) {
        return;
    }
    let Ok(record) = Record::parse(bytes) else { return };
    assert!(bytes.is_ascii());
    assert_eq!(Record::parse(&[bytes, b"  "].concat()).as_ref(), Ok(&record));
    assert!(record.directives.len() <= bytes.len() / 2, "{record:?}");
    for directive in &record.directives {
        match directive.mechanism {
            Mechanism::Ip4(_, bits) => assert!(bits <= 32),
            Mechanism::Ip6(_, bits) => assert!(bits <= 128),
            _ => {}
        }
    }
}
