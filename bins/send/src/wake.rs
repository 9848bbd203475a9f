//! Mail whose destination is there again, and mail that somebody asks for: it is due at once, whatever its time was.
//!
//! A destination that takes a message after it could not be reached wakes all that waits for that reason. For one whose mail is
//! kept here (control/holdlifetime) a message is woken at the end of each pause, so that its return is noticed within minutes
//! however old the mail is; after a start one of each such domain is looked for.
//!
//! The line of waiting messages is gone through for all destinations together, and for a twentieth of the time at most. What
//! it does not tell of is read on a thread: after a start, and of messages with several destinations.
//! Known limits: of messages with several destinations only those are woken where one of them is kept here or was asked for.

use crate::chores::Survey;
use crate::destinations::MEMORY;
use crate::goal::Goal;
use crate::mark::Mark;
use crate::message::Message;
use crate::scheduler::Scheduler;
use crate::search::{Candidates, Search};
use crate::waiting::Record;
use stafett_queue_store::Id;
use std::collections::{HashMap, HashSet};
use std::time::{Duration, Instant};

/// A destination wakes its mail no more often than this.
const EACH: Duration = Duration::from_secs(30);
/// The rest after a look at everything, in times of how long that took.
const REST: u32 = 20;
/// The same after messages were read.
const REST_AFTER_READING: u32 = 4;

/// Things that messages are to be read for, when smtpd asks for one more.
const MOST_GOALS: usize = 1000;
/// Destinations that are remembered because their mail was woken.
const MOST_WOKEN: usize = 10_000;

/// What is to be woken, and what was.
#[derive(Debug, Default)]
pub(crate) struct Waking {
    /// Destinations that are there again, and from when on their mail may be woken.
    back: HashMap<Mark, Instant>,
    /// When that was done last.
    drawn: HashMap<Mark, Instant>,
    /// Destinations that were asked for.
    wanted: HashSet<Mark>,
    /// Messages that were found to wait for what was asked for.
    messages: HashSet<Id>,
    /// Destinations whose mail was woken, and when.
    woken: HashMap<Mark, Instant>,
    /// What messages are to be read for.
    goals: Vec<Goal>,
    search: Option<Search>,
    /// Not before then.
    next_look: Option<Instant>,
    next_reading: Option<Instant>,
}

impl Waking {
    /// When there is something to do. Messages may be read when the queue has been read.
    pub(crate) fn next(&self, may_read: bool) -> Option<Instant> {
        let at_once = Some(Instant::now()).filter(|_| !self.wanted.is_empty() || !self.messages.is_empty());
        let look = self.back.values().copied().chain(at_once).min().map(|at| self.next_look.map_or(at, |next| next.max(at)));
        let reading = Some(self.next_reading.unwrap_or_else(Instant::now)).filter(|_| may_read && self.has_reading());
        [look, reading].into_iter().flatten().min()
    }

    fn has_reading(&self) -> bool {
        self.search.is_none() && !self.goals.is_empty()
    }

    /// Whether messages are to be read for so much that smtpd is to ask later.
    pub(crate) fn is_full(&self) -> bool {
        self.goals.len() >= MOST_GOALS
    }

    /// Lets messages be read for something, unless they are to be already.
    pub(crate) fn look_for(&mut self, goal: Goal) {
        if !self.goals.contains(&goal) {
            self.goals.push(goal);
        }
    }

    /// Notes that a destination is there again. One that comes and goes must not have all its mail read again each time.
    fn is_back(&mut self, mark: Mark) {
        let at = self.drawn.get(&mark).map_or_else(Instant::now, |last| *last + EACH);
        self.back.entry(mark).or_insert(at);
    }

    /// The destinations whose mail may be woken now.
    fn take_back(&mut self, now: Instant) -> HashSet<Mark> {
        let over: HashSet<Mark> = self.back.extract_if(|_, at| *at <= now).map(|(mark, _)| mark).collect();
        self.drawn.retain(|_, at| at.elapsed() < EACH);
        self.drawn.extend(over.iter().map(|mark| (*mark, now)));
        over
    }

    /// Notes that the mail of a destination is wanted. Whose note is dropped has its mail tried with all that waits beside it.
    pub(crate) fn want(&mut self, mark: Mark) {
        if self.woken.len() >= MOST_WOKEN {
            self.woken.retain(|_, at| at.elapsed() < MEMORY);
        }
        if self.woken.len() >= MOST_WOKEN {
            self.woken.clear();
        }
        self.woken.insert(mark, Instant::now());
    }

