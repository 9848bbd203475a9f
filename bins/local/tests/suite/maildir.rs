use crate::common::{Home, spawn};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::Stdio;

#[test]
fn a_message_lands_whole_in_new() {
    let home = Home::new();
    home.maildir("Maildir");
    home.deliver("").must(0, "did 1+0+0");
    let files = home.files("Maildir/new");
    let [(name, text)] = &files[..] else { panic!("{files:?}") };
    let wanted = "Return-Path: <a@example.net>\nDelivered-To: joe@mail.example.org\nReceived: by relay.example; ";
    assert!(text.starts_with(wanted), "{text}");
    assert!(text.ends_with("\nFrom here\nto there\n"));
    let lines = text.lines().count();
    assert!(name.ends_with(&format!(",S={},W={}", text.len(), text.len() + lines)), "{name}");
    assert!(home.files("Maildir/tmp").is_empty());
    let mode = fs::metadata(home.path("Maildir/new").join(name)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn many_at_once_have_names_of_their_own() {
    let home = Home::new();
    home.maildir("Maildir");
    home.write(".qmail", "./Maildir/\n./Maildir/\n");
    home.write("../message", "Subject: x\n\nbody\n");
    let children: Vec<_> = (0..20)
        .map(|_| {
            let mut command = home.command("", "");
            spawn(command.stdin(fs::File::open(home.path("../message")).unwrap()).stdout(Stdio::null()))
        })
        .collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    assert_eq!(home.files("Maildir/new").len(), 40);
}

#[test]
fn without_a_maildir_the_message_waits() {
    let home = Home::new();
    home.deliver("").must(111, "(#4.2.1)");
    fs::create_dir(home.path("Maildir")).unwrap();
    home.give("Maildir");
    home.deliver("").must(111, "Maildir");
}

#[test]
fn a_quota_that_was_just_written_counts_what_is_there() {
    for quota in ["1000S,2C\n", "1000S,2C"] {
        let home = Home::new();
        home.maildir("Maildir");
        home.deliver("").must(0, "did 1+0+0");
        home.write("Maildir/maildirsize", quota);
        home.deliver("").must(0, "did 1+0+0");
        home.deliver("").must(100, "(#5.2.2)");
    }
}

#[test]
fn a_quota_returns_what_is_too_much() {
    let home = Home::new();
    home.maildir("Maildir");
    home.write("Maildir/maildirsize", "1000S,3C\n");
    home.deliver("").must(0, "did 1+0+0");
    home.deliver("").must(0, "did 1+0+0");
    let size = home.read("Maildir/maildirsize");
    assert_eq!(size.lines().count(), 4, "the quota, what was there, two messages: {size}");
    home.deliver_from("", "", &format!("Subject: x\n\n{}\n", "y".repeat(900))).must(100, "(#5.2.2)");
    assert_eq!(home.files("Maildir/new").len(), 2);
    home.deliver("").must(0, "");
    home.deliver("").must(100, "(#5.2.2)");
    // What was read and thrown away makes room, though the file does not know of it.
    for (name, _) in home.files("Maildir/new") {
        fs::rename(home.path("Maildir/new").join(&name), home.path("Maildir/cur").join(format!("{name}:2,ST"))).unwrap();
    }
    home.deliver("").must(0, "did 1+0+0");
    assert!(home.files("Maildir/tmp").is_empty());
}
