//! What the admin is told: a line for each thing that is taken, that is there already, that is left, that is still to be done.
//!
//! On standard output, `MARK PLACE: TEXT`; the words of files are made safe for a terminal. How it fails: a line that cannot be
//! written is given up, the work goes on. Known limits: none.

use stafett_log::safe;
use std::fmt::Display;
use std::io::Write;

/// What kind of line it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mark {
    /// It is taken over, or would be.
    Take,
    /// The instance has it already.
    Have,
    /// It is left where it is, and why.
    Left,
    /// The admin is to do it.
    Todo,
    /// To know.
    Note,
}

/// The teller.
#[derive(Debug, Default)]
pub struct Report {
    is_done: bool,
    is_silent: bool,
    /// The places of what is taken.
    pub places: Vec<String>,
    taken: usize,
    had: usize,
    left: usize,
    to_do: usize,
    #[cfg(test)]
    pub lines: Vec<String>,
}

impl Report {
    /// A teller; `is_done` where things are done and not only shown.
    pub fn new(is_done: bool) -> Report {
        Report { is_done, ..Report::default() }
    }

    /// One that says nothing and only remembers what would be taken.
    pub fn silent() -> Report {
        Report { is_silent: true, ..Report::default() }
    }

    /// Tells one thing.
    pub fn say(&mut self, mark: Mark, place: impl Display, text: impl Display) {
        let word = match mark {
            Mark::Take if self.is_done => "took     ",
            Mark::Take => "take     ",
            Mark::Have => "there    ",
            Mark::Left => "not taken",
            Mark::Todo => "to do    ",
            Mark::Note => "note     ",
        };
        match mark {
            Mark::Take => self.taken += 1,
            Mark::Have => self.had += 1,
            Mark::Left => self.left += 1,
            Mark::Todo => self.to_do += 1,
            Mark::Note => {}
        }
        let (place, text) = (place.to_string(), text.to_string());
        if self.is_silent {
            if mark == Mark::Take {
                self.places.push(place);
            }
            return;
        }
        let line = if text.is_empty() { format!("{word} {place}") } else { format!("{word} {place}: {text}") };
        #[cfg(test)]
        self.lines.push(line.clone());
        let _ = writeln!(std::io::stdout(), "{}", safe(line.as_bytes()));
    }

    /// Tells how much of each there was.
    pub fn end(&self) {
        let word = if self.is_done { "taken" } else { "to be taken" };
        let Report { taken, had, left, to_do, .. } = self;
        let _ = writeln!(std::io::stdout(), "{taken} {word}, {had} there already, {left} not taken, {to_do} to do");
    }

    /// Whether the admin has nothing left to look at.
    pub fn is_clean(&self) -> bool {
        self.left == 0 && self.to_do == 0
    }
}