    /// Whether the line may be looked through now.
    pub(crate) fn may_look(&self) -> bool {
        self.next_look.is_none_or(|at| at <= Instant::now())
    }

    /// Notes that the line was looked through since `begun`.
    pub(crate) fn has_looked(&mut self, begun: Instant) {
        self.next_look = Some(Instant::now() + begun.elapsed() * REST);
    }
}

impl Scheduler {
    /// What the place of a message in the line tells of it.
    pub(crate) fn mark_of(&self, message: &Message) -> Mark {
        let destination = |index| self.settings.destination(message.address(index), message.standings.get(index));
        let mark = Mark::of_all(message.waiting().map(destination));
        if message.is_cut_off { mark.because_it_is_down() } else { mark }
    }

    /// A destination took a message after it could not be reached.
    pub(crate) fn is_back(&mut self, number: u64) {
        self.destinations.is_back(number);
        let Some(state) = self.destinations.state(number) else { return };
        self.waking.is_back(Mark::of(&state.name));
        if state.is_kept {
            let goal = Goal::Destination(state.name.clone());
            self.waking.look_for(goal);
        }
    }

    /// A pause is over and nothing is at hand to try the destination with: where its mail is kept here, one message is.
    pub(crate) fn probe(&mut self, number: u64) {
        let Some(state) = self.destinations.state(number).filter(|state| state.is_kept) else { return };
        let (mark, goal) = (Mark::of(&state.name), Goal::OneFor(state.name.clone()));
        self.waking.want(mark);
        let down = mark.because_it_is_down();
        if self.waiting.wake(1, |record| record.mark() == down) == 0 {
            self.waking.look_for(goal);
        }
    }

    /// The users of this host can be looked up again.
    pub(crate) fn users_are_back(&mut self) {
        self.waking.is_back(Mark::OF_USERS);
        for number in self.destinations.user_numbers() {
            self.destinations.is_back(number);
            if let Some(state) = self.destinations.state(number).filter(|state| state.is_kept) {
                let goal = Goal::Destination(state.name.clone());
                self.waking.look_for(goal);
            }
        }
    }

    /// The pause of those users is over who cannot be looked up: one message is at hand to try that with, if any waits.
    pub(crate) fn probe_users(&mut self) {
        if !self.destinations.has_work_for_lost_users() {
            let users = &self.destinations.users;
            let is_down = |mark: Mark| mark.is_down() && mark.is_of_users();
            let is_lost = |mark: Mark| is_down(mark) && !mark.is_vague() && users.leave_alone(mark.whyever());
            // One with several users may be for one of those, too.
            if self.waiting.wake(1, |record| is_lost(record.mark())) == 0 {
                self.waiting.wake(1, |record| is_down(record.mark()) && record.mark().is_vague());
            }
        }
    }

    /// After the start nothing is known of what waits, nor which mail is for newly named domains: one message for each
    /// destination whose mail is kept here is tried.
    pub(crate) fn probe_kept(&mut self) {
        if self.settings.keeps_any() {
            self.waking.look_for(Goal::Kept);
        }
    }

    /// Makes due what is to be woken, and lets messages be read, when it is time.
    pub fn wake_some(&mut self) {
        if self.ending || self.waking.next(self.reading.is_none()).is_none_or(|at| at > Instant::now()) {
            return;
        }
        self.wake_those_found();
        self.read_for_goals();
    }

    fn wake_those_found(&mut self) {
        if !self.waking.may_look() {
            return;
        }
        let begun = Instant::now();
        self.waking.woken.retain(|_, at| at.elapsed() < MEMORY);
        let back = self.waking.take_back(begun);
        let (messages, wanted) = (std::mem::take(&mut self.waking.messages), std::mem::take(&mut self.waking.wanted));
        if back.is_empty() && messages.is_empty() && wanted.is_empty() {
            return;
        }
        self.waking.woken.extend(back.iter().map(|mark| (*mark, begun)));
        let are_users_back = back.contains(&Mark::OF_USERS);
        let is_back = |mark: Mark| mark.is_down() && (back.contains(&mark.whyever()) || are_users_back && mark.is_of_users());
        let is_meant = |record: &Record| {
            let mark = record.mark();
            messages.contains(&record.id()) || wanted.contains(&mark.whyever()) || is_back(mark)
        };
        self.waiting.wake(usize::MAX, is_meant);
        self.waking.has_looked(begun);
    }

