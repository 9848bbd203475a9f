//! An address or a name in lists.

use super::{Place, Round, at};
use crate::health::listing;
use crate::lists::{Decision, Entry, Lists};
use crate::parts::{Finding, Part};
use crate::words::{expanded, harmless};
use stafett_ask::Verdict;
use stafett_dns::{Kind, Outcome, Question, Record};
use std::net::IpAddr;

/// The look into all lists of a file.
pub struct Listed<'a> {
    part: Part,
    lists: &'a Lists,
    /// What is looked for, as it stands in front of the zone.
    name: String,
    ip: Option<IpAddr>,
    /// Where the question to each list stands; nothing for a name too long to be asked for.
    places: Vec<Option<Place>>,
    decision: Decision,
    /// Where the question for the text of each list that decided stands.
    texts: Vec<Option<Place>>,
    is_open: bool,
}

impl<'a> Listed<'a> {
    /// Asks every list; nothing when there is none.
    pub fn begin(part: Part, lists: &'a Lists, name: String, ip: Option<IpAddr>, round: &mut Round) -> Option<Listed<'a>> {
        let ask = |entry: &Entry| Some(round.add(question(&name, entry, Kind::A)?, Some(&entry.zone)));
        let places: Vec<Option<Place>> = lists.entries.iter().map(ask).collect();
        let (decision, texts) = (Decision::Pass, Vec::new());
        (!places.is_empty()).then_some(Listed { part, lists, name, ip, places, decision, texts, is_open: false })
    }

    /// Decides, and asks those who decided for their words.
    pub fn go_on(&mut self, said: &[Outcome], round: &mut Round) {
        let heard: Vec<_> = self.places.iter().map(|place| place.map_or(Ok(false), |place| listing(at(said, place)))).collect();
        let hits: Vec<bool> = heard.iter().map(|heard| heard == &Ok(true)).collect();
        self.is_open = heard.iter().any(Result::is_err);
        self.decision = self.lists.decide(&hits);
        let Decision::Refuse { entries, .. } = &self.decision else { return };
        let silent = entries.iter().filter_map(|number| self.lists.entries.get(*number));
        let ask = |entry: &Entry| match &entry.text {
            Some(_) => None,
            // a list whose text is late is not left out for that
            None => Some(round.add(question(&self.name, entry, Kind::Txt)?, None)),
        };
        self.texts = silent.map(ask).collect();
    }

    /// What has been found.
    pub fn end(self, said: &[Outcome]) -> Finding {
        let entry = |number: usize| self.lists.entries.get(number);
        match &self.decision {
            Decision::Pass => Finding { is_open: self.is_open, ..Finding::pass(self.part) },
            Decision::Accept(number) => {
                let (rule, text) =
                    entry(*number).map(|entry| (entry.rule.clone(), format!("in the allow list {}", entry.zone))).unwrap_or_default();
                Finding { rule, text, ..Finding::pass(self.part) }
            }
            Decision::Refuse { permanent, entries } => {
                let named: Vec<&Entry> = entries.iter().filter_map(|number| entry(*number)).collect();
                let texts = named.iter().zip(&self.texts).map(|(entry, place)| self.text(entry, place.map(|place| at(said, place))));
                let text = texts.collect::<Vec<_>>().join("; ");
                let rules: Vec<&str> = named.iter().map(|entry| entry.rule.as_str()).collect();
                let verdict = if *permanent { Verdict::Permanent } else { Verdict::Temporary };
                Finding { part: self.part, verdict, rule: rules.join(","), text: harmless(text.as_bytes()), is_open: false }
            }
        }
    }

    /// The admin's words, or the list's, or ours.
    fn text(&self, entry: &Entry, said: Option<&Outcome>) -> String {
        let records = match said {
            Some(Outcome::Answer(answer)) => answer.records.as_slice(),
            _ => &[],
        };
        let record = records.iter().find_map(|record| match record {
            Record::Txt(text) if !text.is_empty() => Some(harmless(text)),
            _ => None,
        });
        match (&entry.text, record) {
            (Some(text), _) => expanded(text, self.ip, &self.name),
            (None, Some(text)) => text,
            (None, None) if self.part == Part::Client => format!("your address is listed by {}", entry.zone),
            (None, None) => format!("{} is listed by {}", self.name, entry.zone),
        }
    }
}

fn question(name: &str, entry: &Entry, kind: Kind) -> Option<Question> {
    Question::new(&format!("{name}.{}", entry.zone), kind).ok()
}
