use crate::common::{Home, spawn, wait_until};
use rustix::fs::{FlockOperation, fcntl_lock, flock};
use std::fs;
use std::process::Stdio;

#[test]
fn messages_are_divided_and_quoted() {
    let home = Home::new();
    home.write(".qmail", "./Mailbox\n");
    home.deliver("").must(0, "did 1+0+0");
    home.deliver_from("", "", "Subject: two\n\nno end").must(0, "did 1+0+0");
    let text = home.read("Mailbox");
    assert!(text.starts_with("From a@example.net "), "{text}");
    assert!(text.contains("\n>From here\nto there\n\nFrom MAILER-DAEMON "), "{text}");
    assert!(text.ends_with("\nReturn-Path: <>\nDelivered-To: joe@mail.example.org\nSubject: two\n\nno end\n\n"), "{text}");
    assert!(!home.path("Mailbox.lock").exists());
}

#[test]
fn a_torn_message_is_closed_before_the_next() {
    let home = Home::new();
    home.write(".qmail", "./Mailbox\n");
    home.write("Mailbox", "From x Thu Jan  1 00:00:00 1970\nSubject: to");
    home.deliver("").must(0, "");
    assert!(home.read("Mailbox").contains("Subject: to\n\nFrom a@example.net "));
}

#[test]
fn deliveries_to_one_file_wait_for_each_other() {
    let home = Home::new();
    home.write(".qmail", "./Mailbox\n");
    let body: String = (0..2000).map(|line| format!("line {line} of a body that is long enough\n")).collect();
    home.write("../message", &format!("Subject: x\n\n{body}"));
    let children: Vec<_> = (0..8)
        .map(|_| {
            let mut command = home.command("", "");
            spawn(command.stdin(fs::File::open(home.path("../message")).unwrap()).stdout(Stdio::null()))
        })
        .collect();
    for child in children {
        assert!(child.wait_with_output().unwrap().status.success());
    }
    let text = home.read("Mailbox");
    let messages: Vec<&str> = text.split("From MAILER-DAEMON ").skip(1).collect();
    assert_eq!(messages.len(), 8);
    assert!(messages.iter().all(|message| message.ends_with(&format!("Subject: x\n\n{body}\n"))));
}

#[test]
fn what_is_no_file_is_left_alone() {
    let home = Home::new();
    std::process::Command::new("mkfifo").arg(home.path("pipe")).status().unwrap();
    home.give("pipe");
    for path in ["/dev/null", "./pipe", "."] {
        home.write(".qmail", &format!("{path}\n"));
        home.deliver("").must(111, "(#4.2.1)");
    }
}

#[test]
fn someone_elses_file_behind_a_link_is_not_written() {
    let home = Home::new();
    let target = home.path("../of-another");
    fs::write(&target, "mine").unwrap();
    if !stafett_sys::user::Uid::effective().is_root() {
        home.set_mode("../of-another", 0o400);
    }
    std::os::unix::fs::symlink(&target, home.path("Mailbox")).unwrap();
    home.write(".qmail", "./Mailbox\n");
    home.deliver("").must(111, "Permission denied");
    assert_eq!(fs::read_to_string(&target).unwrap(), "mine");
}

#[test]
fn a_full_disk_leaves_the_file_as_it_was() {
    let home = Home::new();
    home.write(".qmail", "./Mailbox\n");
    home.deliver("").must(0, "");
    let before = home.read("Mailbox");
    let mut limited = std::process::Command::new("sh");
    let inner = home.command("", "a@b");
    // The limit stands for the disk: a write beyond it fails in the middle of the message.
    limited.args(["-c", "trap '' XFSZ; ulimit -f 2; exec \"$0\" \"$@\""]).arg(inner.get_program()).args(inner.get_args());
    inner.get_envs().for_each(|(name, value)| {
        limited.env(name, value.unwrap());
    });
    let long = format!("Subject: x\n\n{}", "0123456789012345678901234567890\n".repeat(1000));
    home.run(limited, &long).must(111, "File too large");
    assert_eq!(home.read("Mailbox"), before);
}

#[test]
fn a_file_that_is_moved_away_under_its_lock_is_left_alone() {
    let home = Home::new();
    home.write(".qmail", "./Mailbox\n");
    home.write("Mailbox", "");
    home.write("../message", "Subject: x\n\n");
    let file = fs::File::options().write(true).open(home.path("Mailbox")).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingLockExclusive).unwrap();
    let mut command = home.command("", "");
    let mut child = spawn(command.stdin(fs::File::open(home.path("../message")).unwrap()).stdout(Stdio::null()));
    // It has the one lock and waits for the other.
    wait_until(|| {
        let is_free = flock(&file, FlockOperation::NonBlockingLockExclusive).is_ok();
        if is_free {
            flock(&file, FlockOperation::Unlock).unwrap();
        }
        assert!(child.try_wait().unwrap().is_none());
        !is_free
    });
    assert!(home.path("Mailbox.lock").exists());
    fs::rename(home.path("Mailbox"), home.path("taken")).unwrap();
    fcntl_lock(&file, FlockOperation::NonBlockingUnlock).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(home.read("taken"), "");
    assert!(home.read("Mailbox").contains("Subject: x"));
}

#[test]
fn a_maildir_without_its_slash_is_told() {
    let home = Home::new();
    home.maildir("Maildir");
    home.write(".qmail", "./Maildir\n");
    home.deliver("").must(111, "it is a directory; the path of a Maildir ends with /. (#4.2.1)");
}
