//! What a sender asks to be told, through a program that sends the message on.

use crate::local::{JOE, Town};
use stafett_test_e2e::{Client, Supervisor, message, run};

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
