use super::{Filter, State, bytes, seconds};
use crate::json;
use crate::moment::Moment;
use crate::pattern::Pattern;
use crate::routes::Routes;
use lexopt::{Arg, Parser};
use proptest::prelude::*;
use stafett_control::Control;
use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::journal::{Event, Standing};
use stafett_queue_store::{Entry, Id, Place};

fn parse(words: &[&str]) -> Result<Filter, String> {
    let mut parser = Parser::from_args(words.iter().copied());
    let mut filter = Filter::default();
    while let Some(argument) = parser.next().unwrap() {
        let Arg::Long(name) = argument else { panic!("{argument:?}") };
        let name = name.to_owned();
        assert!(filter.take(&name, &mut parser).map_err(|error| error.to_string())?, "{name}");
    }
    Ok(filter)
}

fn entry(sender: &str, recipients: &[(&str, Option<Event>)]) -> Entry {
    let standings = recipients.iter().map(|(_, event)| Standing { event: *event, ..Standing::default() }).collect();
    let recipients = recipients.iter().map(|(address, _)| Recipient::new(*address)).collect();
    Entry { envelope: Envelope { sender: sender.into(), recipients, ..Envelope::default() }, standings, unusable_lines: 0 }
}

fn fits(words: &[&str], entry: &Entry) -> bool {
    parse(words).unwrap().matches_content(entry, &routes())
}

fn routes() -> Routes {
    let control = tempfile::tempdir().unwrap();
    std::fs::write(control.path().join("smtproutes"), "inside.example:hub.example:2525\n").unwrap();
    Routes::read(&Control::new(control.path())).unwrap()
}

#[test]
fn patterns_are_addresses_domains_or_have_stars() {
    for (pattern, text, expected) in [
        ("a@example.net", "A@Example.NET", true),
        ("<a@example.net>", "a@example.net", true),
        ("a@example.net", "aa@example.net", false),
        ("@example.net", "a@example.net", true),
        ("@example.net", "a@sub.example.net", false),
        ("*example*", "a@sub.example.net", true),
        ("a*b*c", "abc", true),
        ("a*b*c", "acb", false),
        ("a*a", "a", false),
        ("*", "", true),
        ("<>", "", true),
        ("<>", "a@example.net", false),
        ("R\u{c4}KA@example.net", "r\u{e4}ka@example.net", true),
    ] {
        assert_eq!(Pattern::address(pattern).matches(text), expected, "{pattern} {text}");
    }
}

#[test]
fn ages_and_sizes_have_units() {
    for (text, expected) in [("90", Some(90)), ("10m", Some(600)), ("2h", Some(7200)), ("3d", Some(259_200)), ("1w", Some(604_800))] {
        assert_eq!(seconds(text).ok(), expected, "{text}");
    }
    for (text, expected) in [("0", Some(0)), ("64k", Some(65_536)), ("10M", Some(10_485_760)), ("1G", Some(1 << 30))] {
        assert_eq!(bytes(text).ok(), expected, "{text}");
    }
    for wrong in ["", "m", "-1", "+1", "1mm", "1 m", "1.5h", "99999999999999999999", "99999999999999999w", "x"] {
        assert!(seconds(wrong).is_err() && bytes(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn equal_filters_widen_and_different_ones_narrow() {
    let mail = entry("s@example.org", &[("a@example.net", None), ("b@example.com", Some(Event::Deferred))]);
    assert!(fits(&["--from", "x", "--from", "@example.org"], &mail));
    assert!(!fits(&["--from", "@example.org", "--to", "c@example.net"], &mail));
    assert!(fits(&["--from", "@example.org", "--to", "b@*"], &mail));
    assert!(fits(&[], &mail));
    assert!(!fits(&["--from", "<>"], &mail));
    assert!(fits(&["--from", ""], &entry("", &[("a@example.net", None)])));
}

#[test]
fn a_destination_is_known_by_its_route_its_host_or_the_domain() {
    let mail = entry("", &[("a@inside.example", None), ("b@example.com", Some(Event::Delivered))]);
    for dest in ["hub.example:2525", "HUB.example", "inside.example", "hub*"] {
        assert!(fits(&["--dest", dest], &mail), "{dest}");
    }
    // Nothing goes to example.com any more.
    assert!(!fits(&["--dest", "example.com"], &mail));
    // One recipient must fit both.
    assert!(!fits(&["--dest", "hub.example", "--to", "b@example.com"], &mail));
    let mut routed = mail;
    routed.standings[0].route = Some("other.example".into());
    assert!(fits(&["--dest", "other.example:25"], &routed) && !fits(&["--dest", "hub.example"], &routed));
}

#[test]
fn a_program_that_acts_looks_at_what_is_still_to_be_done() {
    let mail = entry("", &[("a@example.net", Some(Event::Delivered)), ("b@example.net", None)]);
    let mut filter = parse(&["--to", "a@example.net"]).unwrap();
    assert!(filter.matches_content(&mail, &Routes::none()));
    filter.only_open();
    assert!(!filter.matches_content(&mail, &Routes::none()));
}

#[test]
fn names_tell_age_and_size() {
    let filter = parse(&["--older", "1h", "--smaller", "1k"]).unwrap();
    let now = Moment(1_763_758_000);
    let born = |ago: u64| Id((now.0 - ago) * 1_000_000);
    assert!(filter.matches_name(born(3601), 1023, now));
    assert!(!filter.matches_name(born(3600), 1023, now) && !filter.matches_name(born(3601), 1024, now));
    let young = parse(&["--younger", "1h", "--larger", "1k"]).unwrap();
    assert!(young.matches_name(born(3599), 1025, now) && !young.matches_name(born(3600), 1025, now));
    // A clock that went back makes no message old.
    assert!(young.matches_name(Id((now.0 + 50) * 1_000_000), 1025, now));
}

#[test]
fn states_are_words_in_a_list() {
    let filter = parse(&["--state", "new,held"]).unwrap();
    assert!(filter.wants(State::In(Place::New)) && filter.wants(State::In(Place::Held)) && !filter.wants(State::In(Place::Waiting)));
    assert!(parse(&["--state", "old"]).unwrap_err().contains("no state"));
    assert!(parse(&["--older", "soon"]).unwrap_err().contains("no age"));
}

#[test]
fn json_escapes_what_is_not_text() {
    let mut out = String::new();
    json::object(&mut out, |object| {
        object.text("a\"b", "x\\y\n\u{1b}\u{7f}\u{9b}\u{2028}\u{202e}\u{e4}\u{1f600}");
        object.number_or_null("n", None);
        object.objects("list", [1, 2], |object, n| object.number("n", n));
        object.truth("t", true);
    });
    let expected = "{\"a\\\"b\":\"x\\\\y\\u000a\\u001b\\u007f\\u009b\\u2028\\u202e\u{e4}\u{1f600}\",\"n\":null,\"list\":[{\"n\":1},{\"n\":2}],\"t\":true}";
    assert_eq!(out, expected);
}

proptest! {
    #[test]
    fn a_pattern_matches_the_text_it_was_made_of(text in "[a-z@.]{0,20}", at in 0_usize..20) {
        prop_assert!(Pattern::text(&text).matches(&text));
        let at = at.min(text.len());
        let starred = format!("{}*{}", &text[..at], &text[at..]);
        prop_assert!(Pattern::text(&starred).matches(&text));
    }

    #[test]
    fn any_pattern_is_taken_without_harm(pattern in "\\PC{0,20}", text in "\\PC{0,20}") {
        let _ = Pattern::address(&pattern).matches(&text);
    }
}
