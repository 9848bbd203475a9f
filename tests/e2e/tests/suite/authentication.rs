//! Who mail is really from: keys and records in unbound, messages that opendkim and dkimpy signed, swaks as the client.

use stafett_test_e2e::{Arrived, Sink, Site, Supervisor, free_port, has, run, scratch, skip, wait_until};
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

const MESSAGE: &str = "From: Anna <anna@sign.test>\r\nTo: b@taken.test\r\nSubject: signed\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
                       Message-ID: <1@sign.test>\r\n\r\nSome text\r\nof two lines.\r\n";
const FORGED: &str = "Authentication-Results: relay.test; dkim=pass header.d=bank.test\r\n";

/// A name server with our records.
pub struct Unbound {
    child: Child,
    pub port: u16,
    _place: tempfile::TempDir,
}

impl Unbound {
    pub fn serving(records: &[String]) -> Unbound {
        let (place, port) = (scratch(), free_port());
        let directory = place.path().display();
        let data: String = records.iter().map(|record| format!(" local-data: '{record}'\n")).collect();
        let text = format!(
            "server:\n interface: 127.0.0.1\n port: {port}\n username: \"\"\n chroot: \"\"\n directory: \"{directory}\"\n pidfile: \"\"\n \
             use-syslog: no\n num-threads: 1\n module-config: iterator\n so-rcvbuf: 0\n so-sndbuf: 0\n local-zone: test. static\n{data}\
             remote-control:\n control-enable: no\n"
        );
        fs::write(place.path().join("unbound.conf"), text).unwrap();
        let log = fs::File::create(place.path().join("log")).unwrap();
        let mut command = Command::new(has("unbound").unwrap());
        command.arg("-d").arg("-c").arg(place.path().join("unbound.conf")).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        let unbound = Unbound { child: command.spawn().unwrap(), port, _place: place };
        assert!(wait_until(30, || unbound.answers()), "unbound does not answer");
        unbound
    }

    fn answers(&self) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04sign\x04test\x00\x00\x10\x00\x01";
        let _ = socket.send_to(question, ("127.0.0.1", self.port));
        socket.recv(&mut [0; 512]).is_ok()
    }
}

impl Drop for Unbound {
    fn drop(&mut self) {
        stafett_test_e2e::signal(i32::try_from(self.child.id()).unwrap(), stafett_test_e2e::Signal::SIGTERM);
        let _ = self.child.wait();
    }
}

/// Keys of sign.test, made by the tools that sign with them.
struct Keys(tempfile::TempDir);

impl Keys {
    fn new() -> Keys {
        let place = scratch();
        run(Command::new(has("opendkim-genkey").unwrap()).args(["-b", "2048", "-s", "rsa", "-d", "sign.test", "-D"]).arg(place.path()));
        run(Command::new(has("dknewkey").unwrap()).args(["--ktype", "ed25519"]).arg(place.path().join("ed")));
        Keys(place)
    }

    fn private(&self, selector: &str) -> PathBuf {
        self.0.path().join(if selector == "ed" { "ed.key".to_owned() } else { format!("{selector}.private") })
    }

    /// TXT records, each string short enough for one.
    fn records(&self) -> Vec<String> {
        let genkey = fs::read_to_string(self.0.path().join("rsa.txt")).unwrap();
        let rsa: String = genkey.split('"').skip(1).step_by(2).collect();
        let ed = fs::read_to_string(self.0.path().join("ed.dns")).unwrap();
        let text = |selector: &str, key: &str| {
            let strings: Vec<String> =
                key.trim().as_bytes().chunks(250).map(|piece| format!("\"{}\"", String::from_utf8_lossy(piece))).collect();
            format!("{selector}._domainkey.sign.test. 60 IN TXT {}", strings.join(" "))
        };
        vec![text("rsa", &rsa), text("ed", &ed)]
    }
}

/// What a tool makes of a message on its standard input.
fn through(command: &mut Command, message: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(message.as_bytes()).unwrap();
    let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
    assert!(status.success(), "{command:?}: {}", String::from_utf8_lossy(&stderr));
    String::from_utf8(stdout).unwrap()
}

struct Ground {
    _unbound: Unbound,
    keys: Keys,
    site: Site,
    sink: Sink,
    place: tempfile::TempDir,
}

impl Ground {
    fn new() -> Ground {
        let keys = Keys::new();
        let mut records = keys.records();
        let text = |name: &str, value: &str| format!("{name}. 60 IN TXT \"{value}\"");
        records.extend([
            text("sign.test", "v=spf1 -all exp=why.sign.test"),
            text("why.sign.test", "%{i} is no host of %{d}"),
            text("_dmarc.sign.test", "v=DMARC1; p=reject"),
            text("sender.test", "v=spf1 ip4:127.0.0.1 -all"),
        ]);
        let unbound = Unbound::serving(&records);
        let (sink, mut site) = (Sink::new(), Site::new());
        let with = site.setup(&["--with", "verify"]);
        assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stderr));
        for (name, text) in [
            ("rcpthosts", "taken.test\n".to_owned()),
            ("smtproutes", sink.route()),
            ("resolvers", format!("127.0.0.1:{}\n", unbound.port)),
            ("spfbehavior", "3\n".to_owned()),
            ("dmarcbehavior", "3\n".to_owned()),
        ] {
            site.control(name, &text);
        }
        site.start(Supervisor::Runit);
        site.logged("verify", "status: ready");
        Ground { _unbound: unbound, keys, site, sink, place: scratch() }
    }

    /// What swaks says about a message from this sender.
    fn send(&self, sender: &str, message: &str) -> String {
        let file = self.place.path().join("message");
        fs::write(&file, message).unwrap();
        let mut command = Command::new(has("swaks").unwrap());
        command.args([
            "--server",
            &format!("127.0.0.1:{}", self.site.port()),
            "--helo",
            "client.test",
            "--from",
            sender,
            "--to",
            "b@taken.test",
        ]);
        let output = command.arg("--data").arg(format!("@{}", file.display())).stdin(Stdio::null()).output().unwrap();
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
    }

    /// The message as it arrives.
    fn arrives(&self, message: &str) -> Arrived {
        let before = self.sink.seen().arrived.len();
        let said = self.send("a@sender.test", message);
        assert!(said.contains(" qp "), "{said}\n{}", self.site.logs());
        self.sink.messages(before + 1, 30).pop().unwrap()
    }

    fn opendkim(&self, message: &str) -> String {
        let mut command = Command::new(has("opendkim-testmsg").unwrap());
        through(
            command.args(["-C", "-d", "sign.test", "-s", "rsa", "-t"]).arg(self.place.path()).arg("-k").arg(self.keys.private("rsa")),
            message,
        )
    }

    fn dkimpy(&self, selector: &str, options: &[&str], message: &str) -> String {
        let mut command = Command::new(has("dkimsign").unwrap());
        through(command.args(options).args([selector, "sign.test"]).arg(self.keys.private(selector)), message)
    }
}

