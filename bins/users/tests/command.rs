//! stafett-users as the admin calls it.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, clippy::indexing_slicing, reason = "a test fails by panic")]

use std::fs;
use std::process::{Command, Output};

fn users(directory: &tempfile::TempDir, further: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stafett-users")).arg(directory.path()).args(further).output().unwrap()
}

fn instance(assign: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    for name in ["control", "users"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    fs::write(directory.path().join("users/assign"), assign).unwrap();
    directory
}

/// The number of whoever runs the tests; an ordinary user's look-up finds nobody else.
fn own() -> u32 {
    let uid = std::os::unix::fs::MetadataExt::uid(&fs::metadata("/proc/self").unwrap());
    if uid == 0 { 1001 } else { uid }
}

#[test]
fn the_file_is_compiled_and_asked() {
    let directory = instance(&format!("=joe:joe:{}:100:/home/joe:::\n+joe-:joe:{0}:100:/home/joe:-::\n.\n", own()));
    let made = users(&directory, &[]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    let told = users(&directory, &["--whose", "Joe-Lists"]);
    let wanted = format!("user joe\nuid {}\ngid 100\nhome /home/joe\ndash -\nextension Lists\n", own());
    assert_eq!(String::from_utf8(told.stdout).unwrap(), wanted);
    let nobody = users(&directory, &["--whose", "no-such-user-anywhere"]);
    assert_eq!(nobody.status.code(), Some(100));
}

#[test]
fn a_bad_line_is_named_and_the_old_table_stays() {
    let directory = instance(&format!("=joe:joe:{}:100:/home/joe:::\n.\n", own()));
    assert!(users(&directory, &[]).status.success());
    let before = fs::read(directory.path().join("users/cdb")).unwrap();
    fs::write(directory.path().join("users/assign"), "=joe:joe:0:100:/home/joe:::\n.\n").unwrap();
    let bad = users(&directory, &[]);
    assert_eq!(bad.status.code(), Some(100));
    assert!(String::from_utf8_lossy(&bad.stderr).contains("users/assign:1: \"0\" is root"), "{bad:?}");
    assert_eq!(fs::read(directory.path().join("users/cdb")).unwrap(), before);
    fs::remove_file(directory.path().join("users/assign")).unwrap();
    assert_eq!(users(&directory, &[]).status.code(), Some(111));
}
