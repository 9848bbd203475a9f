//! TLS on the way in: smtpd, stafett-tls and stafett-tlskeys, against the TLS of Python (OpenSSL).

use stafett_test_e2e::{Client, Sink, Site, Supervisor, is_root, kill, run, wait_until};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output, Stdio};

const CLIENT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/suite/tls.py");
const RULES: &str = ":allow\n";

/// An instance with TLS and a certificate for relay.test, relaying to a sink.
pub fn site(sink: &Sink) -> Site {
    let site = Site::new();
    assert!(site.setup(&["--with", "tls,tlskeys"]).status.success());
    site.control("me", "relay.test\n");
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    certify(&site, "relay.test", "relay.test");
    site
}

/// Starts it, and waits until a handshake succeeds: services come up in any order.
pub fn up(site: &mut Site) {
    site.start(Supervisor::Runit);
    let greets = wait_until(30, || client(site, "greet", "relay.test", "relay.test", &["nobody"]).status.success());
    assert!(greets, "{}", site.logs());
}

/// Makes a certificate that stands for `subject`, puts it under `name`, and lets setup give the key to its user.
pub fn certify(site: &Site, name: &str, subject: &str) {
    let (new, place) = (site.path("control/servercerts/.new"), site.path("control/servercerts").join(name));
    fs::create_dir_all(&new).unwrap();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2"]);
    openssl.args(["-subj", &format!("/CN={subject}"), "-addext", &format!("subjectAltName=DNS:{subject}")]);
    run(openssl.arg("-keyout").arg(new.join("key.pem")).arg("-out").arg(new.join("cert.pem")));
    let _ = fs::remove_dir_all(&place);
    fs::rename(&new, &place).unwrap();
    assert!(site.setup(&[]).status.success());
}

/// A client that trusts the certificate in the file `trusted`.
fn client(site: &Site, way: &str, trusted: &str, name: &str, further: &[&str]) -> Output {
    let authority = site.path("control/servercerts").join(trusted).join("cert.pem");
    let mut python = Command::new("python3");
    python.args([CLIENT, way, &site.port().to_string()]).arg(authority).arg(name).args(further);
    python.output().unwrap()
}

fn sends(site: &Site, way: &str, trusted: &str, name: &str) -> bool {
    client(site, way, trusted, name, &["b@taken.test"]).status.success()
}

#[track_caller]
fn sent(site: &Site, way: &str) {
    let output = client(site, way, "relay.test", "relay.test", &["b@taken.test"]);
    assert!(output.status.success(), "{output:?}\n{}", site.logs());
}

#[test]
fn a_message_comes_under_tls_and_bears_its_mark() {
    let sink = Sink::new();
    let mut site = site(&sink);
    up(&mut site);
    sent(&site, "starttls");
    sent(&site, "inject");
    sent(&site, "resume");
    sent(&site, "large");
    let arrived = sink.messages(4, 30);
    let received = arrived[0].field("Received").unwrap();
    assert!(received.contains("by relay.test with ESMTPS id ") && received.contains("tls TLS_"), "{received}");
    assert!(arrived.iter().all(|message| message.field("Subject").as_deref() == Some("under TLS")));
    site.logged("smtpd", "tls TLSv1.3 TLS_AES_256_GCM_SHA384 name relay.test certificate - client 127.0.0.1");
    let large = arrived.iter().find(|message| message.data.len() > 100_000).unwrap();
    let lines = large.data.split(|byte| *byte == b'\n').filter_map(|line| std::str::from_utf8(line).ok()?.trim_end().parse::<u32>().ok());
    assert!(lines.eq(0..40_000), "a message of many records came otherwise than it was sent");
    // in the clear it goes on as before, and is told so
    let mut plain = Client::greeted(site.port());
    plain.command("STARTTLS now").must(501);
    plain.deliver("a@sender.test", &["b@taken.test"], b"Subject: plain\r\n\r\n").must(250);
    assert!(sink.messages(5, 20)[4].field("Received").unwrap().contains("with ESMTP id "));
}

