//! Clients that log in: those that others wrote, those that guess, and others who know passwords.

use crate::filters::Peer;
use crate::tls::{site, up};
use stafett_test_e2e::{Client, Signal, Sink, Site, has, is_root, run, scratch, signal, skip, wait_until};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

pub const PASSWORD: &str = "open sesame";

/// A relay with TLS that knows alice, and takes mail of its clients to anywhere into the sink.
pub fn relay(sink: &Sink, files: &[(&str, &str)]) -> Site {
    let mut site = site(sink);
    assert!(site.setup(&["--with", "auth,limit"]).status.success());
    site.control("authdelay", "0\n");
    files.iter().for_each(|(name, text)| site.control(name, text));
    add(&site, &["alice", "senders=alice@taken.test"]);
    assert!(site.setup(&[]).status.success());
    up(&mut site);
    site.logged("auth", "status: ready");
    site.logged("limit", "status: ready");
    site
}

fn add(site: &Site, arguments: &[&str]) {
    let mut command = site.command("stafett-passwd");
    let mut child = command.arg(site.root()).arg("add").args(arguments).stdin(Stdio::piped()).spawn().unwrap();
    writeln!(child.stdin.take().unwrap(), "{PASSWORD}").unwrap();
    assert!(child.wait().unwrap().success());
}

fn passwd(site: &Site, arguments: &[&str]) -> String {
    run(site.command("stafett-passwd").arg(site.root()).args(arguments))
}

fn certificate(site: &Site) -> PathBuf {
    site.path("control/servercerts/relay.test/cert.pem")
}

fn fed(command: &mut Command, text: &str) -> Output {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // one that was refused does not read
    let _ = child.stdin.take().unwrap().write_all(text.as_bytes());
    child.wait_with_output().unwrap()
}

const MESSAGE: &str = "From: alice@taken.test\nTo: x@elsewhere.test\nSubject: by account\n\ntext\n";

fn swaks(site: &Site, mechanism: &str, password: &str) -> Output {
    let mut swaks = Command::new("swaks");
    swaks.args(["--server", "127.0.0.1", "--port", &site.port().to_string(), "--tls", "--auth", mechanism, "--auth-user", "alice"]);
    swaks.args(["--auth-password", password, "--from", "alice@taken.test", "--to", "x@elsewhere.test", "--h-From", "alice@taken.test"]);
    swaks.output().unwrap()
}

fn curl(site: &Site, mechanism: &str) -> Output {
    let place = format!("relay.test:{}:127.0.0.1", site.port());
    let mut curl = Command::new("curl");
    curl.args(["-sS", "--crlf", "--ssl-reqd", "--resolve", &place, "--user", &format!("alice:{PASSWORD}"), "--cacert"])
        .arg(certificate(site));
    curl.args(["--login-options", &format!("AUTH={mechanism}"), "--mail-from", "alice@taken.test", "--mail-rcpt", "x@elsewhere.test"]);
    curl.args(["-T", "-", &format!("smtp://relay.test:{}/client.test", site.port())]);
    fed(&mut curl, MESSAGE)
}

fn msmtp(site: &Site, mechanism: &str, password: &str) -> Output {
    let mut msmtp = Command::new("msmtp");
    msmtp.args([
        "--host=127.0.0.1",
        &format!("--port={}", site.port()),
        "--tls=on",
        "--tls-starttls=on",
        "--tls-certcheck=off",
        "--timeout=60",
    ]);
    msmtp.args([&format!("--auth={mechanism}"), "--user=alice", &format!("--passwordeval=echo '{password}'"), "--from=alice@taken.test"]);
    fed(msmtp.arg("x@elsewhere.test"), MESSAGE)
}

const SMTPLIB: &str = "
import smtplib, ssl, sys
port, trusted, password, *own = sys.argv[1:]
context = ssl.create_default_context(cafile=trusted)
context.check_hostname = False
if own:
    context.load_cert_chain(own[0], own[1])
