//! What a report means: for each recipient, and for its destination.

use crate::clock::is_too_old;
use crate::connection::Job;
use crate::dispatch::weight;
use crate::mark::Mark;
use crate::message::event;
use crate::pace::is_short;
use crate::scheduler::{Scheduler, now};
use crate::users::Paused;
use stafett_queue_store::Id;
use stafett_queue_store::journal::Event;
use stafett_wire::Verdict;
use stafett_wire::delivery::{Report, Scope};
use std::time::{Duration, Instant};

/// What is added to the last reply when a message has been tried long enough (qmail-send(8)).
pub(crate) const TOO_OLD: &str = "I'm not going to try again; this message has been in the queue too long.";

impl Scheduler {
    pub(crate) fn reported(&mut self, number: u64, reports: Vec<Report>) {
        let Some(connection) = self.connections.get_mut(&number) else { return };
        let (destination, jobs) = (connection.destination, std::mem::take(&mut connection.jobs));
        let limits = self.destinations.state(destination).map(|state| self.settings.limits_of(&state.name));
        let is_worn = connection.is_worn(limits.and_then(|limits| limits.messages)) || connection.generation != self.generation;
        let keep = reports.iter().all(|report| report.reusable) && !is_worn && !self.ending;
        let is_local = connection.is_local;
        self.count_done(is_local, weight(&jobs));
        if is_local {
            // What waited to be delivered together goes now.
            self.destinations.set_next_slot(destination, None);
        }
        let mut jobs = jobs.into_iter();
        let mut done = Vec::with_capacity(reports.len());
        for (report, job) in reports.iter().zip(jobs.by_ref()) {
            if is_local {
                self.judge_user(destination, report, job.since);
            } else {
                self.judge_destination(destination, report, job.since.elapsed());
            }
            if let Some(message) = self.messages.get_mut(&job.id) {
                message.is_cut_off |= report.scope == Scope::Destination;
            }
            self.record(&job, &report.recipients, &report.dsn_taken, true);
            if report.scope == Scope::Interrupted {
                self.may_have_been_done(job.id, "its delivery was ended in the middle and will be tried again");
            }
            done.push(job.id);
        }
        if let Some(state) = self.destinations.state(destination) {
            // What one message brought about must not meet others again.
            let is_interrupted = reports.iter().any(|report| report.scope == Scope::Interrupted);
            let is_whole = jobs.len() == 0 && reports.iter().all(|report| report.takes_several);
            state.carried_out(if is_interrupted { 1 } else { done.len() }, is_whole && !is_interrupted);
        }
        // Before the close, which forgets a destination without work.
        self.put_back(destination, jobs, "not begun, because another message for this user is delivered alone; trying again");
        if keep {
            self.make_idle(number);
        } else {
            self.close(number);
        }
        done.into_iter().for_each(|id| self.after(id));
    }

    /// Nobody knows whether it was delivered.
    pub(crate) fn may_have_been_done(&mut self, id: Id, why: &str) {
        if let Some(message) = self.messages.get_mut(&id) {
            message.uncertain = true;
            self.book.possible_duplicate(id, why);
        }
    }

    pub(crate) fn count_done(&mut self, is_local: bool, count: usize) {
        self.running = self.running.saturating_sub(count);
        self.running_local = self.running_local.saturating_sub(if is_local { count } else { 0 });
    }

    /// Writes the outcomes into the log, memory, and — if others of the message are still open —
    /// the journal. `came_to_an_end`: what we gave up ourselves is never a message's last attempt.
    pub(crate) fn record(&mut self, job: &Job, outcomes: &[(Verdict, String)], dsn_taken: &[bool], came_to_an_end: bool) {
        let Some(message) = self.messages.get_mut(&job.id) else { return };
        let taken = dsn_taken.iter().copied().chain(std::iter::repeat(false));
        for (((offset, recipient), (verdict, text)), taken) in (0_u64..).zip(&job.recipients).zip(outcomes).zip(taken) {
            let expired = came_to_an_end && is_too_old(message, *recipient, &self.settings, self.ahead_at, now());
            let event = match event(*verdict, expired) {
                Event::Delivered if !taken && message.wants_success(*recipient) => Event::Relayed,
                event => event,
            };
            let how = match event {
                Event::Delivered | Event::Relayed => "success",
                Event::Deferred => "deferral",
                Event::Failed | Event::Bounced | Event::Routed | Event::Warned => "failure",
            };
            let given_up = event == Event::Failed && *verdict == Verdict::Temporary;
            let text = if given_up { format!("{text}\n{TOO_OLD}") } else { text.clone() };
            self.book.ended(job.delivery + offset, how, &text);
            message.note(*recipient, event, &text, now());
        }
        message.open = message.open.saturating_sub(job.recipients.len());
    }

    pub(crate) fn after(&mut self, id: Id) {
        match self.messages.get(&id) {
            Some(message) if message.open > 0 => self.write_lines(id),
            Some(_) => self.finish_if_idle(id),
            None => {}
        }
    }

    fn judge_destination(&mut self, number: u64, report: &Report, took: Duration) {
        let Some(state) = self.destinations.state(number) else { return };
        let most = self.settings.limits_of(&state.name).connections;
        match report.scope {
            Scope::Destination => {}
            Scope::Own | Scope::Interrupted => return,
            Scope::Message => {
                let is_back = state.pace.is_failing();
                state.pace.succeeded(most);
                if is_back {
                    self.is_back(number);
                }
                return;
            }
        }
        state.last_error = report.recipients.first().map(|(_, text)| text.clone()).unwrap_or_default();
        let pause = state.pace.failed(state.open.saturating_sub(1), took);
        state.is_hurried = false;
        if pause.is_zero() || state.paused.is_some() {
            return;
        }
        self.destinations.pause(number, Instant::now() + pause, now() + pause.as_secs());
        if !is_short(pause) {
            self.putting_off.join(number);
        }
    }

    fn judge_user(&mut self, number: u64, report: &Report, since: Instant) {
        let Some(state) = self.destinations.state(number) else { return };
        let user = Mark::of(&state.name);
        state.takes_several = report.takes_several;
        match report.scope {
            Scope::Own | Scope::Interrupted => {}
            Scope::Message => {
                state.pace.succeeded(self.settings.limits_of(&state.name).connections);
                if self.destinations.users.found(user, since) {
                    self.users_are_back();
                }
            }
            Scope::Destination => {
                state.last_error = report.recipients.first().map(|(_, text)| text.clone()).unwrap_or_default();
                state.is_hurried = false;
                let paused = match self.destinations.users.lost(user, since.elapsed(), Instant::now(), now()) {
                    Paused::All => self.destinations.pause_users(),
                    Paused::One => {
                        self.destinations.pause_user(number);
                        vec![number]
                    }
                };
                paused.into_iter().for_each(|number| self.put_off_if_down(number));
            }
        }
    }
}
