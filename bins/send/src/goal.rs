//! What messages are read for: those that wait for a domain or a destination.

use crate::mark::Mark;
use crate::scheduler::domain;
use crate::settings::Settings;
use stafett_queue_store::Entry;
use stafett_wire::delivery::Destination;

/// Which messages are looked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Goal {
    /// Those with a recipient that waits in this domain.
    Domain(String),
    /// The same, or in one below it.
    Below(String),
    /// Those with a recipient that waits for this destination.
    Destination(Destination),
    /// One of those.
    OneFor(Destination),
    /// One for each destination whose mail is kept here.
    Kept,
}

impl Goal {
    /// Whether it is met by one message.
    pub(crate) fn is_for_one(&self) -> bool {
        matches!(self, Goal::OneFor(_))
    }

    /// Whether a recipient is meant.
    fn is(&self, address: &str, destination: &Destination, settings: &Settings) -> bool {
        let domain = domain(address).unwrap_or(&settings.me);
        match self {
            Goal::Domain(name) => domain.eq_ignore_ascii_case(name),
            Goal::Below(name) => {
                let domain = domain.to_ascii_lowercase();
                domain.strip_suffix(name.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            Goal::Destination(wanted) | Goal::OneFor(wanted) => destination == wanted,
            Goal::Kept => settings.keeps(domain),
        }
    }
}

/// Those of a message's destinations that are meant, and whether none but the first message for each counts.
pub(crate) fn meant(entry: &Entry, goals: &[Goal], settings: &Settings) -> Vec<(Mark, bool)> {
    let recipients = entry.envelope.recipients.iter().zip(&entry.standings).filter(|(_, standing)| standing.is_waiting());
    let mut found = Vec::new();
    for (recipient, standing) in recipients {
        let destination = settings.destination(&recipient.address, Some(standing));
        let mut fitting = goals.iter().filter(|goal| goal.is(&recipient.address, &destination, settings)).peekable();
        if fitting.peek().is_some() {
            found.push((Mark::of(&destination), fitting.all(|goal| matches!(goal, Goal::Kept | Goal::OneFor(_)))));
        }
    }
    found.sort_unstable();
    found.dedup();
    found
}
