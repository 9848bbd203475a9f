//! Recipients that the next host decides about, on a whole relay with a real Postfix behind it: the relay of an institute
//! that verifies every recipient at RCPT and sends no bounce for what strangers bring.

use crate::postfix::{Postfix, has_postfix};
use stafett_test_e2e::{Client, Site, Supervisor, message, run, wait_until};
use std::fs;
use std::process::Command;

/// An institute: `b` has a mailbox, `grey` is put off, at all.test everybody has one.
pub fn institute() -> Postfix {
    let postfix = Postfix::start(
        "virtual_mailbox_domains = inst.test all.test\nvirtual_mailbox_base = /\n\
         virtual_mailbox_maps = inline:{b@inst.test=PLACE/mail/b/, grey@inst.test=PLACE/mail/b/, @all.test=PLACE/mail/b/}\n\
         virtual_uid_maps = static:65534\nvirtual_gid_maps = static:65534\nlocal_recipient_maps =\n\
         smtpd_recipient_restrictions = check_recipient_access inline:{{grey@inst.test=450 4.2.0 greylisted come again}} permit",
    );
    let main = postfix.place.path().join("etc/main.cf");
    let settings = fs::read_to_string(&main).unwrap().replace("PLACE", postfix.place.path().to_str().unwrap().trim_start_matches('/'));
    fs::write(&main, settings).unwrap();
    run(Command::new("chown").arg("nobody").arg(postfix.place.path().join("mail")));
    assert!(postfix.command("reload").status().unwrap().success());
    postfix
}

pub fn relay(postfix: &Postfix, services: &str, callout: &str) -> Site {
    let mut site = Site::new();
    let made = site.setup(&["--with", services]);
    assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
    site.control("rcpthosts", "inst.test\nall.test\n");
    site.control("smtproutes", &format!(":127.0.0.1:{}\n", postfix.port));
    site.control("callout", callout);
    // A relay that delivers nothing must still be able to tell somebody about what it accepted and lost.
    site.control("doublebouncehost", "inst.test\n");
    site.start(Supervisor::Runit);
    let listens = |service: &str| site.path("run").join(service).join("socket").exists();
    assert!(wait_until(20, || services.split(',').all(listens)), "{}", site.logs());
    site
}

/// The code of the reply to a recipient on a connection of its own.
pub fn rcpt(site: &Site, recipient: &str) -> (u16, String) {
    let mut client = Client::greeted(site.port());
    assert_eq!(client.command("MAIL FROM:<a@sender.test>").code, 250);
    let reply = client.command(&format!("RCPT TO:<{recipient}>"));
    (reply.code, reply.text)
}

#[test]
fn unknown_recipients_are_refused_at_rcpt_and_known_ones_outlive_their_host() {
    if !has_postfix("unknown_recipients_are_refused_at_rcpt_and_known_ones_outlive_their_host") {
        return;
    }
    let postfix = institute();
    let site = relay(&postfix, "callout", ":on yes=0 no=0\n");
    assert_eq!(rcpt(&site, "b@inst.test").0, 250, "{}", site.logs());
    let (code, text) = rcpt(&site, "nobody@inst.test");
    assert!(code == 550 && text.contains("the recipient's host said: 550 5.1.1") && text.contains("User unknown"), "{code} {text}");
    let (code, text) = rcpt(&site, "grey@inst.test");
    assert!(code == 450 && text.contains("greylisted come again"), "{code} {text}");
    assert_eq!(rcpt(&site, "any.one@all.test").0, 250);
    site.logged("callout", "every recipient of all.test is accepted by 127.0.0.1:");
    site.logged("smtpd", "refuse control/callout:1 from <a@sender.test> to <nobody@inst.test> ");

    assert!(postfix.command("stop").status().unwrap().success());
    assert_eq!(rcpt(&site, "b@inst.test").0, 250, "{}", site.logs());
    assert_eq!(rcpt(&site, "nobody@inst.test").0, 550, "it was not there a moment ago");
    assert_eq!(rcpt(&site, "never.asked@inst.test").0, 451);
    assert_eq!(rcpt(&site, "some.one@all.test").0, 250);
    let mut client = Client::greeted(site.port());
    client.deliver("a@sender.test", &["b@inst.test"], &message("while-it-is-down"));
    assert!(postfix.command("start").status().unwrap().success());
    assert!(wait_until(20, || std::net::TcpStream::connect(("127.0.0.1", postfix.port)).is_ok()));
    let new = postfix.place.path().join("mail/b/new");
    let arrived = wait_until(60, || {
        run(site.command("qtool").arg("flush"));
        fs::read_dir(&new).is_ok_and(|entries| entries.count() == 1)
    });
    assert!(arrived, "{}\n{}", postfix.log(), site.logs());
    site.drained(20);
    // nothing but the question was ever said for those who were not delivered to
    assert!(!site.log("send").contains("bounce msg"), "{}", site.logs());
}

#[test]
fn an_institute_relay_is_made_of_control_files_alone() {
    if !has_postfix("an_institute_relay_is_made_of_control_files_alone") {
        return;
    }
    let postfix = institute();
    let site = relay(&postfix, "callout,limit", "inst.test:on wait=20\n");
    site.control("databytes", "52428800\n");
    site.control("validrcptto", "@inst.test\nlisted@all.test\n");
    site.control("greylist", "exempt clients 129.187.254.0/23 2001:4ca0:0:103::/64\n");
    site.control("limits", "recipients per network 2/hour\nexempt 129.187.254.0/23 2001:4ca0:0:103::/64\n");
    site.control("xclient", "127.0.0.1\n");
    site.rules("192.0.2.5:allow,RELAYCLIENT=\"\"\n:allow\n");
    let judged = site.command("stafett-check").arg(site.root()).output().unwrap();
    assert_ne!(judged.status.code(), Some(100), "{}", String::from_utf8_lossy(&judged.stdout));
    let from = |address: &str, to: &str| {
        let mut client = Client::greeted(site.port());
        assert_eq!(client.command(&format!("XCLIENT ADDR={address}")).code, 220);
        assert_eq!(client.command("EHLO c.test").code, 250);
        assert_eq!(client.command("MAIL FROM:<a@sender.test>").code, 250);
        client.command(&format!("RCPT TO:<{to}>")).code
    };
    for (address, to, code) in [
        // exempt from limits and greylisting, and yet no recipient passes whom the institute does not know
        ("129.187.255.9", "b@inst.test", 250),
        ("129.187.255.9", "nobody@inst.test", 550),
        ("129.187.255.9", "listed@all.test", 250),
        ("129.187.255.9", "b@inst.test", 250),
        ("129.187.255.9", "other@all.test", 550),
        ("129.187.255.9", "x@elsewhere.test", 553),
        ("IPV6:2001:4ca0:0:103::9", "b@inst.test", 250),
        ("IPV6:2001:4ca0:0:103::9", "nobody@inst.test", 550),
        // strangers come twice
        ("198.51.100.7", "b@inst.test", 451),
        ("IPV6:2001:4ca0:0:104::9", "b@inst.test", 451),
        // what may send anywhere is not asked about
        ("192.0.2.5", "nobody@inst.test", 250),
        ("192.0.2.5", "x@elsewhere.test", 250),
    ] {
        assert_eq!(from(address, to), code, "{address} to {to}\n{}", site.logs());
    }
}
