//! What happened to a message after it was accepted: a line per attempt and recipient, appended.
//!
//! A line is: seconds since 1970, the recipient's number from 0, a letter, a text. The state of a
//! recipient is the fold of its lines. A last line that does not end was torn by a crash and
//! counts as not written; so does any line that does not parse.

use std::fmt::Write;

/// What a line says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Delivered: `K`.
    Delivered,
    /// Failed for now: `Z`.
    Deferred,
    /// Failed for good, its sender is to be told: `D`.
    Failed,
    /// Delivered to a host that reports no success, though its sender asked for that: `S`.
    Relayed,
    /// Its sender was told, or nobody is to be told: `B`.
    Bounced,
    /// The admin sent it another way: `R`, the text is the route. Changes nothing else.
    Routed,
    /// Its sender was told that it is late: `W`, the text is the id of the notice, or empty when that could not be queued.
    /// Changes nothing else.
    Warned,
}

/// One line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Seconds since 1970.
    pub time: u64,
    /// The recipient's number in the envelope, from 0.
    pub recipient: usize,
    /// What happened.
    pub event: Event,
    /// In words, without line end.
    pub text: String,
}

/// Where a recipient stands.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The last event; `None` before the first attempt.
    pub event: Option<Event>,
    /// How many attempts failed for now.
    pub deferrals: u32,
    /// When the last line was written, seconds since 1970.
    pub time: u64,
    /// The text of the last line about a delivery (not of `Bounced`).
    pub text: String,
    /// The route that the admin gave it, in the form of smtproutes.
    pub route: Option<String>,
    /// Whether its sender was told that it is late.
    pub warned: bool,
}

impl Standing {
    /// Whether it is still to be delivered.
    pub fn is_waiting(&self) -> bool {
        matches!(self.event, None | Some(Event::Deferred))
    }
}

impl Event {
    /// The letter in the file.
    pub fn letter(self) -> char {
        match self {
            Event::Delivered => 'K',
            Event::Deferred => 'Z',
            Event::Failed => 'D',
            Event::Relayed => 'S',
            Event::Bounced => 'B',
            Event::Routed => 'R',
            Event::Warned => 'W',
        }
    }

    fn from_letter(letter: &str) -> Option<Event> {
        match letter {
            "K" => Some(Event::Delivered),
            "Z" => Some(Event::Deferred),
            "D" => Some(Event::Failed),
            "S" => Some(Event::Relayed),
            "B" => Some(Event::Bounced),
            "R" => Some(Event::Routed),
            "W" => Some(Event::Warned),
            _ => None,
        }
    }
}

impl Line {
    /// Appends the line to `out`.
    pub fn write(&self, out: &mut String) {
        let text = self.text.replace(|c: char| c.is_control(), "/");
        let _ = writeln!(out, "{} {} {} {text}", self.time, self.recipient, self.event.letter());
    }

    fn parse(line: &str) -> Option<Line> {
        let mut words = line.splitn(4, ' ');
        let time = words.next()?.parse().ok()?;
        let recipient = words.next()?.parse().ok()?;
        let event = Event::from_letter(words.next()?)?;
        Some(Line { time, recipient, event, text: words.next().unwrap_or("").to_owned() })
    }
}

/// Folds a journal into the standing of `recipients` recipients. Also says how many lines could
/// not be used.
pub fn fold(journal: &[u8], recipients: usize) -> (Vec<Standing>, usize) {
    let mut standings = vec![Standing::default(); recipients];
    let unusable = apply_all(journal, &mut standings);
    (standings, unusable)
}

/// Goes on with the fold where it stands. Says how many lines could not be used.
pub fn apply_all(journal: &[u8], standings: &mut [Standing]) -> usize {
    let mut unusable = 0;
    for line in whole_lines(journal) {
        let parsed = std::str::from_utf8(line).ok().and_then(Line::parse);
        match parsed.and_then(|line| standings.get_mut(line.recipient).map(|standing| (standing, line))) {
            Some((standing, line)) => apply(standing, line),
            None => unusable += 1,
        }
    }
    unusable
}

/// The lines that can be used, in the order in which they were written.
pub fn lines(journal: &[u8]) -> impl Iterator<Item = Line> {
    whole_lines(journal).filter_map(|line| std::str::from_utf8(line).ok().and_then(Line::parse))
}

fn apply(standing: &mut Standing, line: Line) {
    // Delivered and bounced are final: no later line brings a recipient back. Of one that was
    // relayed its sender is still to be told.
    let is_final = match standing.event {
        Some(Event::Delivered | Event::Bounced) => true,
        Some(Event::Relayed) => line.event != Event::Bounced,
        _ => false,
    };
    if is_final {
        return;
    }
    match line.event {
        Event::Routed => {
            standing.route = Some(line.text);
            return;
        }
        Event::Warned => {
            standing.warned = !line.text.is_empty();
            return;
        }
        _ => {}
    }
    standing.event = Some(line.event);
    standing.time = line.time;
    standing.deferrals += u32::from(line.event == Event::Deferred);
    if line.event != Event::Bounced {
        standing.text = line.text;
    }
}

fn whole_lines(journal: &[u8]) -> impl Iterator<Item = &[u8]> {
    journal.split_inclusive(|byte| *byte == b'\n').filter_map(|line| line.strip_suffix(b"\n")).filter(|line| !line.is_empty())
}
