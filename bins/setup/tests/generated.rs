//! What is generated and committed is what the table says now.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;
use std::process::Command;

fn run(arguments: &[&str]) -> String {
    let done = Command::new(env!("CARGO_BIN_EXE_stafett-setup")).args(arguments).output().unwrap();
    assert!(done.status.success(), "{arguments:?}");
    String::from_utf8(done.stdout).unwrap()
}

fn repository(path: &str) -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(path)
}

#[test]
fn the_manual_page_is_that_of_the_table() {
    let committed = fs::read_to_string(repository("man/stafett-control.5")).unwrap();
    assert_eq!(committed, run(&["--manual"]), "write it again: stafett-setup --manual >man/stafett-control.5");
}

#[test]
fn the_samples_are_those_of_the_table() {
    let fresh = tempfile::tempdir().unwrap();
    run(&["--samples", fresh.path().to_str().unwrap()]);
    let names = |directory: &Path| -> BTreeSet<_> { fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().file_name()).collect() };
    let remedy = "write them again: stafett-setup --samples control";
    assert_eq!(names(&repository("control")), names(fresh.path()), "{remedy}");
    for name in names(fresh.path()) {
        let (one, other) = (fs::read_to_string(repository("control").join(&name)), fs::read_to_string(fresh.path().join(&name)));
        assert_eq!(one.unwrap(), other.unwrap(), "control/{}; {remedy}", name.display());
    }
}

#[test]
fn every_sample_is_a_control_file_as_it_stands() {
    let control = stafett_control::Control::new(repository("control"));
    for row in stafett_control::rows::TABLE {
        assert_eq!(control.check(row), Ok(()), "{}", row.name);
    }
}