with smtplib.SMTP('127.0.0.1', int(port), timeout=60) as client:
    client.starttls(context=context)
    client.login('alice', password)
    client.sendmail('alice@taken.test', ['x@elsewhere.test'], 'From: alice@taken.test\\nSubject: by account\\n\\ntext\\n')
";

fn smtplib(site: &Site, password: &str) -> Output {
    let mut python = Command::new("python3");
    python.args(["-c", SMTPLIB, &site.port().to_string()]).arg(certificate(site)).arg(password).output().unwrap()
}

/// GNU SASL, which leads its own half of the exchange and holds our signature against its own.
fn gsasl(site: &Site, mechanism: &str, password: &str) -> Output {
    let mut gsasl = Command::new("gsasl");
    gsasl.args(["--smtp", "--connect", &format!("127.0.0.1:{}", site.port()), "--hostname", "relay.test", "-m", mechanism]);
    // it knows no name to look for in a certificate but the one that it connects to
    gsasl.args(["-a", "alice", "-p", password, "--x509-ca-file="]);
    if !mechanism.ends_with("-PLUS") {
        gsasl.arg("--no-cb");
    }
    gsasl.stdin(Stdio::null()).output().unwrap()
}

#[track_caller]
fn did(output: &Output, site: &Site) {
    assert!(output.status.success(), "{output:?}\n{}", site.logs());
}

#[test]
fn clients_of_others_log_in_and_send_to_anywhere() {
    let sink = Sink::new();
    let site = relay(&sink, &[]);
    for mechanism in ["PLAIN", "LOGIN"] {
        did(&swaks(&site, mechanism, PASSWORD), &site);
        did(&curl(&site, mechanism), &site);
    }
    did(&smtplib(&site, PASSWORD), &site);
    let arrived = sink.messages(5, 60);
    let received = |index: usize| arrived[index].field("Received").unwrap();
    assert!((0..5).all(|index| received(index).contains("by relay.test with ESMTPSA id ")), "{}", received(0));
    site.logged("smtpd", "auth alice mechanism PLAIN client 127.0.0.1 helo ");
    site.logged("smtpd", "auth alice mechanism LOGIN client 127.0.0.1 helo ");
    for refused in [swaks(&site, "PLAIN", "guess"), smtplib(&site, "guess")] {
        assert!(!refused.status.success());
    }
    site.logged("smtpd", "account alice mechanism PLAIN reason wrong client 127.0.0.1");
    let mut plain = Client::greeted(site.port());
    assert!(!plain.command("EHLO client.test").text.contains("AUTH"), "not in the clear");
    plain.command("AUTH PLAIN AGFsaWNlAG9wZW4gc2VzYW1l").must(538);
    assert!(!site.logs().contains("sesame") && !site.logs().contains("guess"), "{}", site.logs());
    if is_root() {
        let file = fs::metadata(site.path("control/accounts")).unwrap();
        assert_eq!((file.uid(), file.permissions().mode() & 0o777), (0, 0o640));
        assert_eq!(file.gid(), fs::metadata(site.path("state/auth")).unwrap().gid());
    }
}

#[test]
fn clients_of_others_prove_that_they_know_the_password() {
    if has("gsasl").is_none() || has("msmtp").is_none() {
        return skip("clients_of_others_prove_that_they_know_the_password", "needs gsasl and msmtp");
    }
    let sink = Sink::new();
    let site = relay(&sink, &[("authmechanisms", "SCRAM-SHA-256-PLUS\nSCRAM-SHA-256\nPLAIN\nLOGIN\n")]);
    for mechanism in ["plain", "login", "scram-sha-256"] {
        did(&msmtp(&site, mechanism, PASSWORD), &site);
    }
    assert_eq!(sink.messages(3, 60).len(), 3);
    assert!(!msmtp(&site, "scram-sha-256", "guess").status.success());
    for mechanism in ["SCRAM-SHA-256", "SCRAM-SHA-256-PLUS"] {
        did(&gsasl(&site, mechanism, PASSWORD), &site);
        site.logged("smtpd", &format!("auth alice mechanism {mechanism} client 127.0.0.1"));
        assert!(!gsasl(&site, mechanism, "guess").status.success());
        site.logged("smtpd", &format!("account alice mechanism {mechanism} reason wrong client 127.0.0.1"));
    }
}

