//! Two services that count in one store, and what happens when it is gone.

use crate::redis::Redis;
use crate::running::Running;
use stafett_ask::Verdict;
use std::time::{Duration, Instant};

const LIMITS: &str = "messages per account 10/hour\nrecipients per account 3/hour then lock\n";
const MESSAGE: &[&str] = &["message", "ip=192.0.2.1", "account=alice"];
const GREY: &[&str] = &["recipient", "ip=192.0.2.1", "sender=a@example.net", "recipient=b@example.org", "grey=1"];

fn pair(redis: &Redis) -> (Running, Running) {
    let store = format!("{}\n", redis.socket().display());
    let files = [("limits", LIMITS), ("greylist", "wait 1s\n"), ("limitstore", store.as_str())];
    (Running::new(&files), Running::new(&files))
}

#[test]
fn two_machines_count_together() {
    let Some(redis) = Redis::start("two_machines_count_together") else { return };
    let (one, other) = pair(&redis);
    assert_eq!((one.passing(MESSAGE, 6), other.passing(MESSAGE, 9), one.passing(MESSAGE, 9)), (6, 4, 0));
    assert!(one.passes(&["back", "account=alice", "number=2", "recipients=0"]));
    assert_eq!(other.passing(MESSAGE, 9), 2);
    assert_eq!(one.tool(&["--reset", "alice"]), (0, "alice: forgotten\n".into()));
    assert_eq!(other.passing(MESSAGE, 20), 10);
}

#[test]
fn a_mail_may_come_back_to_the_other_machine() {
    let Some(redis) = Redis::start("a_mail_may_come_back_to_the_other_machine") else { return };
    let (one, other) = pair(&redis);
    assert_eq!(one.asked(GREY).unwrap().text, "451 4.7.1 greylisted, try again in 1 seconds");
    other.until("it does not pass", |other| other.passes(GREY));
    assert!(one.passes(GREY));
}

#[test]
fn a_lock_holds_on_both_until_one_lifts_it() {
    let Some(mut redis) = Redis::start("a_lock_holds_on_both_until_one_lifts_it") else { return };
    let (one, other) = pair(&redis);
    let recipient = ["recipient", "ip=192.0.2.1", "account=alice"];
    assert_eq!(one.passing(&recipient, 3), 3);
    assert_eq!(one.asked(&recipient).unwrap().verdict, Verdict::Permanent);
    assert!(other.asked(MESSAGE).unwrap().text.contains("this account is locked"), "{}", other.log());
    assert_eq!(other.tool(&["--unlock", "alice"]), (0, "alice: unlocked\n".into()));
    assert!(one.passes(MESSAGE) && other.passes(MESSAGE));

    redis.kill();
    assert_eq!(one.tool(&["--lock", "bob"]).0, 0);
    redis.again();
    other.until("the lock made without the store does not come over", |other| !other.passes(&["message", "account=bob"]));
}

#[test]
fn without_the_store_each_counts_for_itself() {
    let Some(mut redis) = Redis::start("without_the_store_each_counts_for_itself") else { return };
    let (one, other) = pair(&redis);
    assert_eq!((one.passing(MESSAGE, 4), other.passing(MESSAGE, 4)), (4, 4));
    redis.kill();
    assert_eq!((one.passing(MESSAGE, 20), other.passing(MESSAGE, 20)), (6, 6), "what went through each of them counts on");
    let said = |running: &Running, words: &str| running.log().matches(words).count();
    assert_eq!((said(&one, "unable to use the store at "), said(&one, "answers again")), (1, 0), "{}", one.log());
    redis.again();
    one.until("it does not find back", |one| said(one, "answers again; limits are shared again") == 1);
    assert_eq!(one.passing(MESSAGE, 20), 2, "the store has kept eight");
    assert_eq!(said(&one, "unable to use the store at "), 1);
}

#[test]
fn a_store_that_hangs_holds_nobody_up() {
    let Some(redis) = Redis::start("a_store_that_hangs_holds_nobody_up") else { return };
    let (one, _other) = pair(&redis);
    assert!(one.passes(MESSAGE));
    redis.freeze(true);
    let begin = Instant::now();
    assert_eq!(one.passing(MESSAGE, 20), 9);
    redis.freeze(false);
    // one wait of 50 ms, or a second one if it took so long that the store was tried again
    assert!(begin.elapsed() < Duration::from_secs(10), "{:?}", begin.elapsed());
    assert!(one.log().contains("this machine counts for itself until it answers"), "{}", one.log());
}
