//! Two services that count in one store, and what happens when it is gone.
//!
//! The service gives the store 50 milliseconds. A busy machine may take longer to let it run at all; a test that fails is
//! tried again when a service has lost the store although the test did nothing to it.

use crate::redis::Redis;
use crate::running::Running;
use stafett_ask::Verdict;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::time::{Duration, Instant};

const LIMITS: &str = "messages per account 10/hour\nrecipients per account 3/hour then lock\n";
const MESSAGE: &[&str] = &["message", "ip=192.0.2.1", "account=alice"];
const GREY: &[&str] = &["recipient", "ip=192.0.2.1", "sender=a@example.net", "recipient=b@example.org", "grey=1"];
const LOST: &str = "unable to use the store at ";
const ATTEMPTS: usize = 20;

/// Two services and their store.
struct Pair {
    redis: Redis,
    one: Running,
    other: Running,
    /// How often each may have lost the store so far.
    losses: usize,
}

impl Pair {
    fn start(name: &str) -> Option<Pair> {
        let redis = Redis::start(name)?;
        let store = format!("{}\n", redis.socket().display());
        let files = [("limits", LIMITS), ("greylist", "wait 1s\n"), ("limitstore", store.as_str())];
        Some(Pair { one: Running::new(&files), other: Running::new(&files), redis, losses: 0 })
    }

    fn is_disturbed(&self) -> bool {
        [&self.one, &self.other].iter().any(|running| running.log().matches(LOST).count() > self.losses)
    }

    /// From here on the store goes away once by the test's will.
    fn will_be_lost(&mut self) {
        assert!(!self.is_disturbed(), "the store was lost before");
        self.losses = 1;
    }
}

fn undisturbed(name: &str, test: impl Fn(&mut Pair)) {
    for attempt in 1.. {
        let Some(mut pair) = Pair::start(name) else { return };
        let Err(failure) = catch_unwind(AssertUnwindSafe(|| test(&mut pair))) else { return };
        if !pair.is_disturbed() || attempt == ATTEMPTS {
            resume_unwind(failure);
        }
    }
}

#[test]
fn two_machines_count_together() {
    undisturbed("two_machines_count_together", |Pair { one, other, .. }| {
        assert_eq!((one.passing(MESSAGE, 6), other.passing(MESSAGE, 9), one.passing(MESSAGE, 9)), (6, 4, 0));
        assert!(one.passes(&["back", "account=alice", "number=2", "recipients=0"]));
        assert_eq!(other.passing(MESSAGE, 9), 2);
        assert_eq!(one.tool(&["--reset", "alice"]), (0, "alice: forgotten\n".into()));
        assert_eq!(other.passing(MESSAGE, 20), 10);
    });
}

#[test]
fn a_mail_may_come_back_to_the_other_machine() {
    undisturbed("a_mail_may_come_back_to_the_other_machine", |Pair { one, other, .. }| {
        assert_eq!(one.asked(GREY).unwrap().text, "451 4.7.1 greylisted, try again in 1 seconds");
        other.until("it does not pass", || other.passes(GREY));
        assert!(one.passes(GREY));
    });
}

#[test]
fn a_lock_holds_on_both_until_one_lifts_it() {
    undisturbed("a_lock_holds_on_both_until_one_lifts_it", |Pair { one, other, .. }| {
        let recipient = ["recipient", "ip=192.0.2.1", "account=alice"];
        assert_eq!(one.passing(&recipient, 3), 3);
        assert_eq!(one.asked(&recipient).unwrap().verdict, Verdict::Permanent);
        assert!(other.asked(MESSAGE).unwrap().text.contains("this account is locked"), "{}", other.log());
        assert_eq!(other.tool(&["--unlock", "alice"]), (0, "alice: unlocked\n".into()));
        assert!(one.passes(MESSAGE) && other.passes(MESSAGE));
    });
}

#[test]
fn a_lock_made_without_the_store_comes_over_later() {
    undisturbed("a_lock_made_without_the_store_comes_over_later", |pair| {
        pair.will_be_lost();
        pair.redis.kill();
        assert_eq!(pair.one.tool(&["--lock", "bob"]).0, 0);
        pair.redis.again();
        pair.other.until("it does not come over", || !pair.other.passes(&["message", "account=bob"]));
    });
}

#[test]
fn without_the_store_each_counts_for_itself() {
    undisturbed("without_the_store_each_counts_for_itself", |pair| {
        assert_eq!((pair.one.passing(MESSAGE, 4), pair.other.passing(MESSAGE, 4)), (4, 4));
        pair.will_be_lost();
        pair.redis.kill();
        assert_eq!((pair.one.passing(MESSAGE, 20), pair.other.passing(MESSAGE, 20)), (6, 6), "what went through each of them counts on");
        let said = |running: &Running, words: &str| running.log().matches(words).count();
        assert_eq!((said(&pair.one, LOST), said(&pair.one, "answers again")), (1, 0), "{}", pair.one.log());
        pair.redis.again();
        pair.one.until("it does not find back", || said(&pair.one, "answers again; limits are shared again") == 1);
        assert_eq!(pair.one.passing(MESSAGE, 20), 2, "the store has kept eight");
        assert_eq!(said(&pair.one, LOST), 1);
    });
}

#[test]
fn a_store_that_hangs_holds_nobody_up() {
    undisturbed("a_store_that_hangs_holds_nobody_up", |pair| {
        assert!(pair.one.passes(MESSAGE));
        pair.will_be_lost();
        pair.redis.freeze(true);
        let begin = Instant::now();
        assert_eq!(pair.one.passing(MESSAGE, 20), 9);
        pair.redis.freeze(false);
        // one wait of 50 ms, and a second one if it took so long that the store was tried again
        assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", begin.elapsed());
        assert!(pair.one.log().contains("this machine counts for itself until it answers"), "{}", pair.one.log());
    });
}
