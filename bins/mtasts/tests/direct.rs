//! Policy hosts that are asked without a proxy, on port 443: in a network that the test has for itself. Root only.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::process::Command;

use nix::sched::{CloneFlags, unshare};
use stafett_sys::user::Uid;
use support::{Service, World, text_plain};

const ENFORCE: &str = "version: STSv1\nmode: enforce\nmx: mx.a.test\nmax_age: 604800\n";

/// Runs a test on a thread whose network, and that of all that it starts, is an empty one with loopback alone.
fn in_a_network_of_its_own(name: &str, test: fn()) {
    if !Uid::effective().is_root() {
        eprintln!("left out: {name} (a network of its own needs root)");
        return;
    }
    let thread = std::thread::spawn(move || {
        unshare(CloneFlags::CLONE_NEWNET).unwrap();
        let up = Command::new("ip").args(["link", "set", "lo", "up"]).status().unwrap();
        assert!(up.success());
        test();
    });
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// A world whose policy hosts a, b and c are at port 443 of that address.
fn world() -> World {
    let world = World::direct();
    for domain in ["a.test", "b.test", "c.test"] {
        world.policy(domain, "1", ENFORCE);
        world.text(&format!("mta-sts.{domain}"), &["a 127.0.0.1"]);
    }
    world
}

/// What becomes of the policy of a.test.
fn trouble(service: &Service) -> (String, String) {
    service.question(&["forget", "a.test"]);
    let known = service.known("a.test");
    assert_eq!(known.policy.mode.word(), "none", "{}", known.text);
    (known.trouble.unwrap_or_default(), known.text.replace("the domain announces a policy that cannot be had: ", ""))
}

#[test]
fn a_policy_is_fetched_at_port_443() {
    in_a_network_of_its_own("a_policy_is_fetched_at_port_443", || {
        let world = world();
        let service = Service::start(&world);
        assert_eq!(service.short("a.test"), "enforce 1", "{}", service.log());
        assert_eq!(world.requests("mta-sts.a.test GET /.well-known/mta-sts.txt HTTP/1.1"), 1, "{}", world.log());
        // where nobody listens, and where nobody may connect to
        world.text("mta-sts.b.test", &["a 127.0.0.2"]);
        assert_eq!(service.known("b.test").trouble.as_deref(), Some("sts-policy-fetch-error"));
        service.control("destinations", "192.0.2.0/24\n");
        let known = service.known("c.test");
        assert_eq!(known.trouble.as_deref(), Some("sts-policy-fetch-error"));
        assert!(known.text.contains("mta-sts.c.test is outside of the networks in control/destinations"), "{}", known.text);
        assert_eq!(world.requests("mta-sts.c.test"), 0);
    });
}

#[test]
fn what_is_no_policy_is_none_at_port_443() {
    in_a_network_of_its_own("what_is_no_policy_is_none_at_port_443", || {
        let world = world();
        let service = Service::start(&world);
        world.answer("mta-sts.a.test", "HTTP/1.1 302 Found\r\nLocation: https://mta-sts.b.test/\r\nContent-Length: 0\r\n\r\n");
        assert_eq!(trouble(&service), ("sts-policy-fetch-error".to_owned(), "it answers with status 302".to_owned()));
        assert_eq!(world.requests("mta-sts.b.test"), 0, "a redirect was followed");
        world.answer("mta-sts.a.test", text_plain(&format!("{ENFORCE}{}", "x: y\n".repeat(20_000))));
        assert_eq!(trouble(&service), ("sts-policy-invalid".to_owned(), "it sent more than 65536 bytes".to_owned()));
        world.answer("mta-sts.a.test", text_plain(ENFORCE));
        let asked = world.requests("mta-sts.a.test GET");
        for (certificate, words) in [("other", "not valid for name"), ("expired", "expired"), ("alone", "certificate does not hold")] {
            world.certificate("mta-sts.a.test", certificate);
            let (result, said) = trouble(&service);
            assert!(result == "sts-webpki-invalid" && said.contains(words), "{certificate}: {result}: {said}");
        }
        assert_eq!(world.requests("mta-sts.a.test GET"), asked, "a host without a good certificate was asked");
        world.certificate("mta-sts.a.test", "default");
        service.question(&["forget", "a.test"]);
        assert_eq!(service.short("a.test"), "enforce 1");
    });
}
