//! What lines of dot-qmail files do with mail: the small programs, lists by dot-qmail alone, aliases, and a list manager.

use crate::local::{JOE, Town, text};
use stafett_test_e2e::{Arrived, Client, Sink, Supervisor, has, is_root, message, run, skip, transfer, wait_until};
use std::fs;
use std::os::unix::fs::{MetadataExt, chown, symlink};
use std::path::Path;
use std::process::Command;

/// A town that sends mail for taken.test to a sink, and lets this host relay.
fn town(sink: &Sink) -> Town {
    let town = Town::new();
    town.site.control("smtproutes", &format!("taken.test:{}", sink.route().trim_start_matches(':')));
    town.site.rules("127.:allow,RELAYCLIENT=\"\"\n");
    town
}

/// The arrived message for this recipient.
fn for_recipient<'a>(arrived: &'a [Arrived], recipient: &str) -> &'a Arrived {
    let found = arrived.iter().find(|one| one.rcpts.iter().any(|rcpt| rcpt.contains(recipient)));
    found.unwrap_or_else(|| panic!("nothing for {recipient}: {arrived:?}"))
}

#[test]
fn dot_qmail_files_find_their_programs() {
    let sink = Sink::new();
    let mut town = town(&sink);
    for (name, lines) in [
        (".qmail-fwd", "|forward b@taken.test \"$EXT\"@taken.test\n"),
        (".qmail-redirect", "|condredirect ann@relay.test grep -q '^Subject: lists'\n./Maildir/\n"),
        (".qmail-say", "|bouncesaying 'gone for good' grep -q '^Subject: say'\n./Maildir/\n"),
        (".qmail-clean", "|except grep -q '^Subject: spam'\n./Maildir/\n"),
        (".qmail-pre", "|preline -d sh -c 'cat >lines'\n"),
        (".qmail-loop", "|forward joe-loop@relay.test\n"),
        (".qmail-make", "|maildirmake Made && mv Made Moved\n"),
    ] {
        town.write(&format!("joe/{name}"), JOE, lines);
    }
    town.site.start(Supervisor::Runit);
    let port = town.site.port();
    let send = |to: &str, subject: &str| transfer(port, "ann@relay.test", &format!("joe-{to}@relay.test"), &message(subject));
    send("fwd", "forwarded");
    let arrived = sink.messages(1, 60);
    let letter = for_recipient(&arrived, "fwd@taken.test");
    assert!(letter.mail.starts_with("<ann@relay.test>") && letter.rcpts.len() == 2, "{arrived:?}");
    assert!(letter.field("Delivered-To").is_some_and(|value| value.contains("joe-fwd@relay.test")), "{letter:?}");
    // To ann: what was sent on, and what came back.
    for (to, subject) in [("redirect", "lists one"), ("say", "say it"), ("clean", "spam"), ("loop", "round")] {
        send(to, subject);
    }
    town.has_mail("ann", 4);
    let all: String = town.mail("ann").iter().map(|path| fs::read_to_string(path).unwrap()).collect();
    for words in ["Delivered-To: joe-redirect@relay.test", "gone for good", "This message is looping"] {
        assert!(all.contains(words), "{words}: {all}");
    }
    // To joe: what they let through.
    for to in ["redirect", "say", "clean"] {
        send(to, "plain");
    }
    town.has_mail("joe", 3);
    send("pre", "lines");
    send("make", "make");
    town.site.drained(60);
    let lines = fs::read_to_string(town.home("joe").join("lines")).unwrap();
    assert!(lines.starts_with("From ann@relay.test ") && lines.contains("\nReturn-Path: <ann@relay.test>\nReceived: "), "{lines}");
    assert!(town.home("joe").join("Moved/new").is_dir());
    // The id of what was forwarded stands in the log of the delivery.
    assert!(town.site.log("send").lines().any(|line| line.contains("success: forward:_qp_1")), "{}", town.site.log("send"));
}