#[test]
fn a_locked_account_a_limit_and_a_service_that_is_away() {
    let sink = Sink::new();
    let site = relay(&sink, &[("limits", "messages per account 2/day then lock\nconnections per account 20/day\n")]);
    add(&site, &["printer", "role=robot", "networks=192.0.2.0/24"]);
    did(&swaks(&site, "PLAIN", PASSWORD), &site);
    passwd(&site, &["lock", "alice"]);
    assert_eq!(swaks(&site, "PLAIN", PASSWORD).status.code(), Some(28));
    site.logged("smtpd", "reason locked client");
    passwd(&site, &["unlock", "alice"]);
    did(&swaks(&site, "PLAIN", PASSWORD), &site);
    let explain = |further: &[&str]| {
        let mut command = site.command("stafett-explain");
        command
            .arg(site.root())
            .args(["--ip", "127.0.0.1", "--tls", "--from", "alice@taken.test", "--to", "x@elsewhere.test"])
            .args(further);
        String::from_utf8(command.output().unwrap().stdout).unwrap()
    };
    let told = explain(&["--auth", "alice"]);
    assert!(told.contains("alice is a person that may send from alice@taken.test"), "{told}");
    assert!(explain(&["--auth", "printer"]).contains("535 5.7.0 this account may not be used from your network"));
    assert!(explain(&["--auth", "nobody"]).contains("535 5.7.8 "));
    assert!(explain(&[]).contains("553 5.7.1 "), "{}", explain(&[]));
    // the third message of the day
    assert!(!swaks(&site, "PLAIN", PASSWORD).status.success());
    site.logged("limit", "lock alice by control/limits:1");
    assert!(passwd(&site, &["show", "alice"]).ends_with("senders=alice@taken.test locked by control/limits:1\n"));
    assert_eq!(swaks(&site, "PLAIN", PASSWORD).status.code(), Some(28));
    site.logged("smtpd", "account alice reason limit client");
    passwd(&site, &["unlock", "alice"]);
    run(Command::new("sv").arg("down").arg(site.path("service/auth")));
    assert!(wait_until(60, || site.processes("stafett-auth").is_empty()));
    let away = swaks(&site, "PLAIN", PASSWORD);
    assert!(String::from_utf8_lossy(&away.stdout).contains("454 4.7.0 "), "{away:?}");
    site.logged("smtpd", "unable to ask stafett-auth: ");
}

/// A Dovecot that only answers for passwords.
struct Dovecot {
    place: tempfile::TempDir,
    process: Child,
}

impl Dovecot {
    fn start() -> Dovecot {
        let place = scratch();
        let path = |name: &str| place.path().join(name).display().to_string();
        fs::write(path("users"), format!("bob@taken.test:{{PLAIN}}{PASSWORD}\n")).unwrap();
        let settings = format!(
            "base_dir = {base}\nstate_dir = {base}\nlog_path = {log}\nprotocols =\nssl = no\ndefault_internal_user = dovecot\n\
             default_login_user = dovenull\ndisable_plaintext_auth = no\nauth_mechanisms = plain\n\
             passdb {{\n driver = passwd-file\n args = {users}\n}}\nuserdb {{\n driver = static\n args = uid=nobody gid=nogroup home=/nonexistent\n}}\n\
             service auth {{\n unix_listener {socket} {{\n mode = 0666\n }}\n}}\n",
            base = path("run"),
            log = path("log"),
            users = path("users"),
            socket = path("auth-client"),
        );
        fs::write(path("dovecot.conf"), settings).unwrap();
        let mut command = Command::new("/usr/sbin/dovecot");
        let process = command.args(["-F", "-c", &path("dovecot.conf")]).stdin(Stdio::null()).spawn().unwrap();
        let dovecot = Dovecot { place, process };
        assert!(
            wait_until(60, || dovecot.socket().exists()),
            "{}",
            fs::read_to_string(dovecot.place.path().join("log")).unwrap_or_default()
        );
        dovecot
    }

