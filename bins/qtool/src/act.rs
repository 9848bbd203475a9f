//! Asking the scheduler to do it.

use crate::options::Action;
use crate::plan::Plan;
use crate::{LOG, Outcome};
use stafett_instance::Instance;
use stafett_log::safe;
use stafett_survey::{Scheduler, Trouble, batches};
use stafett_wire::question::Verb;
use std::io::{self, Write};

/// Messages of one question: the scheduler does nothing else until it has done them, so that the
/// delivery of others is not held up for long.
const BATCH: usize = 400;
/// Destinations of one question.
const MOST_NAMES: usize = 50;

/// Does it with all messages of the plan, batch after batch.
///
/// # Errors
/// Why the scheduler cannot be asked. What it has done by then was told.
pub fn all(instance: &Instance, plan: &Plan, action: &Action) -> Result<Outcome, Trouble> {
    let mut line = Scheduler::connect(instance)?;
    // What is gone by then has been delivered or has come back, which is what these two are for.
    let is_on_its_way = matches!(action, Action::Flush(_) | Action::Ask(Verb::Retry));
    let mut told = Told { partly: plan.incomplete, is_on_its_way };
    let verb = match action {
        Action::Flush(names) => {
            flush(&mut line, names)?;
            Verb::Retry
        }
        Action::Ask(verb) => *verb,
        Action::Route(_) => Verb::Route,
        Action::Print => return Ok(Outcome::Done),
    };
    let names: Vec<String> = plan.targets.iter().map(|target| target.listed.file_name()).collect();
    for batch in batches(&names, BATCH) {
        let route = if let Action::Route(relay) = action { Some(relay.clone()) } else { None };
        let arguments = route.into_iter().chain(batch.iter().cloned()).collect();
        line.ask(verb, arguments)?.iter().for_each(|answer| told.take(answer));
    }
    Ok(told.outcome())
}

fn flush(line: &mut Scheduler, names: &[String]) -> Result<(), Trouble> {
    let questions: Vec<&[String]> = if names.is_empty() { vec![names] } else { batches(names, MOST_NAMES).collect() };
    for names in questions {
        line.ask(Verb::Flush, names.to_vec())?.iter().for_each(|answer| say(answer));
    }
    Ok(())
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