#[test]
fn a_closed_list_runs_by_dot_qmail_files_alone() {
    let sink = Sink::new();
    let mut town = town(&sink);
    let members = "|bouncesaying 'Members only.' except grep -qixF -e \"$SENDER\" members\n|forward $(cat members)\n";
    town.write("joe/.qmail-friends", JOE, members);
    town.write("joe/members", JOE, "b@taken.test\nann@relay.test\nc@taken.test\n");
    town.write("joe/.qmail-friends-owner", JOE, "./Maildir/\n");
    town.write("joe/.qmail-friends-owner-default", JOE, "|echo \"$DEFAULT\" >>bounced\n");
    town.site.start(Supervisor::Runit);
    let port = town.site.port();
    transfer(port, "ann@relay.test", "joe-friends@relay.test", &message("to friends"));
    let arrived = sink.messages(2, 60);
    for (member, sender) in
        [("b@taken.test", "<joe-friends-owner-b=taken.test@relay.test>"), ("c@taken.test", "<joe-friends-owner-c=taken.test@relay.test>")]
    {
        assert!(for_recipient(&arrived, member).mail.starts_with(sender), "{arrived:?}");
    }
    town.has_mail("ann", 1);
    assert!(text(&town.mail("ann")).starts_with("Return-Path: <joe-friends-owner-ann=relay.test@relay.test>\n"));
    // A bounce says whom it is about; a stranger is told to stay away.
    transfer(port, "", "joe-friends-owner-b=taken.test@relay.test", &message("bounce"));
    assert!(wait_until(60, || fs::read_to_string(town.home("joe").join("bounced")).is_ok_and(|text| text == "b=taken.test\n")));
    transfer(port, "joe@relay.test", "joe-friends@relay.test", &message("let me in"));
    town.has_mail("joe", 1);
    assert!(text(&town.mail("joe")).contains("Members only."), "{}", text(&town.mail("joe")));
    assert_eq!(sink.seen().arrived.len(), 2);
}

