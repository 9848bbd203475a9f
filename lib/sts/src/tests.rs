//! Policies, records and names of honest and of hostile domains.

use crate::policy::{LONGEST_AGE, Mode, Policy};
use crate::record::{Place, policy_id, report_places};
use crate::{Count, Kind, Known, names};
use proptest::prelude::*;

const GOOD: &str = "version: STSv1\r\nmode: enforce\r\nmx: mail.example.com\r\nmx: *.Example.net\r\nmax_age: 604800\r\n";

fn fault(text: &str) -> String {
    Policy::parse(text.as_bytes()).unwrap_err()
}

#[test]
fn a_policy_is_read_with_either_line_end() {
    let policy = Policy::parse(GOOD.as_bytes()).unwrap();
    assert_eq!((policy.mode, policy.max_age), (Mode::Enforce, 604_800));
    assert_eq!(policy.mx, ["mail.example.com", "*.example.net"]);
    assert_eq!(Policy::parse(GOOD.replace('\r', "").as_bytes()).unwrap(), policy);
    assert_eq!(Policy::parse(policy.lines().join("\n").as_bytes()).unwrap(), policy);
}

#[test]
fn of_keys_that_stand_twice_the_first_counts_and_unknown_ones_nothing() {
    let text = "max_age:5\nmode:  testing  \nmode: none\nversion: STSv1\nversion: 2\nfuture: thing\nmx: a.b\nmax_age: 7\n\n";
    assert_eq!(Policy::parse(text.as_bytes()).unwrap(), Policy { mode: Mode::Testing, max_age: 5, mx: vec!["a.b".to_owned()] });
}

#[test]
fn a_policy_without_promise_needs_no_mx() {
    let policy = Policy::parse(b"version: STSv1\nmode: none\nmax_age: 0\n").unwrap();
    assert_eq!((policy.mode, policy.max_age), (Mode::None, 0));
    let more = Policy::parse(GOOD.as_bytes()).unwrap();
    assert!(policy.is_weaker_than(&more) && !more.is_weaker_than(&policy));
}

#[test]
fn what_is_no_policy_is_refused_in_words() {
    assert_eq!(fault("mode: enforce\nmx: a.b\nmax_age: 1"), "its version is not STSv1");
    assert_eq!(fault("version: STSv1\nmx: a.b\nmax_age: 1"), "its mode is none of enforce, testing and none");
    assert_eq!(fault("version: STSv1\nmode: Enforce\nmx: a.b\nmax_age: 1"), "its mode is none of enforce, testing and none");
    assert_eq!(fault("version: STSv1\nmode: enforce\nmax_age: 1"), "it lists no mx");
    for age in ["-1", "", "12345678901", "1 day"] {
        let text = format!("version: STSv1\nmode: enforce\nmx: a.b\nmax_age: {age}");
        assert_eq!(fault(&text), "its max_age is not a number of seconds");
    }
    assert_eq!(fault("version: STSv1\nmode: enforce\nmx: a.*.b\nmax_age: 1"), "it lists an mx that is no name");
    assert_eq!(fault("<html>\n<body>"), "it has a line that is not \"key: value\"");
    assert_eq!(Policy::parse(b"\xff\xfe").unwrap_err(), "it is no text");
    let many = "mx: a.example\n".repeat(101);
    assert_eq!(fault(&format!("version: STSv1\nmode: enforce\n{many}max_age: 1")), "it lists more mx than we keep");
}

#[test]
fn a_policy_counts_a_year_at_most() {
    let policy = Policy::parse(b"version: STSv1\nmode: none\nmax_age: 9999999999\n").unwrap();
    assert_eq!(policy.max_age, LONGEST_AGE);
}

#[test]
fn a_star_stands_for_one_label() {
    for (pattern, host, fits) in [
        ("mail.example.com", "Mail.Example.COM.", true),
        ("mail.example.com", "x.mail.example.com", false),
        ("*.example.com", "a.example.com", true),
        ("*.example.com", "a.b.example.com", false),
        ("*.example.com", "example.com", false),
        ("*.example.com", ".example.com", false),
    ] {
        assert_eq!(names::matches(pattern, host), fits, "{pattern} {host}");
    }
}

