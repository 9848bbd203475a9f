//! Policies of honest domains: fetched, kept, changed, taken back; and what stays when their hosts are away.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::path::Path;

use stafett_ask::Verdict;
use support::{Service, World};

const ENFORCE: &str = "version: STSv1\r\nmode: enforce\r\nmx: mx.a.test\r\nmx: *.b.test\r\nmax_age: 604800\r\n";

/// When the policy of a domain was fetched, as the file says.
fn fetched(directory: &Path, domain: &str) -> u64 {
    let text = fs::read_to_string(directory.join("state/mtasts").join(domain)).unwrap();
    text.lines().find_map(|line| line.strip_prefix("fetched: ")).unwrap().parse().unwrap()
}

/// As if the last look had been long ago, which `failed` alone does not pretend.
fn age(directory: &Path, domain: &str, seconds: u64) {
    let path = directory.join("state/mtasts").join(domain);
    let text = fs::read_to_string(&path).unwrap();
    let fetched = fetched(directory, domain);
    let earlier = fetched - seconds;
    fs::write(&path, text.replace(&format!("fetched: {fetched}"), &format!("fetched: {earlier}"))).unwrap();
}

#[test]
fn a_policy_is_fetched_once_and_outlives_the_service() {
    let world = World::new();
    world.policy("a.test", "1", ENFORCE);
    let mut service = Service::start(&world);
    let known = service.known("A.test.");
    assert_eq!((known.policy.mx.join(" ").as_str(), known.policy.max_age), ("mx.a.test *.b.test", 604_800));
    assert_eq!((service.short("a.test"), service.short("x.test")), ("enforce 1".to_owned(), "none ".to_owned()));
    assert_eq!(world.requests("mta-sts.a.test GET /.well-known/mta-sts.txt HTTP/1.1"), 1);
    let said = "domain a.test: policy mode=enforce id=1 max_age=604800 mx=mx.a.test,*.b.test";
    assert!(service.log().contains(said), "{}", service.log());
    // nobody is there any more
    world.text("_mta-sts.a.test", &["servfail"]);
    fs::remove_file(world.path("mta-sts.a.test")).unwrap();
    service.restart(|_| {});
    assert_eq!(service.short("a.test"), "enforce 1");
}

#[test]
fn another_id_brings_the_new_policy_and_says_when_it_is_weaker() {
    let world = World::new();
    world.policy("a.test", "1", ENFORCE);
    let mut service = Service::start(&world);
    assert_eq!(service.short("a.test"), "enforce 1");
    world.policy("a.test", "2", "version: STSv1\nmode: testing\nmx: mx.a.test\nmax_age: 86400\n");
    // what was looked at just now is not looked at again at once; after a start it is
    service.restart(|_| {});
    service.wait_for("a.test", "testing 2");
    assert!(service.log().contains("mode=testing id=2 max_age=86400 mx=mx.a.test, weaker than before"), "{}", service.log());
    world.policy("a.test", "3", "version: STSv1\nmode: none\nmax_age: 86400\n");
    service.restart(|_| {});
    service.wait_for("a.test", "none 3");
}

#[test]
fn an_old_policy_is_fetched_again_whatever_its_id() {
    let world = World::new();
    world.policy("a.test", "1", ENFORCE);
    let mut service = Service::start(&world);
    assert_eq!(service.short("a.test"), "enforce 1");
    let first = fetched(&service.path(""), "a.test");
    service.restart(|directory| age(directory, "a.test", 100_000));
    support::wait_until("no second fetch", || {
        assert_eq!(service.short("a.test"), "enforce 1");
        fetched(&service.path(""), "a.test") >= first
    });
    assert_eq!(world.requests("mta-sts.a.test GET"), 2);
    // the host is away: the policy counts until it expires, and that is said
    fs::remove_file(world.path("mta-sts.a.test")).unwrap();
    service.restart(|directory| age(directory, "a.test", 604_000));
    service.wait_for_log("domain a.test: the domain announces a policy that cannot be had: ");
    assert!(service.log().contains("; the one of id 1 counts for another "), "{}", service.log());
    assert_eq!(service.short("a.test"), "enforce 1");
    service.restart(|directory| age(directory, "a.test", 2000));
    let known = service.known("a.test");
    assert_eq!((known.policy.mode.word(), known.trouble.as_deref()), ("none", Some("sts-policy-fetch-error")));
    service.wait_for_log("domain a.test: the policy of id 1 has expired; mail goes out as without it");
    assert!(!service.path("state/mtasts/a.test").exists());
}

#[test]
fn a_record_that_is_gone_takes_no_policy_back() {
    let world = World::new();
    world.policy("a.test", "1", ENFORCE);
    let mut service = Service::start(&world);
    assert_eq!(service.short("a.test"), "enforce 1");
    world.text("_mta-sts.a.test", &[]);
    service.restart(|_| {});
    for _ in 0..3 {
        service.question(&["failed", "a.test"]);
        assert_eq!(service.short("a.test"), "enforce 1");
    }
}

#[test]
fn the_rule_of_the_domain_counts_and_changes_at_once() {
    let world = World::new();
    for domain in ["a.test", "b.test", "c.test"] {
        world.policy(domain, "1", ENFORCE);
    }
    let service = Service::start_with(&world, ":off\na.test:on\nb.test:test\n");
    let short = |domain| service.short(domain);
    assert_eq!((short("a.test"), short("b.test"), short("c.test")), ("enforce 1".into(), "testing 1".into(), "none ".into()));
    assert_eq!(world.requests("mta-sts.c.test"), 0);
    service.control("mtasts", ":on\n");
    assert_eq!((short("b.test"), short("c.test")), ("enforce 1".into(), "enforce 1".into()));
    service.control("mtasts", ":perhaps\n");
    assert_eq!(short("b.test"), "enforce 1");
    service.wait_for_log("control/mtasts:1: \"perhaps\" is neither on, test nor off");
}

#[test]
fn the_admin_asks_and_has_it_forget() {
    let world = World::new();
    world.policy("a.test", "1", ENFORCE);
    let service = Service::start(&world);
    let call = |arguments: &[&str]| {
        let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_stafett-mtasts"));
        let output = command.arg(service.path("")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, text) = call(&["--ask", "a.test"]);
    assert_eq!(code, Some(0));
    assert!(text.starts_with("the policy of mode enforce and id 1 counts for another 6047") || text.contains("another 604800"), "{text}");
    assert!(text.ends_with("version: STSv1\nmode: enforce\nmx: mx.a.test\nmx: *.b.test\nmax_age: 604800\n"), "{text}");
    assert_eq!(call(&["--forget", "a.test"]), (Some(0), "forgotten\n".to_owned()));
    assert!(!service.path("state/mtasts/a.test").exists());
    assert_eq!(call(&["--dance"]).0, Some(100));
    assert_eq!(service.question(&["dance", "a.test"]).verdict, Verdict::Temporary);
    assert_eq!(service.short("[192.0.2.1]"), "none ");
}
