//! Tells the way of each chosen message, from its first line to its last.
//!
//! A story is printed when its message ended, and a little later than that, because a line of
//! another service can come after the end. Memory: what is told of chosen messages that have not
//! ended, at most [`MOST_STEPS`] lines of it; beyond that all are printed as far as they are known, and
//! go on below.

use crate::event::Event;
use crate::lines::Line;
use crate::select::Selection;
use crate::stamp::{Moment, SECOND};
use crate::tell::{Teller, Told};
use stafett_log::safe;
use std::collections::{BTreeMap, VecDeque};
use std::io::{self, Write};

/// Lines that are kept of open stories.
const MOST_STEPS: usize = 200_000;

/// How long lines of other services may follow the end of a message.
const PATIENCE: i64 = 10 * SECOND;

/// The stories that are being gathered.
#[derive(Debug)]
pub struct Stories<'a> {
    selection: &'a Selection,
    teller: Teller,
    open: BTreeMap<u64, Story>,
    steps: usize,
    /// When messages ended whose stories are not printed yet.
    ended: VecDeque<(Moment, u64)>,
    printed: u64,
}

#[derive(Debug, Default)]
struct Story {
    steps: Vec<Told>,
    has_end: bool,
    is_continued: bool,
}

impl<'a> Stories<'a> {
    /// None yet.
    pub fn new(selection: &'a Selection) -> Stories<'a> {
        Stories { selection, teller: Teller::default(), open: BTreeMap::new(), steps: 0, ended: VecDeque::new(), printed: 0 }
    }

    /// Takes the next line of the logs.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn take(&mut self, line: &Line<'_>, out: &mut impl Write) -> io::Result<()> {
        let event = Event::of(&line.text);
        let mut told = Vec::new();
        self.teller.take(line.at, &event, &line.text, self.selection, |one| told.push(one));
        if let Event::Begin { id, .. } = event
            && self.selection.holds(id)
        {
            self.open.entry(id).or_default();
        }
        for one in told {
            self.add(one, out)?;
        }
        if let Event::End(id) = event
            && let Some(story) = self.open.get_mut(&id)
        {
            story.has_end = true;
            self.ended.push_back((line.at, id));
        }
        self.print_ended(line.at, out)
    }

    /// Prints what is left; how much there was in all.
    ///
    /// # Errors
    /// When the output cannot be written.
    pub fn finish(mut self, out: &mut impl Write) -> io::Result<u64> {
        self.print_all(false, out)?;
        Ok(self.printed)
    }

    fn add(&mut self, told: Told, out: &mut impl Write) -> io::Result<()> {
        let Some(id) = told.id else {
            self.printed += 1;
            return writeln!(out, "{}  {}\n", told.at, safe(told.words.as_bytes()));
        };
        self.open.entry(id).or_default().steps.push(told);
        self.steps += 1;
        if self.steps > MOST_STEPS { self.print_all(true, out) } else { Ok(()) }
    }

    fn print_ended(&mut self, now: Moment, out: &mut impl Write) -> io::Result<()> {
        while let Some((at, id)) = self.ended.front().copied() {
            if now.since(at) < PATIENCE {
                break;
            }
            self.ended.pop_front();
            if let Some(story) = self.open.remove(&id) {
                self.print(id, story, out)?;
            }
        }
        Ok(())
    }

    fn print_all(&mut self, goes_on: bool, out: &mut impl Write) -> io::Result<()> {
        self.ended.clear();
        for (id, story) in std::mem::take(&mut self.open) {
            let is_continued = goes_on && !story.has_end;
            self.print(id, Story { is_continued, ..story }, out)?;
        }
        Ok(())
    }

    fn print(&mut self, id: u64, mut story: Story, out: &mut impl Write) -> io::Result<()> {
        self.printed += 1;
        self.steps = self.steps.saturating_sub(story.steps.len());
        if !story.is_continued {
            story.steps.extend(self.teller.unfinished(Some(id)));
        }
        // smtpd's line can come after those of send; nothing else can come before it.
        story.steps.sort_by_key(|told| (!is_arrival(&told.words), told.at));
        write!(out, "message {id}, born {}", Moment::of_birth(id))?;
        match self.selection.parent(id) {
            Some(parent) => writeln!(out, ", the bounce of {parent}")?,
            None => writeln!(out)?,
        }
        for told in &story.steps {
            writeln!(out, "  {}  {}", told.at, safe(told.words.as_bytes()))?;
        }
        match (story.has_end, story.is_continued) {
            (true, _) => writeln!(out),
            (_, true) => writeln!(out, "  its story goes on below\n"),
            _ => writeln!(out, "  its end is not in these logs\n"),
        }
    }
}

fn is_arrival(words: &str) -> bool {
    words.starts_with("connection from ") || words.starts_with("accepted by ")
}
