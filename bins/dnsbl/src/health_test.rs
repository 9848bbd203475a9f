//! When a list is left out, and when it is tried again.

use super::{Change, FIRST, Fault, Health, LONGEST, listing};
use stafett_dns::{Answer, Failure, Kind, Outcome, Question, Reason, Record};
use std::sync::Arc;
use std::time::Instant;

fn question() -> Question {
    Question::new("2.0.0.127.list.example", Kind::A).unwrap()
}

/// What no stranger has chosen.
fn probe() -> Question {
    Question::new("1.0.0.127.list.example", Kind::A).unwrap()
}

fn answer(addresses: &[&str]) -> Outcome {
    let records = addresses.iter().map(|address| Record::A(address.parse().unwrap())).collect();
    Outcome::Answer(Answer { owner: question().name, records })
}

#[test]
fn only_127_is_a_listing() {
    assert_eq!(listing(&answer(&["127.0.0.2"])), Ok(true));
    assert_eq!(listing(&answer(&["127.1.2.3"])), Ok(true));
    assert_eq!(listing(&answer(&["203.0.113.1", "127.0.0.4"])), Ok(true));
    assert_eq!(listing(&Outcome::NoSuchName), Ok(false));
    assert_eq!(listing(&Outcome::NoData), Ok(false));
    assert_eq!(listing(&answer(&["127.255.255.254"])), Err(Fault::Refuses([127, 255, 255, 254].into())));
    assert_eq!(listing(&answer(&["203.0.113.1"])), Err(Fault::Nonsense([203, 0, 113, 1].into())));
    let silence = Outcome::Temporary(Failure { server: None, reason: Reason::Timeout });
    assert!(matches!(listing(&silence), Err(Fault::Silent(_))));
}

#[test]
fn a_list_is_told_once_and_probed_at_growing_intervals() {
    let (mut health, zone, begin) = (Health::default(), Arc::from("list.example"), Instant::now());
    let silent = || Err(Fault::Silent("no answer in time".into()));
    assert!(!health.is_ill(&zone));
    assert!(matches!(health.take(&zone, &question(), silent(), begin), Some(Change::Fails(_))));
    assert!(health.is_ill(&zone));
    assert_eq!(health.take(&zone, &question(), silent(), begin), None);
    let (mut now, mut pause) = (begin, FIRST);
    // one that could not be sent is put off
    assert_eq!(health.due(now + pause).len(), 1);
    health.unasked(&zone, now);
    for _ in 0..8 {
        assert!(health.due(now + pause - FIRST / 2).is_empty());
        now += pause;
        assert_eq!(health.due(now), [(Arc::clone(&zone), probe())]);
        assert!(health.due(now).is_empty(), "one probe at a time");
        assert_eq!(health.take(&zone, &question(), silent(), now), None);
        pause = (pause * 2).min(LONGEST);
        assert_eq!(health.next(), Some(now + pause));
    }
    let seconds = (now - begin).as_secs();
    assert_eq!(health.take(&zone, &question(), Ok(false), now), Some(Change::Serves(seconds)));
    assert_eq!((health.is_ill(&zone), health.next()), (false, None));
    assert_eq!(health.take(&zone, &question(), Ok(true), now), None);
}
