//! What a sender asks to be told, through programs that stand between.

use crate::local::{JOE, Town};
use stafett_test_e2e::{Act, Client, Sink, Site, Step, Supervisor, message, program, run, scratch};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

/// An instance whose messages go through this script, which finds stafett-queue and sendmail by `$queue` and `$sendmail`.
fn filtered(place: &Path, script: &str) -> Site {
    let mut site = Site::new();
    let filter = place.join("filter");
    let (queue, sendmail) = (program("stafett-queue"), program("stafett-sendmail"));
    let begin = format!("#!/bin/sh\nqueue='{}' sendmail='{}'\n", queue.display(), sendmail.display());
    fs::write(&filter, format!("{begin}{script}")).unwrap();
    fs::set_permissions(&filter, fs::Permissions::from_mode(0o755)).unwrap();
    site.control("rcpthosts", "taken.test\n");
    site.rules(&format!("127.:allow,QMAILQUEUE=\"{}\"\n", filter.display()));
    fs::write(site.path("service/smtpd/env/LANDLOCKREAD"), place.to_str().unwrap()).unwrap();
    site.start(Supervisor::Runit);
    site
}

#[test]
fn what_the_sender_asked_for_goes_on_by_forward() {
    let mut town = Town::new();
    town.site.control("holdremote", "1\n");
    town.write("joe/.qmail-out", JOE, "|forward b@taken.test\n");
    town.site.start(Supervisor::Runit);
    let mut client = Client::greeted(town.site.port());
    client.command("MAIL FROM:<a@sender.test> RET=HDRS ENVID=X+2B1").must(250);
    client.command("RCPT TO:<joe-out@relay.test> NOTIFY=SUCCESS,DELAY ORCPT=rfc822;joe@old.test").must(250);
    client.data(&message("out")).must(250);
    // What it leaves: the message that went on, and the notification that it did.
    town.site.logged("send", "end msg ");
    let waiting = run(town.site.command("qtool").args(["print", "--envelope", "--all"]));
    assert!(waiting.contains("\nto b@taken.test\nnotify DELAY\norcpt rfc822;joe@old.test\n"), "{waiting}");
    assert!(waiting.contains("ret HDRS\n") && waiting.contains("envid X+2B1\n"), "{waiting}");
    assert!(waiting.contains("\nto a@sender.test\n"), "{waiting}");
}

#[test]
fn a_report_of_success_comes_through_a_filter() {
    let sink = Sink::scripted(|step, _| match step {
        // No DSN, so that success is reported on this side.
        Step::Ehlo => Act::Say("250-sink.test\r\n250 PIPELINING".to_owned()),
        _ => Act::Accept,
    });
    let place = scratch();
    let site = filtered(place.path(), "{ echo X-Filtered: yes; cat; } | \"$queue\"\n");
    site.control("smtproutes", &sink.route());
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<\"a b\"@taken.test> RET=HDRS ENVID=X+2B1").must(250);
    client.command("RCPT TO:<\"joe doe\"@taken.test> NOTIFY=SUCCESS ORCPT=rfc822;joe@old.test").must(250);
    client.command("RCPT TO:<quiet@taken.test>").must(250);
    client.data(&message("filtered")).must(250);
    let arrived = sink.messages(2, 15);
    assert!(String::from_utf8_lossy(&arrived[0].data).contains("X-Filtered: yes\r\n"));
    let report = String::from_utf8_lossy(&arrived[1].data);
    assert!(arrived[1].rcpts[0].starts_with("<\"a b\"@taken.test>"), "{:?}", arrived[1]);
    for line in
        ["Original-Envelope-Id: X+1", "Original-Recipient: rfc822;joe@old.test", "Action: relayed", "Content-Type: text/rfc822-headers"]
    {
        assert!(report.contains(line), "{report}");
    }
    assert!(!report.contains("quiet@taken.test"), "{report}");
}

#[test]
fn what_a_filter_sends_itself_has_no_wishes_of_the_sender() {
    let place = scratch();
    // A notification by stafett-queue and one by sendmail, the second with a wish of its own; then the message.
    let script = "cat >\"$STAFETT/spool/message.$$\"; cat <&1 >\"$STAFETT/spool/envelope.$$\"\n\
        printf 'Fa@taken.test\\0Tpostmaster@taken.test\\0\\0' >\"$STAFETT/spool/other.$$\"\n\
        echo filtered | \"$queue\" 1<\"$STAFETT/spool/other.$$\" || exit 71\n\
        echo filtered | \"$sendmail\" -f a@taken.test -N delay admin@taken.test || exit 71\n\
        exec \"$queue\" <\"$STAFETT/spool/message.$$\" 1<\"$STAFETT/spool/envelope.$$\"\n";
    let site = filtered(place.path(), script);
    site.control("holdremote", "1\n");
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@taken.test> RET=HDRS ENVID=X+2B1").must(250);
    client.command("RCPT TO:<b@taken.test> NOTIFY=NEVER ORCPT=rfc822;joe@old.test").must(250);
    client.data(&message("filtered")).must(250);
    let waiting = run(site.command("qtool").args(["print", "--envelope", "--all"]));
    for wanted in ["\nto b@taken.test\nnotify NEVER\norcpt rfc822;joe@old.test\n", "\nto admin@taken.test\nnotify DELAY\n"] {
        assert_eq!(waiting.matches(wanted).count(), 1, "{waiting}");
    }
    assert!(waiting.contains("\nto postmaster@taken.test\n"), "{waiting}");
    for once in ["ret ", "envid ", "orcpt ", "notify NEVER"] {
        assert_eq!(waiting.lines().filter(|line| line.starts_with(once)).count(), 1, "{once} {waiting}");
    }
}
