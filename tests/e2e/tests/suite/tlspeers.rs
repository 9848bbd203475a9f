//! TLS on the way in, as others see it: OpenSSL's own client, a scanner, Postfix with a policy of its own.

use crate::postfix::{Postfix, has_postfix};
use crate::tls::{site, up};
use stafett_test_e2e::{Sink, Site, has, message, skip, transfer};
use std::io::Write;
use std::path::PathBuf;
use std::process::{Command, Stdio};

fn certificate(site: &Site) -> PathBuf {
    site.path("control/servercerts/relay.test/cert.pem")
}

/// What `openssl s_client` shows of a session in which it says EHLO and QUIT; whether it verified us and went well.
fn openssl(site: &Site, further: &[&str]) -> (bool, String) {
    let mut command = Command::new("openssl");
    command.args(["s_client", "-starttls", "smtp", "-crlf", "-ign_eof", "-verify_return_error", "-verify_hostname", "relay.test"]);
    command.args(["-servername", "relay.test", "-connect", &format!("127.0.0.1:{}", site.port()), "-CAfile"]).arg(certificate(site));
    let mut client = command.args(further).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // one whose handshake failed does not read
    let _ = client.stdin.take().unwrap().write_all(b"EHLO client.test\nQUIT\n");
    let output = client.wait_with_output().unwrap();
    let shown = [output.stdout, output.stderr].concat();
    (output.status.success(), String::from_utf8_lossy(&shown).into_owned())
}

#[test]
fn openssl_speaks_with_us_in_the_versions_that_are_sound() {
    let sink = Sink::new();
    let mut site = site(&sink);
    up(&mut site);
    let tickets = site.path("session.pem");
    for (version, shown) in [("-tls1_3", "TLSv1.3"), ("-tls1_2", "TLSv1.2")] {
        let (done, text) = openssl(&site, &[version, "-sess_out", tickets.to_str().unwrap()]);
        assert!(done && text.contains(shown) && text.contains("Verify return code: 0 (ok)"), "{text}");
        // in the clear it came before: what is said under TLS is a new session
        assert!(text.contains("250-relay.test") && !text.contains("250-STARTTLS") && text.contains("221 2.0.0 relay.test"), "{text}");
        assert!(text.contains("Secure Renegotiation IS") || version == "-tls1_3", "{text}");
        let (done, text) = openssl(&site, &[version, "-sess_in", tickets.to_str().unwrap()]);
        assert!(done && text.contains("Reused, "), "{text}");
    }
    for weak in [&["-tls1_1", "-cipher", "ALL:@SECLEVEL=0"][..], &["-tls1_2", "-cipher", "AES256-SHA256:AES128-SHA:@SECLEVEL=0"]] {
        let (done, text) = openssl(&site, weak);
        assert!(!done && !text.contains("250-relay.test\r\n250-PIPELINING\r\n250-SIZE 0"), "{weak:?}: {text}");
    }
    assert!(!openssl(&site, &["-verify_hostname", "other.test"]).0);
    site.logged("smtpd", "tls TLSv1.2 ");
}

#[test]
fn a_scanner_finds_nothing_weak() {
    if has("sslscan").is_none() {
        return skip("a_scanner_finds_nothing_weak", "needs sslscan");
    }
    let sink = Sink::new();
    let mut site = site(&sink);
    up(&mut site);
    let place = format!("127.0.0.1:{}", site.port());
    let mut scan = Command::new("sslscan");
    scan.args(["--no-colour", "--no-heartbleed", "--starttls-smtp", "--sni-name=relay.test", "--xml=-", &place]);
    let output = scan.stdin(Stdio::null()).output().unwrap();
    let found = String::from_utf8_lossy(&output.stdout).into_owned();
    let protocol = |kind: &str, version: &str, on: u8| format!("<protocol type=\"{kind}\" version=\"{version}\" enabled=\"{on}\" />");
    for (kind, version, on) in
        [("ssl", "2", 0), ("ssl", "3", 0), ("tls", "1.0", 0), ("tls", "1.1", 0), ("tls", "1.2", 1), ("tls", "1.3", 1)]
    {
        assert!(found.contains(&protocol(kind, version, on)), "{kind} {version}: {found}");
    }
    assert!(found.contains("<renegotiation supported=\"0\""), "{found}");
    assert!(!found.contains("<compression supported=\"1\""), "{found}");
    assert!(!found.contains("vulnerable=\"1\""), "{found}");
    let ciphers: Vec<&str> = found.lines().filter(|line| line.contains("<cipher ")).collect();
    assert!(ciphers.len() >= 4, "{found}");
    assert!(ciphers.iter().all(|line| line.contains("GCM") || line.contains("CHACHA20") || line.contains("POLY1305")), "{ciphers:?}");
    assert!(found.contains("<subject><![CDATA[relay.test]]></subject>"), "{found}");
}

#[test]
fn postfix_that_must_verify_us_sends_through_us() {
    if !has_postfix("postfix_that_must_verify_us_sends_through_us") {
        return;
    }
    let sink = Sink::new();
    let mut site = site(&sink);
    up(&mut site);
    let postfix = Postfix::start(&format!(
        "relayhost = [127.0.0.1]:{}\nsmtp_tls_security_level = secure\nsmtp_tls_CAfile = {}\nsmtp_tls_secure_cert_match = relay.test\n\
         smtp_tls_loglevel = 1\nsmtp_tls_mandatory_ciphers = high\nsmtp_tls_servername = relay.test",
        site.port(),
        certificate(&site).display()
    ));
    let sent = message("secure");
    transfer(postfix.port, "a@sender.test", "b@taken.test", &sent);
    let arrived = &sink.messages(1, 60)[0];
    assert_eq!(arrived.without_trace(), sent);
    let received = arrived.field("Received").unwrap();
    assert!(received.contains("with ESMTPS id ") && received.contains("tls TLS_"), "{received}");
    assert!(postfix.log().contains("Verified TLS connection established to 127.0.0.1"), "{}", postfix.log());
}
