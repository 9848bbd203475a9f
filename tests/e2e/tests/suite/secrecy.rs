//! REQUIRETLS (RFC 8689) from a client's MAIL over two relays to a host that has no TLS.

use crate::local::{JOE, Town};
use crate::tls::{site, up};
use stafett_test_e2e::{Arrived, Sink, Site, Supervisor, program, run, wait_until};
use std::fs;
use std::process::Command;

const CLIENT: &str = "
import smtplib, ssl, sys
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
server = smtplib.SMTP('127.0.0.1', int(sys.argv[1]))
server.ehlo()
assert not server.has_extn('requiretls')
server.starttls(context=context)
server.ehlo()
assert server.has_extn('requiretls')
server.sendmail('a@sender.test', [sys.argv[2]], 'Subject: secret\\r\\n\\r\\nfor your eyes only\\r\\n', mail_options=sys.argv[3:])
server.quit()
";

fn send(site: &Site, recipient: &str, options: &[&str]) {
    let output = Command::new("python3").args(["-c", CLIENT, &site.port().to_string(), recipient]).args(options).output().unwrap();
    assert!(output.status.success(), "{output:?}\n{}", site.logs());
}

fn fingerprint(site: &Site) -> String {
    let certificate = site.path("control/servercerts/relay.test/cert.pem");
    let output = Command::new("openssl").args(["x509", "-fingerprint", "-sha256", "-noout", "-in"]).arg(certificate).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.trim().split_once('=').unwrap().1.replace(':', "").to_lowercase())
}

/// Waits for the bounce of that host, which does not show the message.
fn comes_back(sink: &Sink, reporter: &str, logs: impl Fn() -> String) {
    let reporter = format!("Reporting-MTA: dns; {reporter}");
    let is_bounce = |one: &&Arrived| {
        let text = String::from_utf8_lossy(&one.data);
        one.mail.starts_with("<>") && text.contains("Status: 5.7.10") && text.contains(&reporter)
    };
    let came = || sink.seen().arrived.iter().find(is_bounce).map(|one| String::from_utf8_lossy(&one.data).into_owned());
    assert!(wait_until(30, || came().is_some()), "{}", logs());
    assert!(!came().unwrap().contains("eyes only"));
}

#[test]
fn what_requires_tls_is_handed_on_under_tls_and_comes_back_where_there_is_none() {
    let sink = Sink::new();
    let (mut first, mut second) = (site(&sink), site(&sink));
    second.control("me", "second.test\n");
    first.control("rcpthosts", "taken.test\nplain.test\n");
    let onward = format!("taken.test:127.0.0.1:{} tls=fingerprint={}\n", second.port(), fingerprint(&second));
    first.control("smtproutes", &(onward + &sink.route()));
    up(&mut second);
    up(&mut first);
    send(&first, "b@taken.test", &[]);
    let plain = sink.messages(1, 30);
    assert_eq!(plain[0].field("Subject").as_deref(), Some("secret"));
    for (recipient, reporter) in [("b@plain.test", "relay.test"), ("b@taken.test", "second.test")] {
        send(&first, recipient, &["REQUIRETLS"]);
        let logs = || format!("{recipient}\n{}\n{}", first.logs(), second.logs());
        comes_back(&sink, reporter, logs);
    }
    assert_eq!(sink.seen().arrived.len(), 3);
}

#[test]
fn what_requires_tls_does_so_where_a_user_has_it_sent_on() {
    let sink = Sink::new();
    let mut town = Town::new();
    town.site.control("smtproutes", &sink.route());
    town.write("joe/.qmail", JOE, "|forward b@plain.test\n");
    town.site.start(Supervisor::Runit);
    let envelope = town.site.path("envelope");
    fs::write(&envelope, "Fa@sender.test\0Tjoe@relay.test\0\0").unwrap();
    let queue = program("stafett-queue");
    let line = format!("printf 'Subject: secret\\n\\nfor your eyes only\\n' | {} 1<{}", queue.display(), envelope.display());
    run(Command::new("sh").args(["-c", &line]).env("STAFETT", town.site.root()).env("QUEUEREQUIRETLS", "yes"));
    comes_back(&sink, "relay.test", || town.site.logs());
    assert_eq!(sink.seen().arrived.len(), 1);
}
