//! How long what is known counts, and how much of it there can be.

use super::{Cache, GENERATION};
use stafett_dns::{Failure, Kind, Outcome, Question, Reason, Timed};
use std::time::{Duration, Instant};

fn question(number: usize, kind: Kind) -> Question {
    Question::new(&format!("n{number}.list.example"), kind).unwrap()
}

fn absent(seconds: Option<u64>) -> Timed {
    Timed { outcome: Outcome::NoSuchName, lifetime: seconds.map(Duration::from_secs), secure: false }
}

#[test]
fn an_answer_counts_as_long_as_it_says() {
    let (mut cache, now) = (Cache::default(), Instant::now());
    for (number, life, counts) in [(0, Some(10), 10), (1, Some(0), 0), (2, None, 60), (3, Some(1_000_000), 3600)] {
        let question = question(number, Kind::A);
        cache.remember(question.clone(), &absent(life), now);
        let known = |cache: &mut Cache, seconds| cache.known(&question, now + Duration::from_secs(seconds)).is_some();
        assert_eq!(known(&mut cache, 0), counts > 0, "{life:?}");
        assert_eq!((counts > 0 && known(&mut cache, counts - 1), known(&mut cache, counts)), (counts > 0, false), "{life:?}");
    }
}

#[test]
fn failures_are_remembered_where_no_list_is_meant() {
    let (mut cache, now) = (Cache::default(), Instant::now());
    let failure = Timed { outcome: Outcome::Temporary(Failure { server: None, reason: Reason::Timeout }), lifetime: None, secure: false };
    for (kind, counts) in [(Kind::A, false), (Kind::Txt, false), (Kind::Mx, true), (Kind::Ptr, true)] {
        cache.remember(question(1, kind), &failure, now);
        assert_eq!(cache.known(&question(1, kind), now + Duration::from_secs(20)).is_some(), counts, "{kind:?}");
        assert!(cache.known(&question(1, kind), now + Duration::from_secs(40)).is_none());
    }
}

#[test]
fn it_never_grows_beyond_two_generations_and_keeps_what_is_asked_for() {
    let (mut cache, now) = (Cache::default(), Instant::now());
    cache.remember(question(0, Kind::A), &absent(Some(3600)), now);
    for number in 1..4 * GENERATION {
        cache.remember(question(number, Kind::A), &absent(Some(3600)), now);
        assert!(number % 1000 != 0 || cache.known(&question(0, Kind::A), now).is_some(), "{number}");
    }
    assert!(cache.len() <= 2 * GENERATION);
    assert!(cache.known(&question(1, Kind::A), now).is_none());
}
