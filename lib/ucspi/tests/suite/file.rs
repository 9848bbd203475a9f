//! Compiled files that change, break or vanish while they are in use.

use crate::common;

use proptest::prelude::*;
use stafett_ucspi::{Client, Rules, RulesError, RulesFile};
use std::path::Path;

fn denied(rules: &Rules) -> bool {
    let client = Client { ip: [127, 0, 0, 1].into(), host: None, info: None };
    rules.look_up(&client).unwrap().is_some_and(|found| found.instructions.deny)
}

#[test]
fn a_changed_file_counts_at_the_next_look() {
    let directory = tempfile::tempdir().unwrap();
    let cdb = directory.path().join("rules.cdb");
    common::compile("127.:deny\n", &cdb);
    let mut file = RulesFile::open(&cdb, false).unwrap();
    assert!(denied(file.rules().unwrap()));
    assert!(!file.refresh().unwrap());
    common::compile("127.:allow\n", &cdb);
    assert!(file.refresh().unwrap());
    assert!(!denied(file.rules().unwrap()));
}

/// Overwriting in place is what `cp` and `>` do; it must not take the old rules away.
#[test]
fn a_broken_or_vanished_file_leaves_the_last_good_rules() {
    let directory = tempfile::tempdir().unwrap();
    let cdb = directory.path().join("rules.cdb");
    common::compile("127.:deny\n", &cdb);
    let mut file = RulesFile::open(&cdb, false).unwrap();
    std::fs::write(&cdb, "").unwrap();
    assert!(matches!(file.refresh(), Err(RulesError::Broken(_))));
    assert!(denied(file.rules().unwrap()));
    assert!(!file.refresh().unwrap(), "one fault is told once");
    std::fs::remove_file(&cdb).unwrap();
    assert!(file.refresh().is_err_and(|error| error.is_absent()));
    assert!(!file.refresh().unwrap());
    assert!(denied(file.rules().unwrap()));
    common::compile(":allow\n", &cdb);
    assert!(file.refresh().unwrap());
    assert!(!denied(file.rules().unwrap()));
}

#[test]
fn an_absent_file_is_an_error_unless_optional() {
    let directory = tempfile::tempdir().unwrap();
    let cdb = directory.path().join("rules.cdb");
    assert!(RulesFile::open(&cdb, false).is_err_and(|error| error.is_absent()));
    let mut file = RulesFile::open(&cdb, true).unwrap();
    assert!(file.rules().is_none());
    common::compile("127.:deny\n", &cdb);
    assert!(file.refresh().unwrap());
    assert!(denied(file.rules().unwrap()));
}

#[test]
fn a_cdb_of_something_else_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let cdb = directory.path().join("rules.cdb");
    let mut maker = cdb2::CDBMake::new(std::fs::File::create(&cdb).unwrap()).unwrap();
    maker.add(b"example.com", b"whatever").unwrap();
    maker.finish().unwrap();
    assert!(matches!(Rules::open(&cdb), Err(RulesError::Broken("a record is not a rule"))));
    assert!(matches!(Rules::open(Path::new("/")), Err(RulesError::Unreadable(_))));
}

/// Read as it stands it would hold no rule, and so deny nobody.
#[test]
fn a_cdb_whose_first_blocks_are_zeros_is_refused_and_the_rules_stay() {
    let directory = tempfile::tempdir().unwrap();
    let cdb = directory.path().join("rules.cdb");
    common::compile("127.:deny\n", &cdb);
    let mut file = RulesFile::open(&cdb, false).unwrap();
    let mut bytes = std::fs::read(&cdb).unwrap();
    bytes[..2048].fill(0);
    let fresh = directory.path().join("fresh");
    std::fs::write(&fresh, bytes).unwrap();
    std::fs::rename(&fresh, &cdb).unwrap();
    assert!(matches!(Rules::open(&cdb), Err(RulesError::Broken(_))));
    assert!(file.refresh().is_err());
    assert!(denied(file.rules().unwrap()));
}

#[test]
fn a_failed_write_leaves_the_compiled_file_alone() {
    let directory = tempfile::tempdir().unwrap();
    let cdb = directory.path().join("rules.cdb");
    common::compile("127.:deny\n", &cdb);
    let rules = stafett_ucspi::parse(b":allow\n").unwrap();
    let elsewhere = directory.path().join("absent").join("rules.tmp");
    assert!(stafett_ucspi::write(&rules, &cdb, &elsewhere).is_err());
    assert!(denied(&Rules::open(&cdb).unwrap()));
    std::fs::create_dir(directory.path().join("directory")).unwrap();
    let temporary = directory.path().join("rules.tmp");
    assert!(stafett_ucspi::write(&rules, &directory.path().join("directory"), &temporary).is_err());
    assert!(!temporary.exists());
}

proptest! {
    /// Damage is either refused or harmless; it never ends the process.
    #[test]
    fn any_damage_is_survived(at in 0_usize..3000, value: u8, length in 0_usize..3000) {
        let directory = tempfile::tempdir().unwrap();
        let cdb = directory.path().join("rules.cdb");
        common::compile("127.:deny,A=\"b\"\n10.0.0.1-9:allow\n2001:db8::/32:deny\n:allow\n", &cdb);
        let mut bytes = std::fs::read(&cdb).unwrap();
        if let Some(byte) = bytes.get_mut(at) {
            *byte = value;
        }
        bytes.truncate(length.max(at));
        std::fs::write(&cdb, &bytes).unwrap();
        if let Ok(rules) = Rules::open(&cdb) {
            for ip in ["127.0.0.1", "10.0.0.3", "2001:db8::1", "::1"] {
                let _ = rules.look_up(&Client { ip: ip.parse().unwrap(), host: Some("a.b"), info: Some("c") });
            }
        }
    }

    /// No source ends the parser.
    #[test]
    fn any_source_is_survived(source in "[ -~\n]{0,60}") {
        let _ = stafett_ucspi::parse(source.as_bytes());
    }
}
