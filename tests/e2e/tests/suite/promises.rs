//! MTA-STS and TLSRPT on a whole relay: policies come by HTTPS, Postfix takes the mail under TLS, reports go through the queue.

use crate::postfix::{Postfix, has_postfix};
use stafett_test_e2e::{Sink, Site, Supervisor, message, run, transfer, wait_until};
use std::fs;
use std::process::Command;
use world::World;

#[path = "../../../../bins/mtasts/tests/support/world.rs"]
mod world;

/// A Postfix called mx.a.test that insists on TLS and hands on to the sink.
fn receiver(world: &World, sink: &Sink) -> Postfix {
    let pair = world.path("certs/default.pem").display().to_string();
    Postfix::start(&format!(
        "relay_domains = a.test, b.test\nrelay_transport = smtp:[127.0.0.1]:{}\n\
         smtpd_relay_restrictions = permit_auth_destination, reject\nsmtpd_tls_cert_file = {pair}\nsmtpd_tls_key_file = {pair}\n\
         smtpd_tls_security_level = encrypt\nsmtpd_tls_received_header = yes\nsmtpd_tls_loglevel = 1",
        sink.port()
    ))
}

fn site(world: &World, postfix: &Postfix) -> Site {
    let mut site = Site::new();
    assert!(site.setup(&["--with", "mtasts,tlsrpt,dkim"]).status.success());
    for domain in ["a.test", "b.test"] {
        world.text(domain, &["mx 10 mx.a.test"]);
    }
    world.text("mx.a.test", &["a 127.0.0.1"]);
    let authorities = site.path("authorities.pem");
    fs::write(&authorities, world.authority()).unwrap();
    site.control("tlsauthorities", &format!("{}\n", authorities.display()));
    site.control("httpsproxy", &world.proxy);
    site.control("resolvers", &world.resolvers);
    site.control("rcpthosts", "a.test\nb.test\n");
    site.control("smtproutes", &format!("a.test::{0}\nb.test::{0}\n", postfix.port));
    site.control("mtasts", ":on\n");
    site.control("tlsrpt", "reports@relay.test\n");
    site.control("dkimsign", "relay.test:relay.test:sel\n");
    run(site.command("stafett-dkim").args(["genkey", "--ed25519"]).arg(site.root()).args(["relay.test", "sel"]));
    // the key gets its owner
    assert!(site.setup(&[]).status.success());
    site.start(Supervisor::Runit);
    site
}

fn said(command: &mut Command) -> String {
    let output = command.output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Sends mail until there is some whose fate the services know: they come up in any order.
fn sends(site: &Site, to: &str) {
    transfer(site.port(), "a@sender.test", to, &message("promised"));
}

#[test]
fn promises_are_obeyed_and_what_became_of_them_is_reported() {
    if !has_postfix("promises_are_obeyed_and_what_became_of_them_is_reported") {
        return;
    }
    let (world, sink) = (World::new(), Sink::new());
    world.policy("a.test", "1", "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 86400\n");
    world.policy("b.test", "1", "version: STSv1\nmode: enforce\nmx: mx.b.test\nmax_age: 86400\n");
    world.text("_smtp._tls.a.test", &["v=TLSRPTv1; rua=mailto:tls@a.test"]);
    let postfix = receiver(&world, &sink);
    let site = site(&world, &postfix);
    sends(&site, "x@a.test");
    let flush = || assert!(site.command("qtool").arg("flush").output().unwrap().status.success());
    assert!(
        wait_until(60, || {
            flush();
            sink.seen().arrived.len() == 1
        }),
        "{}{}",
        site.logs(),
        world.log()
    );
    site.logged("send", ",_verified._Remote_host_said:_250_2.0.0_Ok");
    sends(&site, "x@b.test");
    let qstat = || said(site.command("qstat").arg("-v"));
    let reason = "mx.a.test is not among the MX hosts of the MTA-STS policy";
    assert!(wait_until(60, || qstat().contains(reason)), "{}{}", qstat(), site.logs());
    let known = || said(site.command("stafett-mtasts").arg(site.root()).args(["--ask", "b.test"]));
    assert!(known().contains("version: STSv1\nmode: enforce\nmx: mx.b.test\n"), "{}", known());
    // the domain takes its promise back
    world.policy("b.test", "2", "version: STSv1\nmode: none\nmax_age: 86400\n");
    said(site.command("stafett-mtasts").arg(site.root()).args(["--forget", "b.test"]));
    assert!(known().contains("mode: none\n"), "{}", known());
    assert!(
        wait_until(60, || {
            flush();
            sink.seen().arrived.len() == 2
        }),
        "{}",
        site.logs()
    );
    let shown = || said(site.command("stafett-tlsrpt").arg("show").arg(site.root()));
    assert!(shown().contains(" a.test good=1 failed=") && shown().contains(" sts: certificate-host-mismatch mx.a.test"), "{}", shown());
    reported(&site, &sink);
}

/// The day passes, and the report comes by mail.
fn reported(site: &Site, sink: &Sink) {
    let supervise = |verb: &str| run(Command::new("sv").arg(verb).arg(site.path("service/tlsrpt")));
    supervise("down");
    assert!(wait_until(30, || site.processes("stafett-tlsrpt").is_empty()));
    let state = site.path("state/tlsrpt");
    let today = fs::read_dir(&state).unwrap().map(|day| day.unwrap().path()).min().unwrap();
    let yesterday = said(Command::new("date").args(["-u", "-d", "yesterday", "+%Y-%m-%d"]));
    fs::rename(today, state.join(yesterday.trim())).unwrap();
    supervise("up");
    let send = || said(site.command("stafett-tlsrpt").arg("send").arg(site.root())).contains("are being sent");
    assert!(wait_until(30, send), "{}", site.logs());
    let report = &sink.messages(3, 60)[2];
    assert_eq!(report.field("TLS-Report-Domain").as_deref(), Some("a.test"));
    assert_eq!(report.field("From").as_deref(), Some("<reports@relay.test>"));
    assert!(report.rcpts[0].starts_with("<tls@a.test>"), "{:?}", report.rcpts);
    assert!(
        report.field("DKIM-Signature").is_some_and(|field| field.contains("d=relay.test")),
        "{}",
        String::from_utf8_lossy(&report.data)
    );
    site.logged("tlsrpt", "for a.test to tls@a.test: queued as ");
}
