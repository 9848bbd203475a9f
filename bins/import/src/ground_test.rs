use super::{Fresh, Ground};
use crate::report::Report;
use stafett_instance::people::Role;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

/// What is said of a file that is to be put where `found` lies.
fn put(make: impl FnOnce(&Path), mode: u32) -> Vec<String> {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir(home.path().join("control")).unwrap();
    fs::create_dir(home.path().join("instance")).unwrap();
    make(&home.path().join("instance"));
    let ground = Ground::new(home.path(), &home.path().join("instance"), false, false).unwrap();
    let mut report = Report::new(false);
    ground.put(Fresh { path: "smtpauth", bytes: b"relay1:user:secret\n", owner: Role::Remote, mode, how: "" }, &mut report).unwrap();
    report.lines
}

#[test]
fn what_differs_is_shown_unless_it_is_secret() {
    let other = |root: &Path| fs::write(root.join("smtpauth"), "relay1:user:hidden\n").unwrap();
    let shown = put(other, 0o644);
    assert!(shown[0].contains(":hidden") && shown[0].contains(":secret"), "{shown:?}");
    let shown = put(other, 0o400);
    assert!(shown[0].starts_with("not taken smtpauth: the instance has another one; what differs is secret"), "{shown:?}");
    assert!(!shown[0].contains("hidden") && !shown[0].contains("user"), "{shown:?}");
}

#[test]
fn a_link_or_pipe_in_the_instance_is_not_read() {
    let outside = tempfile::NamedTempFile::new().unwrap();
    fs::write(outside.path(), "of another\n").unwrap();
    let link = |root: &Path| symlink(outside.path(), root.join("smtpauth")).unwrap();
    let pipe = |root: &Path| {
        let made = std::process::Command::new("mkfifo").arg(root.join("smtpauth")).status().unwrap();
        assert!(made.success());
    };
    for lines in [put(link, 0o644), put(pipe, 0o644)] {
        assert!(lines[0].starts_with("not taken smtpauth: in the instance this is a symbolic link or no file"), "{lines:?}");
    }
}
