//! A secondary MX: a whole instance that keeps the mail of a real Postfix while that is down, knows its recipients, and hands
//! everything over when it is back.

use crate::callout::{institute, rcpt, relay};
use crate::postfix::{Postfix, has_postfix};
use stafett_test_e2e::{Client, Site, message, run, wait_until};
use std::fs;

struct Drill {
    primary: Postfix,
    secondary: Site,
}

impl Drill {
    /// The primary goes away, and mail for `b` waits on the disk of the secondary.
    fn outage(&self, subject: &str) {
        assert!(self.primary.command("stop").status().unwrap().success());
        let deferred = self.secondary.log("send").matches("deferral: ").count();
        let mut client = Client::greeted(self.secondary.port());
        client.deliver("a@sender.test", &["b@inst.test"], &message(subject)).must(250);
        let came = wait_until(30, || self.secondary.log("send").matches("deferral: ").count() > deferred);
        assert!(came, "{}", self.secondary.logs());
    }

    /// The primary comes back.
    fn back(&self) {
        assert!(self.primary.command("start").status().unwrap().success());
        let listens = || std::net::TcpStream::connect(("127.0.0.1", self.primary.port)).is_ok();
        assert!(wait_until(30, listens), "{}", self.primary.log());
    }

    fn has_arrived(&self, messages: usize) {
        let new = self.primary.place.path().join("mail/b/new");
        let arrived = wait_until(60, || fs::read_dir(&new).is_ok_and(|entries| entries.count() == messages));
        assert!(arrived, "{}\n{}", self.primary.log(), self.secondary.logs());
        self.secondary.drained(30);
    }

    /// The code of the reply to ETRN.
    fn etrn(&self, node: &str) -> u16 {
        Client::greeted(self.secondary.port()).command(&format!("ETRN {node}")).code
    }
}

#[test]
fn a_secondary_keeps_mail_knows_recipients_and_hands_over() {
    if !has_postfix("a_secondary_keeps_mail_knows_recipients_and_hands_over") {
        return;
    }
    let primary = institute();
    let secondary = relay(&primary, "callout", "inst.test:on\n");
    secondary.control("holdlifetime", "inst.test:2592000\n");
    secondary.control("etrn", "inst.test:127.0.0.1\nall.test:192.0.2.1\n");
    let judged = secondary.command("stafett-check").arg(secondary.root()).output().unwrap();
    assert_ne!(judged.status.code(), Some(100), "{}", String::from_utf8_lossy(&judged.stdout));
    assert_eq!((rcpt(&secondary, "b@inst.test").0, rcpt(&secondary, "nobody@inst.test").0), (250, 550), "{}", secondary.logs());
    let drill = Drill { primary, secondary };

    // It comes back, and says ETRN.
    drill.outage("asked-for");
    let codes = ["b@inst.test", "nobody@inst.test", "never.asked@inst.test"].map(|address| rcpt(&drill.secondary, address).0);
    assert_eq!(codes, [250, 550, 451], "{}", drill.secondary.logs());
    // Until it is left alone for a while, and the message waits on disk.
    let alone = wait_until(60, || {
        run(drill.secondary.command("qtool").arg("flush"));
        drill.secondary.log("send").contains("Not_tried,_because_") || deferrals(&drill.secondary) > 5
    });
    assert!(alone, "{}", drill.secondary.logs());
    drill.back();
    assert_eq!((drill.etrn("all.test"), drill.etrn("inst.test.")), (459, 250), "{}", drill.secondary.logs());
    drill.has_arrived(1);
    drill.secondary.logged("send", "etrn inst.test from 127.0.0.1: ");

    // It comes back, and says nothing.
    drill.outage("found-by-itself");
    drill.back();
    drill.has_arrived(2);

    // It comes back, and the admin knows it first.
    drill.outage("the-admin-knows");
    drill.back();
    run(drill.secondary.command("qtool").args(["retry", "--to", "@inst.test"]));
    drill.has_arrived(3);
    assert!(!drill.secondary.log("send").contains("bounce msg"), "{}", drill.secondary.logs());
}

fn deferrals(site: &Site) -> usize {
    site.log("send").matches("deferral: ").count()
}
