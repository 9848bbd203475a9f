//! The command line.

use lexopt::{Arg, Parser};
use stafett_queue_store::Place;
use stafett_survey::{FILTER_USAGE, Pattern, Routes, Selection, State};
use stafett_wire::question::Verb;
use std::ffi::OsString;
use std::path::PathBuf;

/// How to call it.
pub fn usage() -> String {
    format!(
        "usage: qtool [-n] [-y] [DIR] hold|release|retry|delete|bounce|route RELAY|print [--envelope] {FILTER_USAGE} [--all] [ID ...], \
         or qtool [-n] [DIR] flush [DESTINATION ...]"
    )
}

/// What is to be done.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Something that the scheduler does with each message.
    Ask(Verb),
    /// Send them by this route.
    Route(String),
    /// Try now what waits for these destinations, or everything.
    Flush(Vec<String>),
    /// Print them, perhaps with envelope and journal.
    Print,
}

/// The command line, read.
#[derive(Debug)]
pub struct Options {
    /// What is to be done.
    pub action: Action,
    /// With which messages.
    pub selection: Selection,
    /// Only show it.
    pub dry: bool,
    /// Do it with many messages, too.
    pub yes: bool,
    /// Print the envelope as well.
    pub envelope: bool,
    /// The instance; the variable STAFETT names it where this is not given.
    pub directory: Option<PathBuf>,
}

impl Options {
    /// Reads them.
    pub fn read() -> Result<Options, String> {
        parse(Parser::from_env()).map_err(|error| error.to_string())
    }
}

fn parse(mut parser: Parser) -> Result<Options, lexopt::Error> {
    let mut options =
        Options { action: Action::Print, selection: Selection::default(), dry: false, yes: false, envelope: false, directory: None };
    let (mut words, mut all) = (Vec::new(), false);
    while let Some(argument) = parser.next()? {
        match argument {
            Arg::Short('n') => options.dry = true,
            Arg::Short('y') => options.yes = true,
            Arg::Long("all") => all = true,
            Arg::Long("envelope") => options.envelope = true,
            Arg::Long(name) => {
                let name = name.to_owned();
                if !options.selection.filter.take(&name, &mut parser)? {
                    return Err(Arg::Long(&name).unexpected());
                }
            }
            Arg::Value(value) => words.push(value),
            other => return Err(other.unexpected()),
        }
    }
    take_words(&mut options, words)?;
    judge(&options, all)?;
    narrow(&mut options);
    Ok(options)
}

/// A directory if the first word is no verb, the verb, and what belongs to it.
fn take_words(options: &mut Options, words: Vec<OsString>) -> Result<(), String> {
    let mut words = words.into_iter().peekable();
    let is_verb = |word: &OsString| word.to_str().is_some_and(|word| word == "print" || action(word).is_some());
    if let Some(directory) = words.next_if(|word| !is_verb(word)) {
        options.directory = Some(PathBuf::from(directory));
    }
    let mut words = words.map(|word| word.into_string().map_err(|word| format!("\"{}\" is no text", word.to_string_lossy())));
    let verb = words.next().ok_or("a verb is missing")??;
    options.action = match action(&verb).ok_or_else(|| format!("\"{verb}\" is no verb"))? {
        Action::Route(_) => Action::Route(words.next().ok_or("a relay is missing behind route")??),
        Action::Flush(_) => Action::Flush(words.by_ref().collect::<Result<_, _>>()?),
        action => action,
    };
    for word in words {
        let word = word?;
        let id = Selection::id_of(&word).ok_or_else(|| format!("\"{word}\" is no queue id"))?;
        options.selection.ids.insert(id);
    }
    Ok(())
}

fn action(word: &str) -> Option<Action> {
    match Verb::from_word(word) {
        Some(verb @ (Verb::Hold | Verb::Release | Verb::Retry | Verb::Delete | Verb::Bounce)) => Some(Action::Ask(verb)),
        Some(Verb::Route) => Some(Action::Route(String::new())),
        Some(Verb::Flush) => Some(Action::Flush(Vec::new())),
        Some(Verb::Why | Verb::Destinations | Verb::Counts) => None,
        None => (word == "print").then_some(Action::Print),
    }
}

fn judge(options: &Options, all: bool) -> Result<(), String> {
    let named = !options.selection.ids.is_empty() || options.selection.filter.is_any();
    match &options.action {
        Action::Flush(_) if named => Err("flush takes destinations, no ids and no filters; retry takes those".to_owned()),
        Action::Flush(_) => Ok(()),
        Action::Route(relay) => Routes::check(relay).and_then(|()| require(named, all)),
        _ => require(named, all),
    }?;
    if options.selection.filter.has_states() && options.selection.filter.wants(State::Damaged) {
        return Err(
            "damaged messages are set aside in queue/bad; look at them and move or remove the files by hand (stafett-queue(5))".to_owned()
        );
    }
    if options.envelope && options.action != Action::Print {
        return Err("--envelope belongs to print".to_owned());
    }
    Ok(())
}

/// No slip of the finger reaches every message.
fn require(named: bool, all: bool) -> Result<(), String> {
    match (named, all) {
        (false, false) => Err("name messages by ids or filters, or say --all".to_owned()),
        (true, true) => Err("--all and ids or filters contradict each other".to_owned()),
        _ => Ok(()),
    }
}

/// What filters mean with a verb: only what is still to be done counts, in the states in which the
/// verb does something. Ids are taken as they are.
fn narrow(options: &mut Options) {
    let filter = &mut options.selection.filter;
    filter.only_open();
    let states: &[Place] = match &options.action {
        Action::Ask(Verb::Release) => &[Place::Held],
        Action::Ask(Verb::Hold | Verb::Retry) => &[Place::New, Place::Waiting],
        Action::Flush(_) => &[Place::Waiting],
        _ => &[],
    };
    if options.selection.ids.is_empty() && !filter.has_states() {
        states.iter().for_each(|place| filter.add_state(State::In(*place)));
    }
    if let Action::Flush(names) = &options.action {
        names.iter().for_each(|name| filter.add_destination(Pattern::text(name)));
    }
}

#[cfg(test)]
#[path = "options_test.rs"]
mod options_test;
