//! MTA-STS (RFC 8461) and TLSRPT (RFC 8460) on the way out: what a destination promises is held it to, and every session is
//! told. Both services are played by this test; their own tests are beside them.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::path::Path;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::{Duration, Instant};

use stafett_ask::{Answer, Desk, Question, Service};
use stafett_log::Log;
use stafett_sts::{Count, Known, Policy};
use stafett_sys::user::Uid;
use stafett_wire::Verdict;
use stafett_wire::delivery::{Kind, Report};
use support::tls::{Peers, key_digest};
use support::{Remote, Scope, names, only};

const MESSAGE: &[u8] = b"From: a@from.test\r\nSubject: x\r\n\r\nbody\r\n";
/// Whom the program runs as when the tests run as root.
const NOBODY: Uid = Uid(65534);

/// One set of servers for all tests of this file.
static PEERS: LazyLock<Peers> = LazyLock::new(Peers::start);

/// What the services were told.
type Told = Arc<Mutex<Vec<String>>>;

/// Plays both services: knows one policy, or what is wrong with it; after each answer the next, and the last for good.
struct Player {
    known: Vec<Known>,
    told: Told,
}

impl Service for Player {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, question: Question) {
        let (answer, told) = match Count::from_fields(&question.fields) {
            Some(count) if question.verb() == "count" => {
                let told = format!("{} {} {} {}", count.kind.word(), count.result, count.host, count.address);
                let policy = format!("{} {}", count.policy.join(";"), count.patterns.join(" "));
                (Answer::new(Verdict::Ok, "counted"), format!("{told} {policy}").trim_end().to_owned())
            }
            _ => (self.next().answer(), question.fields.iter().map(|field| String::from_utf8_lossy(field)).collect::<Vec<_>>().join(" ")),
        };
        self.told.lock().unwrap().push(told);
        question.answer(&answer);
    }
}

impl Player {
    fn next(&mut self) -> Known {
        if self.known.len() > 1 { self.known.remove(0) } else { self.known[0].clone() }
    }
}

/// A policy of this mode for these hosts.
fn policy(mode: &str, mx: &str) -> Known {
    let text = format!("version: STSv1\nmode: {mode}\nmx: {mx}\nmax_age: 1000\n");
    Known { policy: Policy::parse(text.as_bytes()).unwrap(), id: "1".to_owned(), trouble: None, text: String::new() }
}

/// A running stafett-remote beside services that know this of every domain; `which` are there.
fn site(known: Known, which: &[&str], resolvers: &str) -> (Remote, Told) {
    changing_site(&[known], which, resolvers)
}

fn changing_site(known: &[Known], which: &[&str], resolvers: &str) -> (Remote, Told) {
    let authorities = PEERS.path("ca.pem").display().to_string();
    let control = [
        ("mtasts", ":on\nexempt.test:off\n"),
        ("tlsrpt", "reports@relay.test\n"),
        ("tlsauthorities", &authorities),
        ("timeoutremote", "20\n"),
        ("resolvers", resolvers),
    ];
    let remote = Remote::start(&control);
    let told = Told::default();
    for name in which {
        let run = remote.control("me").parent().unwrap().parent().unwrap().join("run").join(name);
        play(&run, Player { known: known.to_vec(), told: Arc::clone(&told) });
    }
    (remote, told)
}

fn play(run: &Path, mut player: Player) {
    fs::create_dir(run).unwrap();
    let desk = Desk::listen(Log::new("player"), &run.join("socket"), &[NOBODY]).unwrap();
    std::thread::spawn(move || desk.run(&mut player));
}

/// All mail for promise.test and exempt.test goes to good.test, which is that peer.
fn plain_names() -> String {
    names::start(&[("promise.test", "mx 10 good.test"), ("exempt.test", "mx 10 good.test"), ("good.test", "a 127.0.0.1")])
}

/// Delivers to promise.test, whose host behaves as `peer`: the report, what was told, the log.
fn deliver(known: Known, peer: &str) -> (Report, Vec<String>, String) {
    let (remote, told) = site(known, &["mtasts", "tlsrpt"], &plain_names());
    let report = remote.to(Kind::Mx, "promise.test", PEERS.port(peer)).send(&["b@promise.test"], MESSAGE);
    let told = told.lock().unwrap().clone();
    (report, told, remote.log())
}

#[test]
fn a_promise_that_is_kept_is_told() {
    let (report, told, _) = deliver(policy("enforce", "good.test"), "good");
    let (verdict, text) = only(&report);
    assert!(verdict == Verdict::Ok && text.contains("TLSv1.3") && text.contains("verified"), "{text}");
    let lines = "version: STSv1;mode: enforce;mx: good.test;max_age: 1000 good.test";
    assert_eq!(told, ["policy promise.test", &format!("sts  good.test 127.0.0.1 {lines}")]);
}

