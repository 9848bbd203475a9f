//! Signed mail on its way: what stafett-dkim signs and seals, judged behind Postfix by dkimpy, opendkim and stafett-verify; and
//! rewritten senders, there and back.

use crate::authentication::Unbound;
use crate::filters::Peer;
use crate::postfix::{Postfix, has_postfix};
use crate::queue::inject;
use stafett_test_e2e::{Act, Arrived, Client, Sink, Site, Step, Supervisor, has, message, run, scratch, skip, transfer, wait_until};
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// dkimpy, as the tests of stafett-dkim use it.
const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bins/dkim/tests/judge.py");
const ALL: &str = "127.0.0.1:allow,RELAYCLIENT=\"\"\n:allow\n";
const STRANGERS: &str = ":allow\n";
/// Everything that a relay might fold, strip or stuff.
const MESSAGE: &[u8] = b"From: Cron <cron@host.sign.test>\r\nTo: b@taken.test\r\nSubject: change\r\nReferences: <1@a>\r\n\t<2@a>  \r\n\
                         Date: Sat, 21 Nov 2026 10:00:00 +0000\r\nMessage-ID: <1@sign.test>\r\n\r\n text \t of blanks  \r\n..\r\n\r\n\r\n";

/// Makes a key and gives its record: name and text.
fn key(site: &Site, options: &[&str], domain: &str, selector: &str) -> (String, String) {
    let made = run(site.command("stafett-dkim").arg("genkey").args(options).arg(site.root()).args([domain, selector]));
    let (name, text) = made.split_once(". IN TXT ( ").unwrap();
    (name.to_owned(), text.trim_end().trim_end_matches(" )").to_owned())
}

/// An instance with the service, not started.
fn signing(with: &str, files: &[(&str, &str)]) -> Site {
    let site = Site::new();
    let made = site.setup(&["--with", with]);
    assert!(made.status.success(), "{made:?}");
    files.iter().for_each(|(name, text)| site.control(name, text));
    site
}

/// Starts it with these rules, and waits for the services that are asked.
fn start(site: &mut Site, rules: &str, asked: &[&str]) {
    // the keys get their owner
    assert!(site.setup(&[]).status.success());
    site.rules(rules);
    site.start_only(Supervisor::Runit);
    assert!(site.is_up(30), "{}", site.logs());
    asked.iter().for_each(|service| site.logged(service, "status: ready"));
}

/// Files in which judges look for records and messages.
struct Judges(tempfile::TempDir);

impl Judges {
    fn new(records: &[(String, String)]) -> Judges {
        let place = scratch();
        let plain = |text: &str| text.replace("\" \"", "").replace('"', "");
        let lines: String = records.iter().map(|(name, text)| format!("{name} {}\n", plain(text))).collect();
        fs::write(place.path().join("records"), lines).unwrap();
        let conf = format!("TestPublicKeys {}\nMode v\nSyslog no\n", place.path().join("records").display());
        fs::write(place.path().join("conf"), conf).unwrap();
        Judges(place)
    }