#[test]
fn the_connection_may_begin_with_tls_or_require_it() {
    let sink = Sink::new();
    let mut site = site(&sink);
    site.rules(":allow,SMTPS=\"1\"\n");
    site.start_only(Supervisor::Runit);
    assert!(wait_until(30, || sends(&site, "first", "relay.test", "relay.test")), "{}", site.logs());
    site.rules(":allow,UCSPITLS=\"!\"\n");
    assert!(wait_until(10, || Client::connect(site.port()).reply().code == 220));
    let mut plain = Client::greeted(site.port());
    plain.command("MAIL FROM:<a@sender.test>").must(530);
    sent(&site, "starttls");
    site.rules(":allow,UCSPITLS=\"-\"\n");
    assert!(wait_until(10, || Client::greeted(site.port()).command("STARTTLS").code == 502));
}

#[test]
fn certificates_are_chosen_by_name_and_changed_while_it_runs() {
    let sink = Sink::new();
    let mut site = site(&sink);
    certify(&site, "other.test", "other.test");
    up(&mut site);
    sent(&site, "starttls");
    // at the start tls may have asked for this key before tlskeys was there; it asks again within a second
    assert!(wait_until(15, || sends(&site, "starttls", "other.test", "other.test")), "{}", site.logs());
    // a name that is not there gets the certificate of me
    assert!(!sends(&site, "starttls", "relay.test", "third.test"));
    certify(&site, "relay.test", "relay.test");
    assert!(wait_until(15, || sends(&site, "starttls", "relay.test", "relay.test")), "{}", site.logs());
    let good = fs::read(site.path("control/servercerts/relay.test/cert.pem")).unwrap();
    fs::write(site.path("trusted.pem"), &good).unwrap();
    let stays = |words: &str| {
        site.logged("tls", words);
        assert!(sends(&site, "starttls", "../..", "relay.test"), "{}", site.logs());
    };
    fs::write(site.path("cert.pem"), &good).unwrap();
    fs::write(site.path("control/servercerts/relay.test/cert.pem"), "rubbish\n").unwrap();
    // children are born with what was last read, so somebody must come for it to be read
    let _ = sends(&site, "starttls", "../..", "relay.test");
    wait_until(10, || sends(&site, "starttls", "../..", "relay.test") && site.log("tls").contains("holds no certificate"));
    stays("relay.test/cert.pem holds no certificate (the last good copy stays in force)");
    fs::copy(site.path("control/servercerts/other.test/cert.pem"), site.path("control/servercerts/relay.test/cert.pem")).unwrap();
    wait_until(10, || sends(&site, "starttls", "../..", "relay.test") && site.log("tls").contains("does not belong"));
    stays("relay.test/cert.pem does not belong to the key beside it");
    // a renewal whose key comes before its certificate
    fs::write(site.path("control/servercerts/relay.test/cert.pem"), &good).unwrap();
    assert!(wait_until(10, || sends(&site, "starttls", "../..", "relay.test")), "{}", site.logs());
    let (key, new) = (site.path("control/servercerts/relay.test/key.pem"), site.path("control/servercerts/other.test/key.pem"));
    let found = fs::metadata(&new).unwrap();
    fs::copy(&new, site.path("key.pem")).unwrap();
    if is_root() {
        std::os::unix::fs::chown(site.path("key.pem"), Some(found.uid()), Some(found.gid())).unwrap();
    }
    fs::rename(site.path("key.pem"), &key).unwrap();
    for _ in 0..5 {
        assert!(sends(&site, "starttls", "../..", "relay.test"), "{}", site.logs());
    }
}

#[test]
fn a_service_that_is_away_is_no_way_around() {
    let sink = Sink::new();
    let mut site = site(&sink);
    site.rules(RULES);
    up(&mut site);
    sent(&site, "starttls");
    fs::write(site.path("service/tlskeys/down"), "").unwrap();
    run(Command::new("sv").arg("down").arg(site.path("service/tlskeys")));
    assert!(wait_until(10, || site.processes("stafett-tlskeys").is_empty()));
    assert!(!sends(&site, "starttls", "relay.test", "relay.test"));
    site.logged("smtpd", "stafett-tlskeys does not answer");
    run(Command::new("sv").arg("down").arg(site.path("service/tls")));
    assert!(wait_until(10, || site.processes("stafett-tls").is_empty()));
    let mut plain = Client::greeted(site.port());
    plain.command("STARTTLS").must(454);
    plain.deliver("a@sender.test", &["b@taken.test"], b"Subject: plain\r\n\r\n").must(250);
    run(Command::new("sv").arg("up").args([site.path("service/tlskeys"), site.path("service/tls")]));
    assert!(wait_until(30, || sends(&site, "starttls", "relay.test", "relay.test")), "{}", site.logs());
}