fn ground(test: &str) -> Option<Ground> {
    let missing: Vec<&str> = ["unbound", "swaks", "opendkim-testmsg", "opendkim-genkey", "dkimsign", "arcsign"]
        .into_iter()
        .filter(|name| has(name).is_none())
        .collect();
    if !missing.is_empty() {
        skip(test, &format!("{} not installed", missing.join(", ")));
        return None;
    }
    Some(Ground::new())
}

/// The fields of this name, whatever other relays left of them.
fn count(arrived: &Arrived, name: &str) -> usize {
    String::from_utf8_lossy(&arrived.data).lines().filter(|line| line.starts_with(name)).count()
}

#[test]
fn signatures_are_worth_what_they_are() {
    let Some(ground) = ground("signatures_are_worth_what_they_are") else { return };
    let ed = ["--signalg", "ed25519-sha256"];
    for (signed, expected) in [
        (
            ground.dkimpy("rsa", &["--hcanon", "simple", "--bcanon", "simple"], MESSAGE),
            "dkim=pass header.d=sign.test header.s=rsa header.a=rsa-sha256",
        ),
        (ground.dkimpy("rsa", &["--bcanon", "relaxed"], MESSAGE), "dkim=pass header.d=sign.test header.s=rsa"),
        (ground.dkimpy("ed", &ed, MESSAGE), "dkim=pass header.d=sign.test header.s=ed header.a=ed25519-sha256"),
    ] {
        let arrived = ground.arrives(&format!("{FORGED}{signed}"));
        let results = arrived.field("Authentication-Results").unwrap();
        assert!(results.starts_with("relay.test; spf=pass smtp.mailfrom=a@sender.test; "), "{results}");
        assert!(results.contains(expected) && results.contains("dmarc=pass (p=reject) header.from=sign.test"), "{results}");
        assert_eq!(count(&arrived, "Authentication-Results:"), 1, "{}", String::from_utf8_lossy(&arrived.data));
        assert!(arrived.field("Received-SPF").unwrap().starts_with("pass (relay.test: "));
        let data = String::from_utf8_lossy(&arrived.data);
        assert!(data.contains(signed.trim_end()), "{data}");
    }
    // changed on the way, and nothing else that speaks for sign.test
    for signed in [ground.dkimpy("rsa", &[], MESSAGE), ground.dkimpy("ed", &ed, MESSAGE)] {
        for (part, other) in [("two lines", "ten lines"), ("Subject: signed", "Subject: altered")] {
            let said = ground.send("a@sender.test", &signed.replace(part, other));
            assert!(said.contains("<** 550 5.7.1 ") && said.contains("sign.test"), "{said}");
        }
    }
    // opendkim-testmsg signs with SHA-1, which counts for nothing (RFC 8301 §3.1)
    let sha1 = ground.opendkim(MESSAGE);
    assert!(sha1.contains("a=rsa-sha1") && ground.send("a@sender.test", &sha1).contains("<** 550 5.7.1 "), "{sha1}");
    ground.site.logged("smtpd", "refuse control/dmarcbehavior from <a@sender.test> to <b@taken.test> recipients 1 client 127.0.0.1");
    chains_are_followed(&ground);
    hosts_that_may_not_send_are_told_why(&ground);
}

/// ARC: sealed by dkimpy, then changed.
fn chains_are_followed(ground: &Ground) {
    let received = format!(
        "Authentication-Results: list.test; dkim=pass header.d=sender.test\r\n{}",
        MESSAGE.replace("sign.test>\r\nTo", "sender.test>\r\nTo")
    );
    let mut command = Command::new(has("arcsign").unwrap());
    let sealed = through(command.args(["rsa", "sign.test"]).arg(ground.keys.private("rsa")).arg("list.test"), &received);
    for (message, expected) in [(sealed.clone(), "arc=pass"), (sealed.replace("two lines", "ten lines"), "arc=fail (the body has changed)")]
    {
        let arrived = ground.arrives(&message);
        let results = arrived.field("Authentication-Results").unwrap();
        assert!(results.contains(expected), "{results}");
        assert_eq!(count(&arrived, "Authentication-Results:"), 2, "what list.test says stays");
    }
}

fn hosts_that_may_not_send_are_told_why(ground: &Ground) {
    let said = ground.send("a@sign.test", MESSAGE);
    assert!(said.contains("<** 550-5.7.23 ") && said.contains("127.0.0.1 is no host of sign.test"), "{said}");
    ground.site.logged("smtpd", "refuse control/spfbehavior from <a@sign.test> to <b@taken.test>");
}
