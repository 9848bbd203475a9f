//! What is kept, for how long, and who gives way.

use super::*;
use stafett_sts::Mode;

fn kept(max_age: u64, fetched: Seconds, asked: u64) -> Kept {
    Kept::new("1".to_owned(), Policy { mode: Mode::Enforce, max_age, mx: vec!["a.b".to_owned()] }, fetched, asked)
}

#[test]
fn a_policy_counts_as_long_as_it_says() {
    let mut memory = Memory::remembered(vec![("a.b".to_owned(), kept(1000, 5000, 1))]);
    assert!(memory.policy("a.b", 5999).is_some() && memory.expired(5999).is_empty());
    assert!(memory.policy("a.b", 6000).is_none());
    assert_eq!(memory.expired(6000).len(), 1);
}

#[test]
fn a_policy_that_expires_at_once_is_kept_a_minute() {
    let mut memory = Memory::remembered(vec![("a.b".to_owned(), kept(0, 5000, 1))]);
    assert!(memory.policy("a.b", 5059).is_some() && memory.policy("a.b", 5060).is_none());
}

#[test]
fn a_policy_from_the_future_is_as_old_as_now() {
    let mut memory = Memory::remembered(vec![("a.b".to_owned(), kept(1000, 900_000, 1))]);
    assert_eq!(memory.policy("a.b", 100).unwrap().expires(), 1100);
}

#[test]
fn a_policy_is_fetched_again_before_it_expires() {
    assert!(!kept(1000, 5000, 1).is_old(5499) && kept(1000, 5000, 1).is_old(5500));
    let year = kept(31_557_600, 5000, 1);
    assert!(!year.is_old(5000 + 86_399) && year.is_old(5000 + 86_400));
    let memory = Memory::remembered(vec![("a.b".to_owned(), kept(1000, 5000, 1))]);
    let now = Instant::now();
    assert_eq!((memory.old(5499, now).len(), memory.old(5500, now).len()), (0, 1));
    assert_eq!(memory.old(5500, now + FORGOTTEN).len(), 0);
}

#[test]
fn a_crowd_of_domains_drives_out_itself() {
    let mut memory = Memory::default();
    memory.keep("daily.example", kept(86_400, 5000, 50));
    for number in 0..MOST + 100 {
        let gone = memory.keep(&format!("x{number}.evil.example"), kept(86_400, 5000, 1));
        assert_eq!(gone.is_some(), number >= MOST - 1);
    }
    assert!(memory.policies.len() == MOST && memory.policy("daily.example", 5000).is_some());
    let now = Instant::now();
    let without = Without { until: now + FORGOTTEN, trouble: None, words: String::new() };
    for number in 0..MOST_WITHOUT + 10 {
        memory.keep_without(&format!("y{number}.evil.example"), without.clone(), now);
    }
    assert_eq!(memory.without.len(), 10);
}