#[test]
fn one_record_announces_a_policy() {
    let id = |texts: &[&[u8]]| policy_id(texts.iter().copied());
    assert_eq!(id(&[b"v=STSv1; id=20160831085700Z;"]).as_deref(), Some("20160831085700Z"));
    assert_eq!(id(&[b"v=spf1 -all", b"v=STSv1 ;more=x; id=1"]).as_deref(), Some("1"));
    for none in [&b"v=STSv1"[..], b"v=STSv1; id=", b"v=STSv1; id=a b", b"v=STSv10; id=1", b" v=STSv1; id=1", b"v=STSv1; id=1; id=2"] {
        assert_eq!(id(&[none]), None, "{}", String::from_utf8_lossy(none));
    }
    assert_eq!(id(&[b"v=STSv1; id=123456789012345678901234567890123"]), None);
    assert_eq!(id(&[b"v=STSv1; id=1", b"v=STSv1; id=2"]), None);
}

#[test]
fn reports_go_where_the_record_says() {
    let places = |text: &str| report_places([text.as_bytes()]);
    let both = "v=TLSRPTv1; rua=mailto:tls%2Dreports@example.com?subject=x , https://example.com/v1/tlsrpt";
    let mail = Place::Mail("tls-reports@example.com".to_owned());
    assert_eq!(places(both), [mail, Place::Post("https://example.com/v1/tlsrpt".to_owned())]);
    let evil =
        "v=TLSRPTv1;rua=mailto:a%0d%0aRCPT@b.c,mailto:a b@c.d,mailto:<a@b.c>,http://b.c/,https://u@b.c/,https:///x,ftp://a.b,mailto:a@b";
    assert_eq!(places(evil), []);
    assert_eq!(places("v=TLSRPTv1;rua=https://b.c:443/x"), [Place::Post("https://b.c:443/x".to_owned())]);
    assert_eq!(places("v=TLSRPTv1;rua=https://b.c:25/,https://b.c:8443/x,https://b.c:/,https://b.c:0443/,https://b.c:443:25/"), []);
    assert_eq!(places("v=TLSRPTv1;rua=mailto:a@b.c,mailto:a@b.c,mailto:a@b.c,mailto:a@b.c,mailto:a@b.c").len(), 4);
    assert_eq!(report_places([&b"v=TLSRPTv1;rua=mailto:a@b.c"[..], b"v=TLSRPTv1;rua=mailto:a@b.c"]), []);
}

#[test]
fn what_is_known_goes_over_the_wire() {
    let policy = Policy::parse(GOOD.as_bytes()).unwrap();
    let known = Known { policy, id: "7".to_owned(), trouble: Some("sts-policy-invalid".to_owned()), text: "words".to_owned() };
    assert_eq!(Known::from_answer(&known.answer()), Some(known));
    let nothing = Known::nothing("nobody knows");
    assert_eq!(Known::from_answer(&nothing.answer()), Some(nothing));
    assert_eq!(Known::from_answer(&stafett_ask::Answer::new(stafett_ask::Verdict::Temporary, "busy")), None);
}

#[test]
fn what_is_told_of_a_session_is_made_safe() {
    let count = Count {
        domain: "Example.ORG".to_owned(),
        kind: Kind::Sts,
        policy: vec!["version: STSv1".to_owned(), "mode: enforce".to_owned()],
        patterns: vec!["*.example.org".to_owned()],
        result: "certificate-expired".to_owned(),
        from: "192.0.2.1".to_owned(),
        host: "mx\r\n\u{e4}".to_owned(),
        address: "192.0.2.2".to_owned(),
        words: "x".repeat(1000),
    };
    let fields: Vec<Vec<u8>> = count.fields().into_iter().map(String::into_bytes).collect();
    let read = Count::from_fields(&fields).unwrap();
    assert_eq!((read.domain.as_str(), read.host.as_str(), read.words.len()), ("example.org", "mx????", 253));
    assert_eq!((read.policy, read.patterns), (count.policy, count.patterns));
    assert_eq!(Count::from_fields(&fields[1..]), None);
}

proptest! {
    #[test]
    fn nothing_that_strangers_write_is_too_much(bytes in prop::collection::vec(any::<u8>(), 0..300)) {
        let _ = Policy::parse(&bytes);
        let _ = policy_id([&bytes[..]]);
        let mut text = b"v=TLSRPTv1;rua=mailto:".to_vec();
        text.extend(&bytes);
        for place in report_places([&text[..]]) {
            let (Place::Mail(text) | Place::Post(text)) = place;
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_graphic()));
        }
    }
}