    fn path(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    fn dkimpy(&self, arrived: &Arrived) -> String {
        fs::write(self.path("message"), &arrived.data).unwrap();
        let mut command = Command::new("/usr/bin/python3");
        command.arg(JUDGE).arg(self.path("records")).stdin(fs::File::open(self.path("message")).unwrap());
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    fn opendkim(&self, arrived: &Arrived) -> String {
        fs::write(self.path("message"), &arrived.data).unwrap();
        let mut command = Command::new(has("opendkim").unwrap());
        command.arg("-x").arg(self.path("conf")).arg("-t").arg(self.path("message")).stdin(Stdio::null());
        let output = command.output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }
}

fn lacks(test: &str) -> bool {
    let missing: Vec<&str> = ["unbound", "opendkim"].into_iter().filter(|name| has(name).is_none()).collect();
    let dkimpy = Command::new("/usr/bin/python3").args(["-c", "import dkim, nacl.signing"]).output();
    if !missing.is_empty() || !dkimpy.is_ok_and(|output| output.status.success()) {
        skip(test, "needs unbound, opendkim, python3-dkim and python3-nacl");
        return true;
    }
    false
}

/// The last fields of the header that a relay of ours put in front, unfolded.
fn results(arrived: &Arrived) -> String {
    arrived.field("Authentication-Results").unwrap_or_default()
}

#[test]
fn a_signature_survives_postfix_and_a_seal_tells_of_it() {
    const TEST: &str = "a_signature_survives_postfix_and_a_seal_tells_of_it";
    if lacks(TEST) || !has_postfix(TEST) {
        return;
    }
    let Some((_filter, filter)) = Peer::scripted(scratch().path()) else { return skip(TEST, "python3-milter is not installed") };
    let sink = Sink::new();
    // the second relay is a stranger to the first, and seals what it passes on
    let mut second = signing("dkim,verify", &[("rcpthosts", "taken.test\n"), ("smtproutes", &sink.route()), ("dmarcbehavior", "1\n")]);
    second.control("arcseal", "taken.test:seal.test:arc\n");
    let postfix = Postfix::start(&format!("relayhost = [127.0.0.1]:{}\n", second.port()));
    let first = [
        ("rcpthosts", "taken.test\n"),
        ("smtproutes", &format!(":127.0.0.1:{}\n", postfix.port)),
        ("milters", &format!("inet:127.0.0.1:{filter}\n")),
        ("masquerade", "cron@.sign.test:it@sign.test\n"),
        ("dkimsign", "*sign.test:sign.test:rsa,ed\n"),
    ];
    let mut first = signing("dkim,milter", &first);
    let keys =
        [key(&first, &[], "sign.test", "rsa"), key(&first, &["--ed25519"], "sign.test", "ed"), key(&second, &[], "seal.test", "arc")];
    let unbound = Unbound::serving(&keys.each_ref().map(|(name, text)| format!("{name}. 60 IN TXT {text}")));
    let judges = Judges::new(&keys);
    second.control("resolvers", &format!("127.0.0.1:{}\n", unbound.port));
    start(&mut second, STRANGERS, &["dkim", "verify"]);
    start(&mut first, ALL, &["dkim", "milter"]);

    // what a filter and the mask change is signed as it becomes
    transfer(first.port(), "cron@host.sign.test", "b@taken.test", MESSAGE);
    let arrived = sink.messages(1, 60).remove(0);
    let text = String::from_utf8_lossy(&arrived.data).into_owned();
    assert!(text.contains("Subject: changed") && text.contains("<it@sign.test>") && text.contains("another body"), "{text}");
    assert!(text.contains("postfix.test (Postfix)"), "{text}");
    assert_eq!(text.matches("\r\nDKIM-Signature: ").count(), 2, "{text}");
    let said = judges.dkimpy(&arrived);
    assert!(said.starts_with("dkim=pass\ndkim=pass\narc=pass"), "{said}\n{text}");
    let said = judges.opendkim(&arrived);
    assert!(said.contains("s=rsa, d=sign.test, 2048-bit key) succeeded"), "{said}");
    let found = results(&arrived);
    for selector in ["rsa header.a=rsa-sha256", "ed header.a=ed25519-sha256"] {
        assert!(found.contains(&format!("dkim=pass header.d=sign.test header.s={selector}")), "{found}");
    }
    assert!(arrived.field("ARC-Authentication-Results").unwrap().starts_with("i=1; relay.test; "), "{text}");

    // as it came, with blanks and dots
    let plain = String::from_utf8_lossy(MESSAGE).replace("Subject: change", "Subject: plain");
    transfer(first.port(), "cron@host.sign.test", "b@taken.test", plain.as_bytes());
    let whole = sink.messages(2, 60).remove(1);
    assert!(judges.dkimpy(&whole).starts_with("dkim=pass\ndkim=pass\narc=pass"), "{}", String::from_utf8_lossy(&whole.data));

    // changed afterwards, it fails, and the seal of the second station goes on from the first one's
    let broken = String::from_utf8_lossy(&whole.data).replace(" text", " other text").replace("relay.test;", "other.test;");
    transfer(second.port(), "x@other.test", "b@taken.test", broken.as_bytes());
    let again = sink.messages(3, 60).remove(2);
    let found = results(&again);
    assert!(!found.contains("dkim=pass") && found.contains("dkim=fail") && found.contains("arc=fail"), "{found}");
    assert!(again.field("ARC-Seal").unwrap().contains("cv=fail"), "{}", String::from_utf8_lossy(&again.data));
    // whole, the chain holds
    transfer(second.port(), "x@other.test", "b@taken.test", &whole.data);
    let twice = sink.messages(4, 60).remove(3);
    assert!(twice.field("ARC-Seal").unwrap().starts_with("i=2; a=rsa-sha256; ") && results(&twice).contains("arc=pass"));
    assert!(judges.dkimpy(&twice).contains("arc=pass"), "{}", String::from_utf8_lossy(&twice.data));
}

#[test]
fn nothing_is_sent_unsigned_and_bounces_are_signed_too() {
    const TEST: &str = "nothing_is_sent_unsigned_and_bounces_are_signed_too";
    if lacks(TEST) {
        return;
    }
    let sink = Sink::scripted(|step, _| match step {
        Step::Rcpt(to) if to.contains("nobody@") => Act::Say("550 5.1.1 nobody here".to_owned()),
        _ => Act::Accept,
    });
    let files = [("rcpthosts", "taken.test\n"), ("smtproutes", &sink.route()), ("bouncehost", "sign.test\n")];
    let mut site = signing("dkim", &files);
    site.control("dkimsign", "*sign.test:sign.test:rsa,ed\n");
    let keys = [key(&site, &[], "sign.test", "rsa"), key(&site, &["--ed25519"], "sign.test", "ed")];
    let judges = Judges::new(&keys);
    start(&mut site, ALL, &["dkim"]);
    transfer(site.port(), "a@taken.test", "nobody@taken.test", &message("to nobody"));
    let bounce = sink.messages(1, 60).remove(0);
    assert_eq!(bounce.field("From").as_deref(), Some("MAILER-DAEMON@sign.test"));
    let said = judges.dkimpy(&bounce);
    assert!(said.starts_with("dkim=pass\ndkim=pass\n"), "{said}\n{}", String::from_utf8_lossy(&bounce.data));

    // of a program: what begins here, and what it only passes on
    let to = b"Fa@sign.test\0Tb@taken.test\0\0";
    assert_eq!(inject(&site, b"From: a@sign.test\nSubject: begins\n\nhere  \n", to), Some(0));
    let begun = sink.messages(2, 60).remove(1);
    assert!(judges.dkimpy(&begun).starts_with("dkim=pass\ndkim=pass\n"), "{}", String::from_utf8_lossy(&begun.data));
    assert_eq!(inject(&site, b"Received: from x\nFrom: a@sign.test\nSubject: forwarded\n\nforged\n", to), Some(0));
    assert!(!judges.dkimpy(&sink.messages(3, 60).remove(2)).contains("dkim="));

    run(Command::new("sv").arg("down").arg(site.path("service/dkim")));
    assert!(wait_until(30, || site.processes("stafett-dkim").is_empty()));
    let mut client = Client::greeted(site.port());
    let mut send = || {
        client.command("MAIL FROM:<a@sign.test>").must(250);
        client.command("RCPT TO:<b@taken.test>").must(250);
        client.data(b"From: a@sign.test\r\n\r\nsigned\r\n").code
    };
    assert_eq!(send(), 451);
    assert!(inject(&site, b"From: a@sign.test\n\nx\n", to).is_some_and(|code| (41..100).contains(&code)));
    // what would not be signed anyway does not wait
    transfer(site.port(), "a@sign.test", "b@taken.test", b"From: a@other.test\r\n\r\nunsigned\r\n");
    assert_eq!(inject(&site, b"From: a@other.test\n\nunsigned\n", to), Some(0));
    assert_eq!(inject(&site, b"Received: from x\nFrom: a@sign.test\n\npassed on\n", to), Some(0));
    sink.messages(6, 60);
    site.logged("smtpd", "unable to have stafett-dkim sign a message");
    run(Command::new("sv").arg("up").arg(site.path("service/dkim")));
    assert!(wait_until(30, || site.log("dkim").matches("status: ready").count() == 2), "{}", site.logs());
    assert_eq!(send(), 250);
    let signed = sink.messages(7, 60).remove(6);
    assert!(judges.dkimpy(&signed).starts_with("dkim=pass\ndkim=pass\n"));
}

#[test]
fn a_rewritten_sender_brings_bounces_home_and_opens_no_relay() {
    let sink = Sink::scripted(|step, _| match step {
        Step::Rcpt(to) if to.contains("nobody@") => Act::Say("550 5.1.1 nobody here".to_owned()),
        _ => Act::Accept,
    });
    let files =
        [("rcpthosts", "members.test\n"), ("smtproutes", &sink.route()), ("srsdomain", "srs.test\n"), ("srsforward", "members.test\n")];
    let mut site = signing("dkim", &files);
    site.control("srssecrets", "a secret that nobody guesses\n");
    start(&mut site, STRANGERS, &["dkim"]);
    transfer(site.port(), "a@sender.test", "c@members.test", &message("forwarded"));
    let forwarded = sink.messages(1, 60).remove(0);
    let rewritten = forwarded.mail.trim_start_matches('<').split('>').next().unwrap().to_owned();
    assert!(rewritten.starts_with("SRS0=") && rewritten.ends_with("=sender.test=a@srs.test"), "{rewritten}");
    // another host finds that c is gone
    transfer(site.port(), "", &rewritten.to_lowercase(), &message("bounce"));
    let home = sink.messages(2, 60).remove(1);
    assert!(home.rcpts.iter().any(|to| to.contains("<a@sender.test>")), "{:?}", home.rcpts);
    // our own bounce
    transfer(site.port(), "a@sender.test", "nobody@members.test", &message("to nobody"));
    let home = sink.messages(3, 60).remove(2);
    assert!(home.rcpts.iter().any(|to| to.contains("<a@sender.test>")), "{:?}", home.rcpts);
    assert!(home.mail.starts_with("<>"), "{}", home.mail);
    let forged = rewritten.replace("=a@", "=victim@");
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<>").must(250);
    for to in [&forged, &rewritten.replace("=sender.test", "=victim.test"), &rewritten.replace("SRS0", "SRS1")] {
        client.command(&format!("RCPT TO:<{to}>")).must(550);
    }
    client.command("RCPT TO:<a@sender.test>").must(553);
}

/// The sender in a MAIL command.
fn sender(arrived: &Arrived) -> String {
    arrived.mail.trim_start_matches('<').split('>').next().unwrap().to_owned()
}

/// The message for that recipient.
fn to(sink: &Sink, count: usize, recipient: &str) -> Arrived {
    let found = sink.messages(count, 60).into_iter().find(|one| one.rcpts.iter().any(|to| to.starts_with(&format!("<{recipient}>"))));
    found.unwrap_or_else(|| panic!("nothing for {recipient}"))
}

#[test]
fn what_users_send_on_has_a_sender_that_leads_back_and_nobody_else_sees_it() {
    let sink = Sink::new();
    let files = [
        ("rcpthosts", "relay.test\ninner.test\n"),
        ("smtproutes", &*sink.route()),
        ("srsdomain", "srs.test\n"),
        ("srsforward", "*\n"),
        ("srssecrets", "a secret that nobody guesses\n"),
    ];
    let mut site = signing("dkim,local", &files);
    let (home, owner) = (scratch(), fs::metadata("/proc/self").unwrap().uid());
    let number = if owner == 0 { 61_001 } else { owner };
    fs::set_permissions(home.path(), fs::Permissions::from_mode(0o755)).unwrap();
    symlink(site.command("stafett-dot").get_program(), home.path().join("forward")).unwrap();
    let program = "|./forward program@far.test\n".to_owned();
    for (name, text) in [
        (".qmail", "&out@far.test\n./Maildir/\n".to_owned()),
        (".qmail-inner", "&b@inner.test\n".to_owned()),
        (".qmail-list", "&member@far.test\n".to_owned()),
        (".qmail-list-owner", String::new()),
        (".qmail-program", program),
    ] {
        fs::write(home.path().join(name), text).unwrap();
    }
    run(Command::new("mkdir").current_dir(home.path()).args(["-p", "Maildir/tmp", "Maildir/new", "Maildir/cur"]));
    if owner == 0 {
        run(Command::new("chown").arg("-R").arg(format!("{number}:{number}")).arg(home.path()));
    }
    let place = home.path().display();
    fs::write(site.path("users/assign"), format!("=joe:joe:{number}:{number}:{place}:::\n+joe-:joe:{number}:{number}:{place}:-::\n.\n"))
        .unwrap();
    run(site.command("stafett-users").arg(site.root()));
    start(&mut site, STRANGERS, &["dkim", "local"]);
    let mut client = Client::greeted(site.port());
    let joe = |ext: &str| format!("joe{ext}@relay.test");
    client.deliver("a@sender.test", &[&joe(""), "c@inner.test"], &message("on")).must(250);
    // a recipient of the same message, another of ours behind us, and the user see who has written
    assert_eq!(sender(&to(&sink, 2, "c@inner.test")), "a@sender.test");
    let forwarded = sender(&to(&sink, 2, "out@far.test"));
    assert!(forwarded.starts_with("SRS0=") && forwarded.ends_with("=sender.test=a@srs.test"), "{forwarded}");
    let kept = || fs::read_dir(home.path().join("Maildir/new")).unwrap().next().map(|entry| entry.unwrap().path());
    assert!(wait_until(30, || kept().is_some()), "{}", site.logs());
    assert!(fs::read_to_string(kept().unwrap()).unwrap().starts_with("Return-Path: <a@sender.test>\n"));
    site.logged("remote", &format!("srs: a@sender.test goes on as {forwarded}"));
    // the host that it went to finds that there is nobody: its bounce comes home
    client.deliver("", &[&forwarded], &message("bounce")).must(250);
    let home_again = to(&sink, 3, "a@sender.test");
    assert_eq!(sender(&home_again), "");
    client.deliver("a@sender.test", &[&joe("-inner")], &message("behind us")).must(250);
    assert_eq!(sender(&to(&sink, 4, "b@inner.test")), "a@sender.test");
    // whom a list names as its sender wins
    client.deliver("a@sender.test", &[&joe("-list")], &message("list")).must(250);
    assert_eq!(sender(&to(&sink, 5, "member@far.test")), "joe-list-owner@relay.test");
    // what has been rewritten by another host leads there, and a program's forward is one too
    client.deliver("SRS0=abcd=XY=first.test=x@other.test", &[&joe("-program")], &message("twice")).must(250);
    let twice = sender(&to(&sink, 6, "program@far.test"));
    assert!(twice.starts_with("SRS1=") && twice.ends_with("=other.test==abcd=XY=first.test=x@srs.test"), "{twice}");
    client.deliver("", &[&twice], &message("bounce")).must(250);
    to(&sink, 7, "SRS0=abcd=XY=first.test=x@other.test");
    // without the service it waits, and what needs none does not
    run(Command::new("sv").arg("down").arg(site.path("service/dkim")));
    assert!(wait_until(30, || site.processes("stafett-dkim").is_empty()));
    client.deliver("a@sender.test", &[&joe(""), "d@inner.test"], &message("waits")).must(250);
    to(&sink, 8, "d@inner.test");
    site.logged("send", "deferral: Unable_to_rewrite_the_sender_(control/srsforward):_unable_to_reach_stafett-dkim");
    // a user can read no secret
    if owner == 0 {
        let read = ["setpriv", "--reuid=61001", "--regid=61001", "--clear-groups", "cat"];
        let output = Command::new(read[0]).args(&read[1..]).arg(site.path("control/srssecrets")).output().unwrap();
        assert!(!output.status.success() && output.stdout.is_empty());
    }
}

/// Where the judge is, so that it is not lost unnoticed.
#[test]
fn the_judge_is_where_it_was() {
    assert!(Path::new(JUDGE).exists());
}
