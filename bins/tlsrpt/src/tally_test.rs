//! Counts, and crowds of them.

use super::*;

pub fn count(domain: &str, result: &str, host: &str) -> Count {
    Count {
        domain: domain.to_owned(),
        kind: Kind::Sts,
        policy: vec!["version: STSv1".to_owned()],
        patterns: vec!["mx.example.org".to_owned()],
        result: result.to_owned(),
        from: "192.0.2.1".to_owned(),
        host: host.to_owned(),
        address: "192.0.2.2".to_owned(),
        words: String::new(),
    }
}

#[test]
fn successes_are_one_row_and_failures_by_host() {
    let mut tally = Tally::default();
    for host in ["a", "b", "b"] {
        tally.add(count("x.org", "", host), 1);
        tally.add(count("x.org", "validation-failure", host), 2);
    }
    let told: Vec<(String, u64)> =
        tally.of("x.org").iter().map(|(count, times)| (format!("{}{}", count.result, count.host), *times)).collect();
    let failure = |host: &str| format!("validation-failure{host}");
    assert_eq!(told, [(String::new(), 3), (failure("a"), 2), (failure("b"), 4)]);
}

#[test]
fn a_domain_with_a_thousand_hosts_loses_their_names() {
    let mut tally = Tally::default();
    for number in 0..1000 {
        assert!(tally.add(count("x.org", "validation-failure", &format!("host{number}")), 1).is_some());
    }
    assert!(tally.len() <= MOST_ROWS + 1, "{}", tally.len());
    assert_eq!(tally.of("x.org").iter().map(|(_, times)| times).sum::<u64>(), 1000);
    for number in 0..1000 {
        tally.add(count("x.org", &format!("invented-{number}"), "a"), 1);
    }
    assert!(tally.len() <= MOST_ROWS + MOST_BARE);
}

#[test]
fn a_crowd_of_domains_has_a_most() {
    let mut tally = Tally::default();
    for number in 0..MOST_DOMAINS + 50 {
        let row = tally.add(count(&format!("x{number}.evil.example"), "", ""), 1);
        assert_eq!(row.is_some(), number < MOST_DOMAINS);
    }
    assert!(tally.add(count("x1.evil.example", "", ""), 1).is_some());
    let mut fat = Tally::default();
    for number in 0..2000 {
        let mut row = count(&format!("x{number}.evil.example"), "validation-failure", "a");
        row.policy = vec!["y".repeat(250); 20];
        (0..20).for_each(|time| drop(fat.add(Count { host: time.to_string(), ..row.clone() }, 1)));
    }
    assert!(fat.bytes <= MOST_BYTES);
}