#[test]
fn aliases_are_known_to_smtpd_and_delivered() {
    let sink = Sink::new();
    let mut town = town(&sink);
    town.site.control("virtualdomains", "virtual.test:alias\n");
    let aliases = town.homes.path().join("aliases");
    let list = town.homes.path().join("list");
    let output = town.homes.path().join("output");
    fs::write(&list, "b@taken.test\nann\n").unwrap();
    fs::write(&output, "").unwrap();
    chown(&output, Some(fs::metadata(town.site.path("alias")).unwrap().uid()), None).unwrap();
    let source = format!(
        "postmaster: root\nroot: ann\nnews: :include:{}\nowner-news: joe\nreport: \"|cat >{}\"\n@virtual.test: c@taken.test\nsales@virtual.test: ann\n",
        list.display(),
        output.display()
    );
    fs::write(&aliases, source).unwrap();
    let newaliases = || run(town.site.command("stafett-aliases").arg(&aliases));
    newaliases();
    fs::write(town.site.path("alias/.qmail-default"), format!("| fastforward -d {}.cdb\n", aliases.display())).unwrap();
    fs::write(town.site.path("alias/.qmail-own"), "&ann@relay.test\n").unwrap();
    town.site.start(Supervisor::Runit);
    let mut client = Client::greeted(town.site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    // Without control/aliases the catch-all catches.
    client.command("RCPT TO:<nobody-here@relay.test>").must(250);
    town.site.control("aliases", &format!("{}\n", aliases.display()));
    assert!(wait_until(60, || client.command("RCPT TO:<nobody-here@relay.test>").code == 550));
    for known in ["postmaster", "ROOT", "owner-news", "own", "joe", "alias-news"] {
        client.command(&format!("RCPT TO:<{known}@relay.test>")).must(250);
    }
    client.command("RCPT TO:<any@virtual.test>").must(250);
    client.command("RCPT TO:<joe-x@relay.test>").must(550);
    let mut client = Client::greeted(town.site.port());
    client
        .deliver("a@sender.test", &["postmaster@relay.test", "sales@virtual.test", "report@relay.test"], &message("to aliases"))
        .must(250);
    town.has_mail("ann", 2);
    client.deliver("a@sender.test", &["news@relay.test", "any@virtual.test"], &message("to the list")).must(250);
    let arrived = sink.messages(2, 60);
    assert!(for_recipient(&arrived, "b@taken.test").mail.starts_with("<owner-news@relay.test>"), "{arrived:?}");
    assert!(for_recipient(&arrived, "c@taken.test").mail.starts_with("<a@sender.test>"), "{arrived:?}");
    town.has_mail("ann", 3);
    town.site.drained(60);
    let report = fs::read_to_string(&output).unwrap();
    assert!(report.starts_with("From a@sender.test ") && report.contains("\nDelivered-To: report@relay.test\n"), "{report}");
    // A table that cannot be read knows nobody, and is no reason to refuse anybody for good.
    fs::write(format!("{}.cdb", aliases.display()), "broken").unwrap();
    client.command("MAIL FROM:<a@sender.test>").must(250);
    // Who was found counts for a second.
    assert!(wait_until(60, || client.command("RCPT TO:<postmaster@relay.test>").code == 451));
    client.command("RCPT TO:<joe@relay.test>").must(250);
}

/// A list of mlmmj's in joe's home, which is sent by the relay itself.
fn mlmmj_list(town: &Town) {
    let list = town.home("joe").join("news");
    let directories = "incoming queue queue/discarded archive text subconf unsubconf bounce control moderation subscribers.d digesters.d requeue nomailsubs.d";
    fs::create_dir(&list).unwrap();
    directories.split(' ').for_each(|name| fs::create_dir(list.join(name)).unwrap());
    for (name, value) in [
        ("listaddress", "joe-news@relay.test"),
        ("owner", "ann@relay.test"),
        ("delimiter", "-"),
        ("relayhost", "127.0.0.1"),
        ("smtpport", &town.site.port().to_string()),
        ("tocc", ""),
    ] {
        fs::write(list.join("control").join(name), format!("{value}\n")).unwrap();
    }
    fs::write(list.join("index"), "").unwrap();
    for entry in fs::read_dir("/usr/share/mlmmj/text.skel/en").unwrap() {
        let entry = entry.unwrap();
        symlink(entry.path(), list.join("text").join(entry.file_name())).unwrap();
    }
    if is_root() {
        run(Command::new("chown").args(["-R", &JOE.to_string()]).arg(&list));
    }
    let line = format!("|/usr/bin/mlmmj-receive -L {}\n", list.display());
    town.write("joe/.qmail-news", JOE, &line);
    town.write("joe/.qmail-news-default", JOE, &line);
}

#[test]
fn a_list_of_mlmmj_is_subscribed_to_and_posted_to() {
    if has("mlmmj-receive").is_none() || !Path::new("/usr/share/mlmmj/text.skel/en").exists() {
        return skip("a_list_of_mlmmj_is_subscribed_to_and_posted_to", "mlmmj is not installed");
    }
    let sink = Sink::new();
    let mut town = town(&sink);
    mlmmj_list(&town);
    town.site.start(Supervisor::Runit);
    let port = town.site.port();
    let letter = |to: &str, subject: &str| {
        let text = format!("From: s@taken.test\r\nTo: <{to}>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@taken.test>\r\n\r\nbody\r\n");
        transfer(port, "s@taken.test", to, text.as_bytes())
    };
    letter("joe-news-subscribe@relay.test", "subscribe");
    let asked = sink.messages(1, 60);
    let confirm = asked[0].field("Reply-To").unwrap_or_default();
    assert!(confirm.starts_with("joe-news-confsub-") || confirm.starts_with("<joe-news-confsub-"), "{asked:?}");
    letter(confirm.trim_matches(['<', '>']), "confirm");
    let welcome = sink.messages(2, 60);
    assert!(welcome[1].rcpts.iter().any(|rcpt| rcpt.contains("s@taken.test")), "{welcome:?}");
    letter("joe-news@relay.test", "news");
    let posted = sink.messages(3, 60);
    let post = &posted[2];
    assert!(post.mail.starts_with("<joe-news-bounces-1-s=taken.test@relay.test>"), "{posted:?}");
    assert_eq!(post.field("Subject").as_deref(), Some("news"));
    // What bounces is counted.
    transfer(port, "", "joe-news-bounces-1-s=taken.test@relay.test", &message("bounce"));
    town.site.drained(60);
    assert!(wait_until(60, || fs::read_dir(town.home("joe").join("news/bounce")).unwrap().count() > 0), "{}", town.site.log("send"));
}
