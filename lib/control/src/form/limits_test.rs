//! Lines of control/limits, good and bad, and whom they mean.

use super::{Action, Line, Per, Rule, Span, What, limit};
use crate::form::greylist::greylist;
use crate::form::limitstore::store;
use crate::form::who::Client;
use crate::rows;
use std::time::Duration;

fn rule(line: &str) -> Rule {
    match Line::parse(line) {
        Ok(Line::Rule(rule)) => *rule,
        other => unreachable!("{line}: {other:?}"),
    }
}

#[test]
fn a_university_can_say_what_it_wants() {
    let rules = [
        rule("connections per account 5/second for 129.27.0.0/16"),
        rule("messages per connection 500 for 129.27.0.0/16"),
        rule("messages per account 50/hour except 129.27.0.0/16"),
        rule("recipients per message 20 except 129.27.0.0/16"),
        rule("authentications per account 150/day when 18:00-06:00 except 129.27.0.0/16 then lock say ask the help desk"),
    ];
    assert_eq!(rules.each_ref().map(|rule| rule.most), [5, 500, 50, 20, 150]);
    assert_eq!(rules[0].span, Span::Period(Duration::from_secs(1)));
    assert_eq!((rules[1].per, rules[1].span), (Per::Connection, Span::Whole));
    assert_eq!((rules[4].what, rules[4].action), (What::Authentications, Action::Lock));
    assert_eq!(rules[4].text.as_deref(), Some("ask the help desk"));
    let client = |ip: &str| rules.each_ref().map(|rule| rule.concerns(&Client { ip: Some(ip.parse().unwrap()), ..Client::default() }));
    assert_eq!(client("129.27.3.4"), [true, true, false, false, false]);
    assert_eq!(client("192.0.2.1"), [false, false, true, true, true]);
}

#[test]
fn the_samples_are_good_lines() {
    for (row, judge) in [(&rows::LIMITS, limit as fn(&str) -> Result<(), String>), (&rows::GREYLIST, greylist), (&rows::LIMITSTORE, store)]
    {
        for line in row.example.lines().filter(|line| !line.starts_with('#')) {
            assert_eq!(judge(line), Ok(()), "{line}");
        }
    }
}

#[test]
fn clauses_come_in_any_order() {
    let one = rule("connections per network/20/56 10 at once then refuse except relayclients authenticated when 08:00-12:00");
    assert_eq!((one.per, one.span, one.action), (Per::Network(20, 56), Span::Once, Action::Refuse));
    assert_eq!((one.except.len(), one.hours.is_some()), (2, true));
    assert!(!one.concerns(&Client { relay: true, ..Client::default() }));
    assert!(!one.concerns(&Client { account: Some("a"), ..Client::default() }));
}

#[test]
fn a_count_may_change_and_stays_the_same_rule() {
    let one = rule("messages per account 50/hour except 192.0.2.0/24 then lock say no");
    assert_eq!(one.identity, rule("messages per account 70/hour except 192.0.2.0/24").identity);
    assert_eq!(one.identity, "messages per account hour except 192.0.2.0/24");
    assert_ne!(one.identity, rule("messages per account 50/day except 192.0.2.0/24").identity);
}

#[test]
fn what_makes_no_sense_is_refused() {
    for line in [
        "messages",
        "messages per address",
        "messages per address 50",
        "messages per address 50/fortnight",
        "messages per address x/hour",
        "messages per address 5 at once",
        "messages per moon 5/hour",
        "letters per address 5/hour",
        "connections per address 5",
        "connections per message 5/hour",
        "connections per sender 5/hour",
        "recipients per message 20/hour",
        "messages per connection 20/hour",
        "authentications per sender 5/hour",
        "messages per network/24 5/hour",
        "messages per network/33/64 5/hour",
        "messages per address 5/hour for",
        "messages per address 5/hour for example.org",
        "messages per account 5/hour for class:",
        "messages per account 5/hour for class:people",
        "messages per address 5/hour then explode",
        "messages per address 5/hour when night",
        "messages per address 5/hour otherwise",
        "exempt",
        "exempt everybody",
        "away maybe",
        "messages per address 5/hour say \u{fc}",
    ] {
        let reason = limit(line).unwrap_err();
        assert!(reason.contains("write"), "{line}: {reason}");
    }
}

#[test]
fn everybody_may_be_let_off() {
    let Ok(Line::Exempt(who)) = Line::parse("exempt 129.187.254.0/23 2001:4ca0:0:103::/64") else { unreachable!() };
    let is = |ip: &str| who.iter().any(|who| who.is(&Client { ip: Some(ip.parse().unwrap()), ..Client::default() }));
    assert!(is("129.187.254.9") && is("2001:4ca0:0:103::9") && !is("192.0.2.1"));
    assert_eq!(Line::parse("away pass"), Ok(Line::Away(true)));
}
