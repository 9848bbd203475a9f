//! TLS on the way out of a whole relay: Postfix takes the mail, unbound vouches for what a signed zone says of it.

use crate::postfix::{Postfix, has_postfix};
use signed::Names;
use stafett_test_e2e::{Sink, Site, Supervisor, message, run, skip, transfer, wait_until};
use std::process::Command;

#[path = "../../../../bins/remote/tests/support/signed.rs"]
mod signed;

/// A Postfix that insists on TLS and hands on to the sink, with the directory of its certificate.
fn receiver(sink: &Sink) -> (Postfix, tempfile::TempDir) {
    let place = tempfile::tempdir().unwrap();
    let path = |name: &str| place.path().join(name).display().to_string();
    let mut openssl = Command::new("openssl");
    openssl.args(["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2", "-subj", "/CN=mx"]);
    run(openssl.args(["-addext", "subjectAltName=DNS:mx.dane.test", "-keyout", &path("key.pem"), "-out", &path("cert.pem")]));
    let postfix = Postfix::start(&format!(
        "relay_domains = dane.test, .dane.test\nparent_domain_matches_subdomains = relay_domains\nrelay_transport = smtp:[127.0.0.1]:{}\n\
         smtpd_relay_restrictions = permit_auth_destination, reject\nsmtpd_tls_cert_file = {}\nsmtpd_tls_key_file = {}\n\
         smtpd_tls_security_level = encrypt\nsmtpd_tls_received_header = yes\nsmtpd_tls_loglevel = 1",
        sink.port(),
        path("cert.pem"),
        path("key.pem")
    ));
    (postfix, place)
}

/// The zone: `good` has the record of that certificate, `bad` another one.
fn names(place: &tempfile::TempDir, port: u16) -> Option<Names> {
    let script = "openssl x509 -in cert.pem -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1";
    let digest = Command::new("sh").args(["-c", script]).current_dir(place.path()).output().unwrap().stdout;
    let digest = String::from_utf8(digest).unwrap();
    let hosts = "good IN MX 10 mx\nmx IN A 127.0.0.1\nbad IN MX 10 mxbad\nmxbad IN A 127.0.0.1\n";
    let zero = "0".repeat(64);
    signed::start(&format!("{hosts}_{port}._tcp.mx IN TLSA 3 1 1 {digest}\n_{port}._tcp.mxbad IN TLSA 3 1 1 {zero}\n"), "")
}

fn qstat(site: &Site) -> String {
    String::from_utf8_lossy(&site.command("qstat").arg("-v").output().unwrap().stdout).into_owned()
}

#[test]
fn postfix_takes_mail_under_dane_and_mail_for_an_impostor_waits() {
    let test = "postfix_takes_mail_under_dane_and_mail_for_an_impostor_waits";
    if !has_postfix(test) {
        return;
    }
    let sink = Sink::new();
    let (postfix, place) = receiver(&sink);
    let Some(names) = names(&place, postfix.port) else { return skip(test, "needs unbound and ldns-signzone") };
    let mut site = Site::new();
    site.control("rcpthosts", ".dane.test\n");
    site.control("smtproutes", &format!(".dane.test::{}\n", postfix.port));
    site.control("resolvers", &names.line);
    site.start(Supervisor::Runit);
    transfer(site.port(), "a@sender.test", "b@good.dane.test", &message("good"));
    let arrived = &sink.messages(1, 60)[0];
    assert!(String::from_utf8_lossy(&arrived.data).contains("(using TLSv1.3 with cipher TLS_"), "{}", postfix.log());
    site.logged("send", "127.0.0.1_accepted_message._TLSv1.3_TLS_");
    site.logged("send", ",_verified._Remote_host_said:_250_2.0.0_Ok");
    transfer(site.port(), "a@sender.test", "b@bad.dane.test", &message("bad"));
    let reason = "its certificate fits none of its TLSA records (demanded by its TLSA records)";
    assert!(wait_until(30, || qstat(&site).contains(reason)), "{}{}", qstat(&site), site.logs());
    assert!(qstat(&site).contains("waits (tls): the TLS that is demanded cannot be had: "), "{}", qstat(&site));
    site.control("tlsdestinations", "bad.dane.test:may\n");
    assert!(site.command("qtool").arg("flush").output().unwrap().status.success());
    assert!(sink.messages(2, 60)[1].rcpts[0].starts_with("<b@bad.dane.test>"));
    site.drained(30);
}
