//! Submission as people use it: real mail programs at both ports.

use stafett_test_e2e::{Sink, Site, Supervisor, free_port, has, program, run, scratch, skip, wait_until};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/submission.py");
/// Of every account.
const PASSWORD: &str = "correct.horse-7";

/// An instance with both ports for submission, and a certificate for localhost.
pub struct Service {
    pub site: Site,
    pub starttls: u16,
    pub tls: u16,
}

impl Service {
    pub fn new(sink: &Sink, with: &str) -> Service {
        let (site, starttls, tls) = (Site::new(), free_port(), free_port());
        let made = site.setup(&[&format!("--submission={starttls},{tls}"), "--with", with]);
        assert!(made.status.success(), "{}", String::from_utf8_lossy(&made.stderr));
        let service = Service { site, starttls, tls };
        service.certify();
        service.site.control("smtproutes", &sink.route());
        service
    }

    fn authority(&self) -> PathBuf {
        self.site.path("control/servercerts/relay.test/cert.pem")
    }

    fn certify(&self) {
        let place = self.site.path("control/servercerts/relay.test");
        fs::create_dir_all(&place).unwrap();
        let mut openssl = Command::new("openssl");
        openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
        openssl.args(["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"]);
        run(openssl.arg("-keyout").arg(place.join("key.pem")).arg("-out").arg(place.join("cert.pem")));
        assert!(self.site.setup(&[]).status.success());
    }

    pub fn account(&self, words: &[&str]) {
        let done = passwd(&self.site, words, PASSWORD);
        assert!(done.status.success(), "{done:?}");
    }

    /// Starts it, and waits until both ports let this account in and take a message.
    pub fn up(&mut self, wish: &str) {
        self.site.start_only(Supervisor::Runit);
        for (way, port) in [("tls", self.tls), ("starttls", self.starttls)] {
            let takes = wait_until(60, || self.submit(port, way, wish).status.success());
            assert!(takes, "{:?}\n{}", self.submit(port, way, wish), self.site.logs());
        }
    }

    /// What becomes of a wish to submit mail; see submission.py.
    pub fn submit(&self, port: u16, way: &str, wish: &str) -> Output {
        let authority = self.authority();
        let wish = format!("{{\"port\": {port}, \"way\": \"{way}\", \"authority\": \"{}\", {wish}}}", authority.display());
        Command::new("python3").arg(CLIENT).arg(wish).output().unwrap()
    }

    /// The last thing that a client heard.
    pub fn last(&self, port: u16, way: &str, wish: &str) -> String {
        let output = self.submit(port, way, wish);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        text.lines().last().map(str::to_owned).unwrap_or_else(|| panic!("{output:?}"))
    }
}

pub fn passwd(site: &Site, words: &[&str], input: &str) -> Output {
    let mut command = Command::new(program("stafett-passwd"));
    let mut child =
        command.arg(site.root()).args(words).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // verbs without a password do not read
    let _ = child.stdin.take().unwrap().write_all(format!("{input}\n").as_bytes());
    child.wait_with_output().unwrap()
}

pub fn user(name: &str) -> String {
    format!("\"user\": \"{name}\", \"password\": \"{PASSWORD}\"")
}

