//! The verdicts of one order, recipient by recipient.
//!
//! A verdict once given stays, but for one that puts off: it may be set aside while another host is asked, and counts
//! again when that host has none of its own. Whoever has none at the end is tried later, so nobody is lost by an early
//! return.

use stafett_smtp_client::judgement::{self, Judged};
use stafett_wire::Verdict;

/// The verdicts so far, one place for each recipient of the envelope.
#[derive(Debug)]
pub struct Ledger(Vec<Entry>);

#[derive(Clone, Debug, Default)]
struct Entry {
    judged: Option<Judged>,
    /// The verdict is this host's, which no other one changes.
    is_ours: bool,
    /// What an earlier host has said.
    earlier: Option<Judged>,
    /// The server has taken over the duty to report.
    dsn_taken: bool,
}

impl Ledger {
    /// Nobody has a verdict yet.
    pub fn new(recipients: usize) -> Self {
        Ledger(vec![Entry::default(); recipients])
    }

    /// The numbers of those without a verdict.
    pub fn open(&self) -> Vec<usize> {
        self.0.iter().enumerate().filter(|(_, entry)| entry.judged.is_none()).map(|(number, _)| number).collect()
    }

    /// Judges one recipient.
    pub fn judge(&mut self, number: usize, judged: Judged) {
        if let Some(entry) = self.0.get_mut(number) {
            entry.judged = Some(judged);
        }
    }

    /// Puts a recipient off for a reason of this host, whatever others would say.
    pub fn put_off_here(&mut self, number: usize, judged: Judged) {
        if let Some(entry) = self.0.get_mut(number) {
            (entry.judged, entry.is_ours) = (Some(judged), true);
        }
    }

    /// Judges everybody who has no verdict yet.
    pub fn judge_rest(&mut self, judged: &Judged) {
        for entry in self.0.iter_mut().filter(|entry| entry.judged.is_none()) {
            entry.judged = Some(judged.clone());
        }
    }

    /// Judges these. What an earlier host puts off is not refused for good because this one can do less.
    pub fn judge_unless_earlier(&mut self, numbers: &[usize], judged: &Judged) {
        for number in numbers {
            if let Some(entry) = self.0.get_mut(*number) {
                entry.judged = entry.earlier.take().or_else(|| Some(judged.clone()));
            }
        }
    }

    /// Notes that the server which took the message for one recipient offers DSN.
    pub fn dsn_taken(&mut self, number: usize) {
        if let Some(entry) = self.0.get_mut(number) {
            entry.dsn_taken = true;
        }
    }

    /// Sets aside what another host may do better; whether there is anything.
    pub fn reopen(&mut self) -> bool {
        let movable = |entry: &&mut Entry| !entry.is_ours && entry.judged.as_ref().is_some_and(judgement::may_move);
        let mut any = false;
        for entry in self.0.iter_mut().filter(movable) {
            entry.earlier = entry.judged.take();
            any = true;
        }
        any
    }

    /// Gives those who were set aside their earlier verdict again.
    pub fn restore(&mut self) {
        for entry in self.0.iter_mut().filter(|entry| entry.judged.is_none()) {
            entry.judged = entry.earlier.take();
        }
    }

    /// All verdicts, and who is taken care of by a server with DSN; whoever has no verdict is tried later.
    pub fn finish(self) -> (Vec<Judged>, Vec<bool>) {
        let none = || (Verdict::Temporary, "Not tried. (#4.4.0)".to_owned());
        self.0.into_iter().map(|entry| (entry.judged.or(entry.earlier).unwrap_or_else(none), entry.dsn_taken)).unzip()
    }
}
