//! Asking the scheduler to do it.

use crate::options::{Action, Options};
use crate::plan::{self, Plan, Target};
use crate::{LOG, Outcome};
use stafett_instance::Instance;
use stafett_log::safe;
use stafett_queue_store::Store;
use stafett_survey::{Scheduler, Trouble, batches, explain};
use stafett_wire::question::Verb;
use std::io::{self, Write};
use std::time::{Duration, Instant};

/// Messages of one question: the scheduler does nothing else until it has done them, so that the
/// delivery of others is not held up for long.
const BATCH: usize = 400;
/// Destinations of one question.
const MOST_NAMES: usize = 50;

/// How long a message that was found waits for others to be asked for with it, while the queue is read.
const GATHERING: Duration = Duration::from_millis(250);
/// What is said where nothing can be done without the scheduler.
pub const NOT_RUNNING: &str = "stafett-send is not running, and only that can do this; start it";

/// Does it with all messages of the plan, batch after batch.
///
/// # Errors
/// Why the scheduler cannot be asked. What it has done by then was told.
pub fn all(instance: &Instance, plan: &Plan, action: &Action) -> Result<Outcome, Trouble> {
    let mut asking = Asking::new(instance, action)?;
    asking.told.partly = plan.incomplete;
    asking.act_on(&plan.targets)?;
    Ok(asking.told.outcome())
}

/// Has destinations tried, and what waits for them while the rest of the queue is still read: what was found does not wait for the
/// end of that.
///
/// # Errors
/// Why the queue cannot be read or the scheduler be asked. What it has done by then was told.
pub fn flush(instance: &Instance, store: &Store, options: &Options) -> Result<Outcome, String> {
    let in_words = |trouble| if matches!(trouble, Trouble::NotRunning) { NOT_RUNNING.to_owned() } else { trouble.to_string() };
    let mut asking = Asking::new(instance, &options.action).map_err(in_words)?;
    if let Action::Flush(names) = &options.action {
        asking.flush(names).map_err(in_words)?;
    }
    let mut failed = None;
    let mut asked = None;
    let found = plan::make(instance, store, options, &mut |found: &mut Vec<Target>| {
        let is_ripe = asked.is_none_or(|at: Instant| at.elapsed() >= GATHERING) && !found.is_empty();
        if !is_ripe && found.len() < BATCH {
            return Ok(());
        }
        let done = asking.act_on(&std::mem::take(found));
        asked = Some(Instant::now());
        done.map_err(|trouble| io::Error::other(failed.insert(trouble).to_string()))
    });
    if let Some(trouble) = failed {
        return Err(in_words(trouble));
    }
    let plan = found.map_err(|error| explain(&instance.queue(), &error))?;
    asking.act_on(&plan.targets).map_err(in_words)?;
    asking.told.partly |= plan.incomplete;
    Ok(asking.told.outcome())
}

/// A line to the scheduler, and what is asked of it.
struct Asking {
    line: Scheduler,
    verb: Option<Verb>,
    route: Option<String>,
    told: Told,
}

impl Asking {
    fn new(instance: &Instance, action: &Action) -> Result<Asking, Trouble> {
        let line = Scheduler::connect(instance)?;
        // What is gone by then has been delivered or has come back, which is what these two are for.
        let is_on_its_way = matches!(action, Action::Flush(_) | Action::Ask(Verb::Retry));
        let (verb, route) = match action {
            Action::Flush(_) => (Some(Verb::Retry), None),
            Action::Ask(verb) => (Some(*verb), None),
            Action::Route(relay) => (Some(Verb::Route), Some(relay.clone())),
            Action::Print => (None, None),
        };
        Ok(Asking { line, verb, route, told: Told { partly: false, is_on_its_way } })
    }

    fn flush(&mut self, names: &[String]) -> Result<(), Trouble> {
        let questions: Vec<&[String]> = if names.is_empty() { vec![names] } else { batches(names, MOST_NAMES).collect() };
        for names in questions {
            self.line.ask(Verb::Flush, names.to_vec())?.iter().for_each(|answer| say(answer));
        }
        Ok(())
    }

    fn act_on(&mut self, targets: &[Target]) -> Result<(), Trouble> {
        let Some(verb) = self.verb else { return Ok(()) };
        let names: Vec<String> = targets.iter().map(|target| target.listed.file_name()).collect();
        for batch in batches(&names, BATCH) {
            let arguments = self.route.iter().chain(batch).cloned().collect();
            self.line.ask(verb, arguments)?.iter().for_each(|answer| self.told.take(answer));
        }
        Ok(())
    }
}

/// What was answered so far.
struct Told {
    partly: bool,
    /// A message that is gone is no fault.
    is_on_its_way: bool,
}

impl Told {
    /// One line of an answer: an id and what became of it.
    fn take(&mut self, answer: &str) {
        let what = answer.split_once(' ').map_or("", |(_, what)| what);
        if (what == "gone" && !self.is_on_its_way) || what.starts_with("not done") {
            self.partly = true;
            LOG.error(safe(answer.as_bytes()));
        } else {
            say(answer);
        }
    }

    fn outcome(&self) -> Outcome {
        if self.partly { Outcome::Partly } else { Outcome::Done }
    }
}

/// A reader who has seen enough does not keep the rest from being done.
fn say(answer: &str) {
    let _ = writeln!(io::stdout(), "{}", safe(answer.as_bytes()));
}

#[cfg(test)]
mod tests {
    use super::{Outcome, Told};

    #[test]
    fn a_message_that_is_gone_was_delivered_where_that_was_wanted() {
        let outcome = |is_on_its_way, answer| {
            let mut told = Told { partly: false, is_on_its_way };
            told.take(answer);
            told.outcome()
        };
        assert_eq!(outcome(true, "1763758000123456 gone"), Outcome::Done);
        assert_eq!(outcome(false, "1763758000123456 gone"), Outcome::Partly);
        assert_eq!(outcome(true, "1763758000123456 not done: it is held"), Outcome::Partly);
        assert_eq!(outcome(false, "1763758000123456 done"), Outcome::Done);
    }
}
