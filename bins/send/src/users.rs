//! The users of this host while what knows them cannot be asked: a source behind nsswitch.conf(5) is away.
//!
//! stafett-local says so of one user at a time, and there may be thousands. All of whom it was said are left alone together:
//! one of them is tried at the end of the pause, and either all go on or the next pause is longer. Users of whom nothing is
//! known meanwhile are tried once each, since another source may know them, and one at a time; where such a try takes
//! long, they wait with the others. Who was found is not affected.
//! Known limits: a look-up that never ends is not told from a delivery that takes long, and pauses nobody.

use crate::destinations::MEMORY;
use crate::mark::Mark;
use crate::pace::Pace;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// Users of whom is known whether they were found, of each kind; names come from strangers, too.
const MOST_KNOWN: usize = 100_000;
/// Another one is tried when a try has taken this long: it may be a delivery by now.
const LONGEST_TRY: Duration = Duration::from_secs(60);

/// What is known of them as long as some cannot be looked up.
#[derive(Debug, Default)]
pub(crate) struct Users(Option<Trouble>);

#[derive(Debug)]
struct Trouble {
    since: Instant,
    last: Instant,
    pace: Pace,
    /// Until then, and the same in seconds since 1970.
    pause: Option<(Instant, u64)>,
    lost: HashSet<Mark>,
    found: HashSet<Mark>,
}

/// Whose pause begins because a user could not be looked up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Paused {
    /// That of this user, who shares the pause of the others.
    One,
    /// That of all who are left alone.
    All,
}

impl Users {
    /// A user could not be looked up at `now`, `seconds` since 1970; to see that took so long.
    pub(crate) fn lost(&mut self, user: Mark, took: Duration, now: Instant, seconds: u64) -> Paused {
        let new = || Trouble { since: now, last: now, pace: Pace::default(), pause: None, lost: HashSet::new(), found: HashSet::new() };
        let trouble = self.0.get_or_insert_with(new);
        trouble.last = now;
        trouble.found.remove(&user);
        if trouble.lost.len() < MOST_KNOWN {
            trouble.lost.insert(user);
        }
        if trouble.pause.is_some_and(|(until, _)| until > now) {
            return Paused::One;
        }
        let pause = trouble.pace.failed(0, took);
        trouble.pause = Some((now + pause, seconds + pause.as_secs()));
        Paused::All
    }

    /// A delivery that was begun at `since` found its user. Says whether the trouble is over by that.
    pub(crate) fn found(&mut self, user: Mark, since: Instant) -> bool {
        let Some(trouble) = self.0.as_mut().filter(|trouble| trouble.since <= since) else { return false };
        if trouble.leaves_alone(user) {
            self.0 = None;
            return true;
        }
        if trouble.found.len() < MOST_KNOWN {
            trouble.found.insert(user);
        }
        false
    }

    /// Whether a user waits with those who could not be looked up.
    pub(crate) fn leave_alone(&self, user: Mark) -> bool {
        self.0.as_ref().is_some_and(|trouble| trouble.leaves_alone(user))
    }

    /// Until when a user is left alone.
    pub(crate) fn pause_of(&self, user: Mark) -> Option<(Instant, u64)> {
        self.0.as_ref().filter(|trouble| trouble.leaves_alone(user))?.pause
    }

    /// Whether a user is tried when no other is.
    pub(crate) fn are_tried_one_by_one(&self, user: Mark) -> bool {
        self.0.as_ref().is_some_and(|trouble| !trouble.found.contains(&user))
    }

    /// Whether a delivery that was begun at `since` still is a try.
    pub(crate) fn is_try(&self, since: Instant) -> bool {
        self.0.as_ref().is_some_and(|trouble| trouble.since <= since) && since.elapsed() < LONGEST_TRY
    }

    /// When the pause ends.
    pub(crate) fn pause_end(&self) -> Option<Instant> {
        self.0.as_ref()?.pause.map(|(until, _)| until)
    }

    /// Ends the pause if it is over by `now`; says whether it was.
    pub(crate) fn pause_is_over(&mut self, now: Instant) -> bool {
        self.0.as_mut().is_some_and(|trouble| trouble.pause.take_if(|(until, _)| *until <= now).is_some())
    }

    /// Ends the pause; they are wanted now.
    pub(crate) fn end_pause(&mut self) {
        if let Some(trouble) = &mut self.0 {
            trouble.pause = None;
        }
    }

    /// Forgets what is long past.
    pub(crate) fn forget_the_old(&mut self, now: Instant) {
        self.0.take_if(|trouble| trouble.last + MEMORY <= now);
    }
}

impl Trouble {
    fn leaves_alone(&self, user: Mark) -> bool {
        let are_all = self.pace.is_slow() || self.lost.len() >= MOST_KNOWN;
        self.lost.contains(&user) || are_all && !self.found.contains(&user)
    }
}

#[cfg(test)]
#[path = "users_test.rs"]
mod users_test;