    fn socket(&self) -> PathBuf {
        self.place.path().join("auth-client")
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        // its own processes end with it
        kill_softly(&self.process);
        let _ = self.process.wait();
    }
}

fn kill_softly(process: &Child) {
    signal(i32::try_from(process.id()).unwrap(), Signal::SIGTERM);
}

#[test]
fn dovecot_knows_passwords_too() {
    if !is_root() || has("dovecot").is_none() {
        return skip("dovecot_knows_passwords_too", "needs root and Dovecot");
    }
    let (sink, dovecot) = (Sink::new(), Dovecot::start());
    let site = relay(&sink, &[("authsource", &format!("dovecot {}\n", dovecot.socket().display()))]);
    let swaks = |user: &str, password: &str| {
        let mut swaks = Command::new("swaks");
        swaks.args(["--server", "127.0.0.1", "--port", &site.port().to_string(), "--tls", "--auth", "PLAIN", "--auth-user", user]);
        swaks.args(["--auth-password", password, "--from", user, "--to", "x@elsewhere.test", "--h-From", user]).output().unwrap()
    };
    did(&swaks("bob@taken.test", PASSWORD), &site);
    assert_eq!(sink.messages(1, 60).len(), 1);
    site.logged("smtpd", "auth bob@taken.test mechanism PLAIN client 127.0.0.1");
    assert_eq!(swaks("bob@taken.test", "guess").status.code(), Some(28));
    site.logged("smtpd", "refuse control/authsource from <> account bob@taken.test mechanism PLAIN reason wrong");
    add(&site, &["--without-password", "bob@taken.test", "status=locked"]);
    assert_eq!(swaks("bob@taken.test", PASSWORD).status.code(), Some(28));
    site.logged("smtpd", "account bob@taken.test mechanism PLAIN reason locked");
}

/// By Debian's own libmilter, at the steps at which Sendmail gives these macros.
#[test]
fn mail_filters_know_who_has_logged_in_and_by_which_tls() {
    let (place, sink) = (scratch(), Sink::new());
    let Some((_peer, port)) = Peer::scripted(place.path()) else { return skip("libmilter", "python3-milter is not installed") };
    let (own, key) = (place.path().join("own.pem"), place.path().join("own.key"));
    let made = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-days", "2", "-subj"];
    run(Command::new("openssl").args(made).arg("/O=Members/CN=printer 7").arg("-out").arg(&own).arg("-keyout").arg(&key));
    let mut site = site(&sink);
    assert!(site.setup(&["--with", "auth,milter"]).status.success());
    site.control("milters", &format!("inet:127.0.0.1:{port}\n"));
    // so that clients are asked for a certificate
    site.control("tlsclients", &format!("sha256:{}\n", "0".repeat(64)));
    add(&site, &["alice", "senders=alice@taken.test"]);
    assert!(site.setup(&[]).status.success());
    up(&mut site);
    ["auth", "milter"].iter().for_each(|service| site.logged(service, "status: ready"));
    let mut python = Command::new("python3");
    let output = python.args(["-c", SMTPLIB, &site.port().to_string()]).arg(certificate(&site)).arg(PASSWORD).arg(&own).arg(&key).output();
    let output = output.unwrap();
    assert!(output.status.success(), "{output:?}\n{}", site.logs());
    let seen = sink.messages(1, 60)[0].field("X-Knows").unwrap_or_default();
    let wanted = "PLAIN alice alice TLSv1.3 TLS_AES_256_GCM_SHA384 256 printer 7 printer 7";
    assert_eq!(seen, wanted, "{}", site.logs());
}