    /// Makes due what waits for a destination, whyever; says how much, where that can be said now.
    pub(crate) fn wake_of(&mut self, mark: Mark) -> Option<usize> {
        self.waking.want(mark);
        if !self.waking.may_look() {
            self.waking.wanted.insert(mark);
            return None;
        }
        let begun = Instant::now();
        let count = self.waiting.wake(usize::MAX, |record| record.mark().whyever() == mark);
        self.waking.has_looked(begun);
        Some(count)
    }

    /// Messages are read of which the line does not say for whom they wait, or not enough.
    fn read_for_goals(&mut self) {
        // What is not found yet could not be looked for.
        if !self.waking.has_reading() || self.reading.is_some() || self.waking.next_reading.is_some_and(|at| at > Instant::now()) {
            return;
        }
        let goals = std::mem::take(&mut self.waking.goals);
        let (mut search, pieces) = Search::new(self.candidates(&goals), &self.waiting);
        if !search.go_on(&self.waiting) {
            return;
        }
        let survey = match self.store.again() {
            Ok(store) => Survey { store, settings: self.settings.clone(), goals, pieces },
            Err(error) => return self.book.error(format_args!("unable to look through the queue: {error}")),
        };
        match self.chores.survey(survey) {
            Ok(()) => self.waking.search = Some(search),
            Err(error) => self.book.error(format_args!("unable to start a thread: {error}")),
        }
    }

    fn candidates(&self, goals: &[Goal]) -> Candidates {
        let mut marks = HashSet::new();
        for goal in goals {
            match goal {
                Goal::Domain(name) => drop(marks.insert(Mark::of(&self.settings.destination(&format!("@{name}"), None)))),
                Goal::Below(_) | Goal::Kept => return Candidates::All,
                Goal::Destination(_) | Goal::OneFor(_) => {}
            }
        }
        Candidates::VagueOr(marks)
    }

    /// The survey has looked through what it had.
    pub(crate) fn look_on(&mut self) {
        if let Some(search) = &mut self.waking.search {
            search.go_on(&self.waiting);
        }
    }

    /// Messages that were read and wait for what is wanted, with their destinations.
    pub(crate) fn meant(&mut self, found: &[(Id, Mark)]) {
        for (id, mark) in found {
            self.waking.want(*mark);
            self.waking.messages.insert(*id);
        }
    }

    /// All candidates were read, in that time.
    pub(crate) fn surveyed(&mut self, took: Duration) {
        self.waking.search = None;
        self.waking.next_reading = Some(Instant::now() + took * REST_AFTER_READING);
    }

    /// Those recipients of a message that was woken whose destinations were asked for; all where nobody knows any more.
    pub(crate) fn asked_for(&self, message: &Message, waiting: &[usize]) -> HashSet<usize> {
        let is_wanted = |index: &usize| {
            let destination = self.settings.destination(message.address(*index), message.standings.get(*index));
            self.waking.woken.contains_key(&Mark::of(&destination))
        };
        let wanted: HashSet<usize> = waiting.iter().copied().filter(is_wanted).collect();
        if wanted.is_empty() { waiting.iter().copied().collect() } else { wanted }
    }
}

#[cfg(test)]
mod tests {
    use super::{MOST_GOALS, MOST_WOKEN, Waking};
    use crate::goal::Goal;
    use crate::mark::Mark;
    use stafett_wire::delivery::{Destination, Kind};

    #[test]
    fn nothing_is_to_be_done_for_goals_while_messages_may_not_be_read() {
        let mut waking = Waking::default();
        waking.look_for(Goal::Kept);
        assert!(waking.next(false).is_none() && waking.next(true).is_some());
    }

    #[test]
    fn what_is_remembered_is_bounded() {
        let mut waking = Waking::default();
        for number in 0..2 * MOST_WOKEN {
            waking.want(Mark::of(&Destination::plain(Kind::Mx, number.to_string(), 25)));
        }
        assert!((1..=MOST_WOKEN).contains(&waking.woken.len()));
        for number in 0..=MOST_GOALS {
            assert_eq!(waking.is_full(), number == MOST_GOALS);
            waking.look_for(Goal::Domain(number.to_string()));
        }
    }
}
