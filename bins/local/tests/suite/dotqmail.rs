use crate::common::Home;
use std::fs;

#[test]
fn the_nearest_file_counts() {
    let home = Home::new();
    home.maildir("Maildir");
    home.deliver("list").must(100, "no mailbox here by that name. (#5.1.1)");
    home.write(".qmail-default", "|echo default $DEFAULT\n");
    home.write(".qmail-a-default", "|echo a $DEFAULT\n");
    home.write(".qmail-a-b:c", "|echo abc $EXT $EXT2 [$DEFAULT]\n");
    home.deliver("list").must(0, "default list\ndid 0+0+1");
    home.deliver("A-x-y").must(0, "a x-y\n");
    home.deliver("a-B.c").must(0, "abc a-B.c B.c []\n");
    home.deliver("../../etc").must(0, "default ../../etc");
    home.deliver("").must(0, "did 1+0+0");
}

#[test]
fn lines_are_understood_as_qmail_does() {
    let home = Home::new();
    home.write(".qmail", "# nothing\n\n|cat >/dev/null\n./Mailbox  \n/x/y/\n&b@example.org\nc@example.org\n|last");
    let wanted =
        "program cat >/dev/null\nmbox ./Mailbox\nmaildir /x/y/\nforward b@example.org\nforward c@example.org\nprogram last\ndid 2+2+2";
    home.tell("").must(0, wanted);
    home.write(".qmail", "\n./Mailbox\n");
    home.deliver("").must(111, "first line of .qmail file is blank. (#4.2.1)");
    home.write(".qmail", "#\n");
    home.deliver("").must(0, "did 0+0+0");
}

#[test]
fn a_file_that_may_be_executed_only_forwards() {
    let home = Home::new();
    for (text, words) in [("./Mailbox\n", "file delivery"), ("|true\n", "prog delivery"), ("+list\n./Mailbox\n", "file delivery")] {
        home.write(".qmail", text);
        home.set_mode(".qmail", if text.starts_with('+') { 0o600 } else { 0o700 });
        home.deliver("").must(111, words).must(111, "x bit set. (#4.7.0)");
    }
    assert!(!home.path("Mailbox").exists());
}

#[test]
fn what_a_file_would_do_is_told_while_the_user_edits_it() {
    let home = Home::new();
    home.write(".qmail", "./Maildir/\n");
    home.set_mode("", 0o1755);
    home.tell("").must(0, "Warning: home directory is sticky.\nmaildir ./Maildir/\ndid 1+0+0");
    home.set_mode("", 0o757);
    home.tell("").must(111, "home directory is writable");
}

#[test]
fn no_line_is_carried_out_before_one_that_never_can_be() {
    let home = Home::new();
    let long = format!("|true {}", "x".repeat(128 * 1024));
    for (last, words) in [
        ("&", "is no address"),
        ("~/Maildir/", "the path of a Maildir begins with / or ./"),
        ("+list\n|true", "x bit set"),
        ("+lists", "there is only +list"),
        ("|true \0", "prog delivery with a NUL byte"),
        ("./Mail\0box", "file delivery with a NUL byte"),
        (&long, "prog delivery with a line of"),
    ] {
        home.write(".qmail", &format!("./Mailbox\n|touch began\n{last}\n"));
        home.deliver("").must(111, words);
        assert!(!home.path("Mailbox").exists() && !home.path("began").exists());
    }
}

#[test]
fn the_home_is_judged() {
    let home = Home::new();
    home.maildir("Maildir");
    for (mode, words) in [(0o1755, "sticky"), (0o777, "home directory is writable"), (0o000, "Unable to switch")] {
        home.set_mode("", mode);
        home.deliver("").must(111, words);
    }
    home.set_mode("", 0o755);
    home.write(".qmail", "./Maildir/\n");
    home.set_mode(".qmail", 0o666);
    home.deliver("").must(111, ".qmail file is writable. (#4.7.0)");
    home.set_mode(".qmail", 0o000);
    home.deliver("").must(111, "Unable to open .qmail");
    fs::remove_file(home.path(".qmail")).unwrap();
    home.deliver("").must(0, "did 1+0+0");
    home.write(".qmail-dir", "x");
    fs::remove_file(home.path(".qmail-dir")).unwrap();
    fs::create_dir(home.path(".qmail-dir")).unwrap();
    home.deliver("dir").must(100, "no mailbox");
}

#[test]
fn a_message_that_was_here_is_returned() {
    let home = Home::new();
    home.maildir("Maildir");
    let looped = "Delivered-To: joe@mail.example.org\nSubject: x\n\n";
    home.deliver_from("", "", looped).must(100, "already has my Delivered-To line. (#5.4.6)");
    home.deliver_from("", "", "Subject: x\n\nDelivered-To: joe@mail.example.org\n").must(0, "");
    home.deliver_from("", "", "Delivered-To: joe-x@mail.example.org\n\n").must(0, "");
    let hops = "RECEIVED: by a\n".repeat(100) + "\n";
    home.deliver_from("", "", &hops).must(100, "(#5.4.6)");
}

#[test]
fn lists_have_a_sender_of_their_own() {
    let home = Home::new();
    home.write(".qmail-list", "|echo $NEWSENDER\n");
    home.deliver("list").must(0, "a@example.net\n");
    home.write(".qmail-list-owner", "");
    home.deliver("list").must(0, "joe-list-owner@mail.example.org\n");
    home.write(".qmail-list-owner-default", "");
    home.deliver("list").must(0, "joe-list-owner-@mail.example.org-@[]\n");
    home.deliver_from("list", "", "\n").must(0, "\ndid");
    home.deliver_from("list", "#@[]", "\n").must(0, "#@[]\n");
}
