//! What stafett-remote tells, and what the admin asks.

use std::collections::hash_map::DefaultHasher;
use std::hash::{Hash, Hasher};
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use stafett_ask::{Answer, Question, Service, Verdict};
use stafett_control::{Control, Watch};
use stafett_log::Log;
use stafett_start::renewed;
use stafett_sts::Count;
use stafett_sts::count::COUNT;
use stafett_sys::user::Uid;

use crate::calendar::{DAY, Day, seconds};
use crate::journal::{self, Journal};
use crate::reporter::Reporter;
use crate::settings::Settings;
use crate::tally::Tally;

/// Verb: write what is not written yet.
pub const FLUSH: &str = "flush";
/// Verb: send the reports of past days now.
pub const SEND: &str = "send";
/// How long counts may wait to be written.
const BATCH: Duration = Duration::from_secs(1);
/// When reports that could not be sent are tried again, in seconds.
const AGAIN: u64 = 3600;
/// Reports of a day are sent some time within so many seconds after it, so that not all the world reports at midnight.
const SPREAD: u64 = 4 * 3600;

/// The service.
#[derive(Debug)]
pub struct TlsRpt {
    log: Log,
    control: Control,
    watch: Watch,
    directory: PathBuf,
    day: Day,
    tally: Tally,
    journal: Journal,
    reporter: Reporter,
    /// When reports are due, in seconds since 1970.
    next_run: u64,
    /// That counts were lost today has been said.
    is_full: bool,
}

impl TlsRpt {
    /// With what was counted today before.
    ///
    /// # Errors
    /// When that cannot be read.
    pub fn new(log: Log, control: Control, watch: Watch, directory: &Path, reporter: Reporter) -> io::Result<TlsRpt> {
        let day = Day::today();
        let (journal, tally) = Journal::open(log, journal::path(directory, day))?;
        let next_run = day.begin() + delay(&reporter, day);
        Ok(TlsRpt { log, control, watch, directory: directory.to_owned(), day, tally, journal, reporter, next_run, is_full: false })
    }

    fn count(&mut self, count: Count) {
        match self.tally.add(count, 1) {
            Some(row) => self.journal.note(row),
            None if !std::mem::replace(&mut self.is_full, true) => {
                self.log.warning("more domains and hosts than are counted in a day; what is new is not counted today");
            }
            None => {}
        }
    }

    /// At midnight the day is closed. A clock that is set back leaves it open for longer.
    fn turn_over(&mut self) {
        let today = Day::today();
        if today <= self.day {
            return;
        }
        self.journal.write(&self.tally);
        match Journal::open(self.log, journal::path(&self.directory, today)) {
            Ok((journal, tally)) => (self.journal, self.tally) = (journal, tally),
            Err(error) => return self.log.error(format_args!("unable to begin the counts of {today}: {error}")),
        }
        self.day = today;
        self.is_full = false;
        self.next_run = today.begin() + delay(&self.reporter, today);
    }

    /// Sends the reports of past days, if there are any, on a thread.
    fn report(&mut self) {
        self.next_run = seconds() + AGAIN;
        match journal::days(&self.directory) {
            Ok(days) => {
                let days: Vec<Day> = days.into_iter().filter(|day| *day < self.day).collect();
                if !days.is_empty() {
                    self.reporter.start(days);
                }
            }
            Err(error) => self.log.error(format_args!("unable to read {}: {error}", self.directory.display())),
        }
    }
}

impl Service for TlsRpt {
    fn refresh(&mut self, forced: bool) {
        if !self.watch.changed() && !forced && !self.reporter.settings().reach.are_stale() {
            return;
        }
        if let Some(settings) = renewed(self.log, Settings::read(&self.control)) {
            self.reporter.set(settings);
        }
    }

    fn take(&mut self, question: Question) {
        self.turn_over();
        let ok = |text: &str| Answer::new(Verdict::Ok, text);
        let answer = match (question.verb(), Count::from_fields(&question.fields)) {
            (COUNT, Some(count)) => {
                self.count(count);
                ok("counted")
            }
            (FLUSH, _) if may_order(question.uid) => {
                self.journal.write(&self.tally);
                ok("written")
            }
            (SEND, _) if may_order(question.uid) && self.reporter.settings().author.is_none() => {
                Answer::new(Verdict::Permanent, "control/tlsrpt is missing, so nobody reports")
            }
            (SEND, _) if may_order(question.uid) => {
                self.report();
                ok("the reports of past days are being sent; the log tells of each")
            }
            (FLUSH | SEND, _) => Answer::new(Verdict::Temporary, "only root may say that"),
            _ => Answer::new(Verdict::Temporary, "that is no question"),
        };
        question.answer(&answer);
    }

    fn rest(&mut self) -> Option<Duration> {
        self.turn_over();
        let now = seconds();
        if now >= self.next_run {
            self.report();
        }
        let next = self.next_run.min(self.day.begin() + DAY).saturating_sub(now).max(1);
        let next = Duration::from_secs(next);
        match self.journal.due(BATCH) {
            None => Some(next),
            Some(left) if left.is_zero() => {
                self.journal.write(&self.tally);
                Some(next)
            }
            Some(left) => Some(left.min(next)),
        }
    }

    fn end(&mut self) {
        self.journal.write(&self.tally);
    }
}

/// A time within [`SPREAD`] that is the same for this host all day.
fn delay(reporter: &Reporter, day: Day) -> u64 {
    let mut hasher = DefaultHasher::new();
    (&reporter.settings().reach.me, day.begin()).hash(&mut hasher);
    hasher.finish() % SPREAD
}

/// Our own user and root; stafett-remote tells and gives no orders.
fn may_order(uid: Uid) -> bool {
    uid.is_root() || uid == Uid::effective()
}