#[test]
fn a_child_that_dies_in_the_middle_ends_its_session_alone() {
    let sink = Sink::new();
    let mut site = site(&sink);
    up(&mut site);
    sent(&site, "starttls");
    let resident = site.resident("stafett-tls").pid;
    let mut broken = Client::greeted(site.port());
    broken.command("STARTTLS").must(220);
    let child = || site.processes("stafett-tls").into_iter().find(|process| process.pid != resident);
    assert!(wait_until(10, || child().is_some()));
    kill(child().unwrap().pid);
    assert!(broken.is_closed());
    // rubbish instead of a handshake
    let mut rude = Client::greeted(site.port());
    rude.command("STARTTLS").must(220);
    rude.send(b"MAIL FROM:<a@sender.test>\r\n");
    assert!(wait_until(20, || site.log("smtpd").contains("the TLS handshake failed")), "{}", site.logs());
    sent(&site, "starttls");
}

#[test]
fn a_client_that_reads_nothing_is_let_go_when_smtpd_has_ended() {
    let sink = Sink::new();
    let mut site = site(&sink);
    site.control("timeoutsmtpd", "2\n");
    up(&mut site);
    sent(&site, "starttls");
    let authority = site.path("control/servercerts/relay.test/cert.pem");
    let mut python = Command::new("python3");
    python.args([CLIENT, "deaf", &site.port().to_string()]).arg(authority).args(["relay.test", "b@taken.test"]);
    let mut deaf = python.stdin(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let served = wait_until(30, || site.processes("stafett-tls").len() == 2);
    let let_go = served && wait_until(60, || site.processes("stafett-tls").len() == 1);
    let still_there = deaf.try_wait().unwrap().is_none();
    drop(deaf.stdin.take());
    let _ = deaf.wait();
    assert!(served && let_go && still_there, "served {served} let go {let_go} still there {still_there}\n{}", site.logs());
}

#[test]
fn a_listed_certificate_of_a_client_lets_it_relay() {
    let sink = Sink::new();
    let mut site = site(&sink);
    certify(&site, "member.test", "member.test");
    let (certificate, key) = (site.path("member-cert.pem"), site.path("member-key.pem"));
    fs::copy(site.path("control/servercerts/member.test/cert.pem"), &certificate).unwrap();
    fs::copy(site.path("control/servercerts/member.test/key.pem"), &key).unwrap();
    fs::remove_dir_all(site.path("control/servercerts/member.test")).unwrap();
    let print = run(Command::new("openssl").args(["x509", "-noout", "-fingerprint", "-sha256", "-in"]).arg(&certificate));
    let digits = print.trim().split('=').next_back().unwrap().replace(':', "");
    site.control("tlsclients", &format!("# members\nsha256:{digits}\n"));
    site.rules(RULES);
    up(&mut site);
    let member = |recipient: &str| {
        client(&site, "starttls", "relay.test", "relay.test", &[recipient, certificate.to_str().unwrap(), key.to_str().unwrap()])
    };
    // who is listed is spared what strangers are judged by, as with RELAYCLIENT
    site.control("validrcptto", "nobody@taken.test\n");
    let output = member("b@anywhere.test");
    assert!(output.status.success(), "{output:?}\n{}", site.logs());
    let stranger = client(&site, "starttls", "relay.test", "relay.test", &["b@anywhere.test"]);
    assert_eq!(stranger.status.code(), Some(4), "{stranger:?}");
    site.control("tlsclients", &format!("sha256:{}\n", "0".repeat(64)));
    assert!(wait_until(10, || member("b@anywhere.test").status.code() == Some(4)), "{}", site.logs());
}

#[test]
fn keys_belong_to_the_one_who_signs() {
    let sink = Sink::new();
    let site = site(&sink);
    let key = fs::metadata(site.path("control/servercerts/relay.test/key.pem")).unwrap();
    assert_eq!(key.mode() & 0o7777, 0o400);
    if is_root() {
        let run_directory = fs::metadata(site.path("run/tlskeys")).unwrap();
        let smtpd = fs::metadata(site.path("run/smtpd")).unwrap();
        assert_eq!(key.uid(), run_directory.uid());
        assert_ne!(key.uid(), smtpd.uid());
    }
}
