//! The verdicts of one order, recipient by recipient.
//!
//! A verdict once given stays; whoever has none at the end is tried later, so nobody is lost by an early return.

use stafett_wire::Verdict;

use crate::judgement::Judged;

/// The verdicts so far, one place for each recipient of the envelope.
#[derive(Debug)]
pub struct Ledger(Vec<Option<Judged>>);

impl Ledger {
    /// Nobody has a verdict yet.
    pub fn new(recipients: usize) -> Self {
        Ledger(vec![None; recipients])
    }

    /// The numbers of those without a verdict.
    pub fn open(&self) -> Vec<usize> {
        self.0.iter().enumerate().filter(|(_, judged)| judged.is_none()).map(|(number, _)| number).collect()
    }

    /// Judges one recipient.
    pub fn judge(&mut self, number: usize, judged: Judged) {
        if let Some(place) = self.0.get_mut(number) {
            *place = Some(judged);
        }
    }

    /// Judges everybody who has no verdict yet.
    pub fn judge_rest(&mut self, judged: &Judged) {
        for place in self.0.iter_mut().filter(|place| place.is_none()) {
            *place = Some(judged.clone());
        }
    }

    /// All verdicts; whoever has none is tried later.
    pub fn finish(self) -> Vec<Judged> {
        let none = || (Verdict::Temporary, "Not tried. (#4.4.0)".to_owned());
        self.0.into_iter().map(|judged| judged.unwrap_or_else(none)).collect()
    }
}