/// A mail program, with the port, whether TLS comes first, and the place of its files.
type Program = (&'static str, fn(u16, bool, &Path) -> Command);

fn curl(port: u16, first: bool, place: &Path) -> Command {
    let mut command = Command::new("curl");
    let scheme = if first { "smtps" } else { "smtp" };
    command.args(["--silent", "--show-error", "--crlf", "--ssl-reqd", "--url", &format!("{scheme}://localhost:{port}"), "--cacert"]);
    command.arg(place.join("cert.pem")).args(["--user", &format!("alice:{PASSWORD}"), "--mail-from", "alice@relay.test"]);
    command.args(["--mail-rcpt", "b@anywhere.test", "--upload-file"]).arg(place.join("message"));
    command
}

fn msmtp(port: u16, first: bool, place: &Path) -> Command {
    let mut command = Command::new("msmtp");
    let starttls = if first { "off" } else { "on" };
    command.args(["-C", "/dev/null", "--host=localhost", &format!("--port={port}"), "--tls=on", &format!("--tls-starttls={starttls}")]);
    command.args([format!("--tls-trust-file={}", place.join("cert.pem").display()), "--auth=on".to_owned(), "--user=alice".to_owned()]);
    command.args([format!("--passwordeval=cat {}", place.join("password").display()), "--from=alice@relay.test".to_owned()]);
    command.arg("b@anywhere.test");
    command
}

fn swaks(port: u16, first: bool, _place: &Path) -> Command {
    let mut command = Command::new("swaks");
    command.args(["--server", &format!("localhost:{port}"), if first { "--tls-on-connect" } else { "--tls" }, "--auth", "LOGIN"]);
    command.args(["--auth-user", "alice", "--auth-password", PASSWORD, "--from", "alice@relay.test", "--to", "b@anywhere.test"]);
    command.args(["--header", "Subject: from a program"]);
    command
}

fn mutt(port: u16, first: bool, place: &Path) -> Command {
    let mut command = Command::new("mutt");
    let scheme = if first { "smtps" } else { "smtp" };
    let settings = [
        format!("set smtp_url = \"{scheme}://alice@localhost:{port}/\""),
        format!("set smtp_pass = \"{PASSWORD}\""),
        format!("set ssl_ca_certificates_file = \"{}\"", place.join("cert.pem").display()),
        "set ssl_force_tls = yes".to_owned(),
        "set from = alice@relay.test use_envelope_from = yes envelope_from_address = alice@relay.test".to_owned(),
        format!("set record = \"\" folder = \"{}\"", place.display()),
    ];
    command.args(["-n", "-F", "/dev/null"]);
    command.args(settings.iter().flat_map(|line| ["-e", line]));
    command.args(["-s", "from a program", "b@anywhere.test"]).env("HOME", place);
    command
}

fn s_nail(port: u16, first: bool, place: &Path) -> Command {
    let mut command = Command::new("s-nail");
    let scheme = if first { "smtps" } else { "submission" };
    command.args(["-:/", "-Sv15-compat", &format!("-Smta={scheme}://alice:{PASSWORD}@localhost:{port}")]);
    command.args([&format!("-Stls-ca-file={}", place.join("cert.pem").display()), "-Stls-ca-no-defaults", "-Stls-verify=strict"]);
    command.args(["-Ssmtp-auth=plain", "-Sfrom=alice@relay.test", "-Ssendwait", "-Snosave"]);
    // what the port is for does not make it ask
    command.args((!first).then_some("-Ssmtp-use-starttls")).args(["-s", "from a program", "b@anywhere.test"]).env("HOME", place);
    command
}

const PROGRAMS: [Program; 5] = [("curl", curl), ("msmtp", msmtp), ("swaks", swaks), ("mutt", mutt), ("s-nail", s_nail)];

#[test]
fn mail_programs_log_in_at_both_ports() {
    let sink = Sink::new();
    let mut service = Service::new(&sink, "auth");
    service.account(&["add", "alice"]);
    service.up(&format!(
        "{}, \"sender\": \"alice@relay.test\", \"author\": \"alice@relay.test\", \"to\": [\"b@anywhere.test\"]",
        user("alice")
    ));
    let place = scratch();
    fs::copy(service.authority(), place.path().join("cert.pem")).unwrap();
    fs::write(place.path().join("password"), format!("{PASSWORD}\n")).unwrap();
    fs::write(place.path().join("message"), "From: alice@relay.test\nSubject: from a program\n\nhello\n").unwrap();
    let mut sent = sink.messages(2, 60).len();
    for (name, prepare) in PROGRAMS {
        if has(name).is_none() {
            skip("mail_programs_log_in_at_both_ports", &format!("{name} is not installed"));
            continue;
        }
        for (port, first) in [(service.starttls, false), (service.tls, true)] {
            let input = fs::File::open(place.path().join("message")).unwrap();
            let output = prepare(port, first, place.path()).stdin(input).output().unwrap();
            assert!(output.status.success(), "{name} at {port}: {output:?}\n{}", service.site.logs());
            sent += 1;
            let arrived = &sink.messages(sent, 60)[sent - 1];
            assert!(arrived.mail.starts_with("<alice@relay.test>"), "{name}: {}", arrived.mail);
            let received = arrived.field("Received").unwrap();
            assert!(received.contains("with ESMTPSA id "), "{name}: {received}");
            assert!(arrived.field("Subject").unwrap().contains("from a program"), "{name}");
            assert!(arrived.field("Date").is_some() && arrived.field("Message-ID").is_some(), "{name} sent it incomplete and so it came");
        }
    }
}
