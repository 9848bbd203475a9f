//! What the scheduler knows: asked once, or not there.

use crate::LOG;
use stafett_instance::Instance;
use stafett_survey::{Scheduler, Trouble};
use stafett_wire::question::Verb;
use std::collections::HashMap;

/// Messages of one question about reasons: each may have many recipients.
const MOST_ASKED: usize = 100;

/// A destination as the scheduler sees it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Live {
    /// Recipients that wait in memory.
    pub in_memory: u64,
    /// Connections that deliver at this moment.
    pub running: u64,
    /// Connections that are open.
    pub open: u64,
    /// Connections that may be open at most.
    pub window: u64,
    /// Left alone until then, seconds since 1970.
    pub until: Option<u64>,
    /// The last reason why it could not be reached; empty when there was none.
    pub error: String,
}

/// The scheduler, if it can be asked.
#[derive(Debug)]
pub struct Knowledge {
    line: Option<Scheduler>,
    /// Whether it runs, as far as we can tell.
    pub running: bool,
    /// All destinations that it knows, by name.
    pub destinations: HashMap<String, Live>,
}

impl Knowledge {
    /// Asks what is asked once. Says on standard error when nobody answers.
    pub fn gather(instance: &Instance) -> Knowledge {
        let asked = Scheduler::connect(instance).and_then(|mut line| line.ask(Verb::Destinations, Vec::new()).map(|lines| (line, lines)));
        match asked {
            Ok((line, lines)) => {
                let destinations = lines.iter().filter_map(|line| parse(line)).collect();
                Knowledge { line: Some(line), running: true, destinations }
            }
            Err(trouble) => {
                LOG.warning(format_args!("{trouble}; showing what the disk tells"));
                Knowledge { line: None, running: !matches!(trouble, Trouble::NotRunning), destinations: HashMap::new() }
            }
        }
    }

    /// Asks why messages wait: for each id and recipient's number (`None` for all of them), the
    /// scheduler's words.
    pub fn reasons(&mut self, names: &[String]) -> HashMap<(String, Option<usize>), String> {
        let mut reasons = HashMap::new();
        for batch in names.chunks(MOST_ASKED) {
            let Some(line) = &mut self.line else { break };
            match line.ask(Verb::Why, batch.to_vec()) {
                Ok(lines) => reasons.extend(lines.iter().filter_map(|line| parse_reason(line))),
                Err(trouble) => {
                    LOG.warning(format_args!("{trouble}; showing what the disk tells"));
                    self.line = None;
                }
            }
        }
        reasons
    }
}

/// `ID NUMBER|* WORDS`.
fn parse_reason(line: &str) -> Option<((String, Option<usize>), String)> {
    let mut words = line.splitn(3, ' ');
    let (id, number, reason) = (words.next()?, words.next()?, words.next()?);
    let number = if number == "*" { None } else { Some(number.parse().ok()?) };
    Some(((id.to_owned(), number), reason.to_owned()))
}

/// `NAME waiting N running N open N window N until N error TEXT`; the name may hold blanks.
fn parse(line: &str) -> Option<(String, Live)> {
    let (front, error) = line.split_once(" error ").or_else(|| line.strip_suffix(" error").map(|front| (front, "")))?;
    let mut words: Vec<&str> = front.rsplitn(11, ' ').collect();
    words.reverse();
    let [name, "waiting", in_memory, "running", running, "open", open, "window", window, "until", until] = words[..] else { return None };
    let until = until.parse().ok().filter(|until| *until != 0);
    let number = |text: &str| text.parse().ok();
    let live = Live {
        in_memory: number(in_memory)?,
        running: number(running)?,
        open: number(open)?,
        window: number(window)?,
        until,
        error: error.to_owned(),
    };
    Some((name.to_owned(), live))
}

#[cfg(test)]
#[path = "knowledge_test.rs"]
mod knowledge_test;
