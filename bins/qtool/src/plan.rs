//! Which messages an action is about, found before anything is done but where they are flushed.

use crate::options::{Action, Options};
use crate::{LOG, Outcome};
use stafett_control::Control;
use stafett_instance::Instance;
use stafett_log::safe;
use stafett_queue_store::{Listed, Store};
use stafett_survey::{Found, Message, Routes, Seen, State, each};
use stafett_wire::question::Verb;
use std::fmt::Write as _;
use std::io::{self, Write};

/// Recipients that are named in a line at most.
const NAMED: usize = 3;

/// A message and, where it was read, what to show of it.
#[derive(Debug)]
pub struct Target {
    /// Where it lies.
    pub listed: Listed,
    /// Sender and recipients that wait; empty where nobody needed to know.
    pub words: String,
}

/// The messages that an action is about.
#[derive(Debug, Default)]
pub struct Plan {
    /// The oldest first.
    pub targets: Vec<Target>,
    /// Something that was named is not there, or cannot be read; it was told.
    pub incomplete: bool,
}

/// What is done with messages that were found, while others are looked for; it may take them.
pub type Early<'a> = &'a mut dyn FnMut(&mut Vec<Target>) -> io::Result<()>;

/// Finds them. `early` sees what was found whenever one more file was read.
///
/// # Errors
/// When the queue cannot be read, and the first of `early`.
pub fn make(instance: &Instance, store: &Store, options: &Options, early: Early<'_>) -> io::Result<Plan> {
    let mut plan = Plan::default();
    if options.action == Action::Flush(Vec::new()) {
        return Ok(plan);
    }
    let listing =
        options.selection.list(store, &mut |odd| LOG.warning(format_args!("{}: its name is no message's; passed over", odd.display())))?;
    for id in listing.missing {
        plan.incomplete = true;
        LOG.error(format_args!("{id} is not in the queue: it was delivered, bounced or removed"));
    }
    if listing.messages.is_empty() && !plan.incomplete && !matches!(options.action, Action::Flush(_)) {
        LOG.note("no message fits");
    }
    let shows = options.dry || is_dangerous(&options.action) && listing.messages.len() > 1 && !options.yes;
    if shows || options.selection.filter.needs_content() {
        plan.read(instance, store, &listing.messages, options, early)?;
    } else {
        plan.targets = listing.messages.into_iter().map(|listed| Target { listed, words: String::new() }).collect();
    }
    Ok(plan)
}

/// Whether it cannot be taken back.
fn is_dangerous(action: &Action) -> bool {
    matches!(action, Action::Ask(Verb::Delete | Verb::Bounce))
}

impl Plan {
    /// Whether the admin must say that it is meant.
    pub fn must_be_confirmed(&self, options: &Options) -> bool {
        is_dangerous(&options.action) && self.targets.len() > 1 && !options.yes
    }

    /// A line for each message; nothing is done.
    ///
    /// # Errors
    /// When standard output cannot be written, but for a reader who has seen enough.
    pub fn show(&self, action: &Action) -> Result<Outcome, String> {
        let verb = match action {
            Action::Ask(verb) => verb.word().to_owned(),
            Action::Route(relay) => format!("route to \"{}\"", safe(relay.as_bytes())),
            Action::Flush(_) => "retry".to_owned(),
            Action::Print => "print".to_owned(),
        };
        let mut text = String::new();
        if let Action::Flush(names) = action {
            let names = if names.is_empty() { "everything".to_owned() } else { safe(names.join(" ").as_bytes()).to_string() };
            let _ = writeln!(text, "would try {names} now, whatever failed before");
        }
        for Target { listed, words } in &self.targets {
            let _ = writeln!(text, "would {verb} {} {} {} {words}", listed.id, listed.size, State::In(listed.place).word());
        }
        match io::stdout().write_all(text.as_bytes()) {
            Err(error) if error.kind() != io::ErrorKind::BrokenPipe => Err(format!("unable to write: {error}")),
            _ if self.incomplete => Ok(Outcome::Partly),
            _ => Ok(Outcome::Done),
        }
    }

    fn read(&mut self, instance: &Instance, store: &Store, listed: &[Listed], options: &Options, early: Early<'_>) -> io::Result<()> {
        let filter = &options.selection.filter;
        let routes = if filter.needs_routes() { routes(instance)? } else { Routes::none() };
        let judged = |seen: Seen| match seen {
            Seen::Message(message) => {
                filter.matches_content(&message.entry, &routes).then(|| Ok(Target { listed: message.listed, words: words(&message) }))
            }
            Seen::Gone => None,
            Seen::Unusable(listed, reason) => Some(Err((listed, reason))),
        };
        each(store, listed, Found::Standings, judged, |result| {
            match result {
                Some(Ok(target)) => self.targets.push(target),
                Some(Err((one, reason))) => {
                    self.incomplete = true;
                    LOG.error(format_args!("{}: {reason}", store.path(one.id, one.size, one.place).display()));
                }
                None => {}
            }
            early(&mut self.targets)
        })
    }
}

/// What is done by destination is not done by guesses.
fn routes(instance: &Instance) -> io::Result<Routes> {
    Routes::read(&Control::new(instance.control())).map_err(|error| io::Error::other(error.to_string()))
}

fn words(message: &Message) -> String {
    let envelope = &message.entry.envelope;
    let recipients = envelope.recipients.iter().zip(&message.entry.standings);
    let waiting: Vec<&str> =
        recipients.filter(|(_, standing)| standing.is_waiting()).map(|(recipient, _)| recipient.address.as_str()).collect();
    let named: String = waiting.iter().take(NAMED).map(|address| format!(" {}", safe(address.as_bytes()))).collect();
    let more = waiting.len().saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("<{}> to{named}{more}", safe(envelope.sender.as_bytes()))
}