#[test]
fn mail_waits_for_what_is_enforced() {
    for (peer, mx, result, words) in [
        ("plain", "good.test", "starttls-not-supported", "offers no STARTTLS (demanded by its MTA-STS policy)"),
        ("self", "good.test", "certificate-not-trusted", "its certificate comes from no authority that this host trusts"),
        ("expired", "good.test", "certificate-expired", "its certificate has expired"),
        ("other", "good.test", "certificate-host-mismatch", "its certificate is for "),
        ("good", "mx.test", "certificate-host-mismatch", "good.test is not among the MX hosts of the MTA-STS policy"),
    ] {
        let (report, told, _) = deliver(policy("enforce", mx), peer);
        let (verdict, text) = only(&report);
        assert_eq!((verdict, report.scope), (Verdict::Temporary, Scope::Destination), "{text}");
        assert!(text.contains(words) && text.ends_with("(#4.7.5)"), "{peer}: {text}");
        assert!(told.iter().any(|told| told.starts_with(&format!("sts {result} good.test "))), "{peer}: {told:?}");
        assert!(told.contains(&"failed promise.test".to_owned()), "{told:?}");
        assert!(!told.iter().any(|told| told.starts_with("sts  ")), "{told:?}");
    }
}

#[test]
fn a_session_at_hand_is_not_used_once_the_policy_is_another() {
    let (remote, told) = changing_site(&[Known::nothing("none"), policy("enforce", "mx.test")], &["mtasts"], &plain_names());
    let mut delivery = remote.to(Kind::Mx, "promise.test", PEERS.port("good"));
    assert_eq!(only(&delivery.send(&["b@promise.test"], MESSAGE)).0, Verdict::Ok);
    let report = delivery.send(&["b@promise.test"], MESSAGE);
    let (verdict, text) = only(&report);
    assert!(verdict == Verdict::Temporary && text.contains("is not among the MX hosts of the MTA-STS policy"), "{text}");
    assert!(told.lock().unwrap().len() >= 2);
}

#[test]
fn what_is_tested_is_told_alone() {
    for (peer, mx, result) in [
        ("plain", "good.test", "starttls-not-supported"),
        ("self", "good.test", "certificate-not-trusted"),
        ("good", "mx.test", "certificate-host-mismatch"),
    ] {
        let (report, told, _) = deliver(policy("testing", mx), peer);
        assert_eq!(only(&report).0, Verdict::Ok, "{peer}");
        let counts: Vec<&String> = told.iter().filter(|told| !told.starts_with("policy ")).collect();
        assert_eq!(counts.len(), 1, "{peer}: {told:?}");
        assert!(counts[0].starts_with(&format!("sts {result} good.test 127.0.0.1 version")), "{peer}: {told:?}");
    }
}

#[test]
fn without_a_policy_mail_goes_as_ever_and_is_told() {
    let trouble = Known { trouble: Some("sts-policy-fetch-error".to_owned()), ..Known::nothing("none") };
    for (known, count) in [(Known::nothing("none"), "no-policy-found"), (trouble, "sts sts-policy-fetch-error")] {
        let (report, told, _) = deliver(known, "self");
        assert_eq!(only(&report).0, Verdict::Ok);
        assert!(told.len() == 2 && told[1].starts_with(count) && told[1].ends_with(" good.test 127.0.0.1"), "{told:?}");
    }
    let (remote, told) = site(policy("enforce", "mx.test"), &["mtasts", "tlsrpt"], &plain_names());
    for (kind, name) in [(Kind::Mx, "exempt.test"), (Kind::Host, "127.0.0.1")] {
        let report = remote.to(kind, name, PEERS.port("good")).send(&["b@promise.test"], MESSAGE);
        assert_eq!(only(&report).0, Verdict::Ok, "{name}");
    }
    // a relay that the administrator names is not counted
    assert_eq!(told.lock().unwrap().clone(), ["no-policy-found  good.test 127.0.0.1"]);
}

#[test]
fn mail_waits_for_the_service_that_knows_and_not_for_the_one_that_counts() {
    let (remote, _) = site(Known::nothing("none"), &["tlsrpt"], &plain_names());
    let report = remote.to(Kind::Mx, "promise.test", PEERS.port("good")).send(&["b@promise.test"], MESSAGE);
    let (verdict, text) = only(&report);
    assert_eq!((verdict, report.scope), (Verdict::Temporary, Scope::Destination), "{text}");
    assert!(text.contains("unable to ask stafett-mtasts what it promises about TLS: "), "{text}");
    let (remote, _) = site(Known::nothing("none"), &["mtasts"], &plain_names());
    let report = remote.to(Kind::Mx, "promise.test", PEERS.port("good")).send(&["b@promise.test"], MESSAGE);
    assert_eq!(only(&report).0, Verdict::Ok);
    let note = "tls: a session with good.test was not counted: unable to tell stafett-tlsrpt: ";
    let begin = Instant::now();
    while !remote.log().contains(note) {
        assert!(begin.elapsed() < Duration::from_secs(30), "{}", remote.log());
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[test]
fn tlsa_records_go_before_a_policy() {
    let port = PEERS.port("self");
    let place: &'static str = format!("_{port}._tcp.good.test").leak();
    let record = format!("tlsa 3 1 1 {}", key_digest(&PEERS.path("self.pem")));
    let table = vec![("promise.test", "mx 10 good.test".to_owned()), ("good.test", "a 127.0.0.1".to_owned()), (place, record)];
    // the policy would have neither this host nor its certificate
    let (remote, told) = site(policy("enforce", "mx.test"), &["mtasts", "tlsrpt"], &names::start_signed(table));
    let report = remote.to(Kind::Mx, "promise.test", port).send(&["b@promise.test"], MESSAGE);
    let (verdict, text) = only(&report);
    assert_eq!(verdict, Verdict::Ok, "{text}");
    let told = told.lock().unwrap().clone();
    assert_eq!(told.last().unwrap(), "tlsa  good.test 127.0.0.1", "{told:?}");
}
