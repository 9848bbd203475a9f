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

/// A source of users that is always away, as one whose server cannot be reached.
const AWAY: &str = "enum { UNAVAIL = -1 };\nint _nss_away_getpwnam_r(const char *name, void *found, char *space, unsigned long size, int *why)\n\
                    { (void)name; (void)found; (void)space; (void)size; (void)why; return UNAVAIL; }\n";

#[test]
fn a_source_that_is_away_is_not_taken_for_one_that_knows_nobody() {
    let is_root = fs::read_to_string("/proc/self/status").unwrap().contains("\nUid:\t0\t0\t");
    if !is_root || !std::path::Path::new("/lib/x86_64-linux-gnu/libnss_files.so.2").exists() {
        return;
    }
    let directory = instance(".\n");
    fs::create_dir(directory.path().join("alias")).unwrap();
    std::os::unix::fs::chown(directory.path().join("alias"), Some(65534), Some(65534)).unwrap();
    let at = |name: &str| directory.path().join(name).display().to_string();
    fs::write(at("away.c"), AWAY).unwrap();
    let compiled = Command::new("cc").args(["-shared", "-fPIC", "-o", &at("libnss_away.so.2"), &at("away.c")]).status();
    if !compiled.is_ok_and(|status| status.success()) {
        return;
    }
    for (sources, name, code) in [
        ("files away systemd", "no-such-user", 111),
        ("away files", "daemon", 111),
        ("files away", "daemon", 0),
        ("files systemd", "no-such-user", 0),
    ] {
        fs::write(at("conf"), format!("passwd: {sources}\n")).unwrap();
        let script = "mount --bind \"$1/conf\" /etc/nsswitch.conf && LD_LIBRARY_PATH=$1 exec \"$2\" \"$1\" --whose \"$3\"";
        let program = env!("CARGO_BIN_EXE_stafett-users");
        let told = Command::new("unshare").args(["-m", "sh", "-c", script, "sh", &at(""), program, name]).output().unwrap();
        assert_eq!(told.status.code(), Some(code), "{sources}: {told:?}");
    }
}
