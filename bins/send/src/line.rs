//! Numbers that wait in a line, none of them twice.

use std::collections::{HashSet, VecDeque};

/// The line.
#[derive(Debug, Default)]
pub struct Line {
    order: VecDeque<u64>,
    members: HashSet<u64>,
}

impl Line {
    /// Puts a number at the end, unless it is in the line.
    pub fn join(&mut self, number: u64) {
        if self.members.insert(number) {
            self.order.push_back(number);
        }
    }

    /// Takes the first one.
    pub fn next(&mut self) -> Option<u64> {
        let number = self.order.pop_front()?;
        self.members.remove(&number);
        Some(number)
    }

    /// Whether nobody waits.
    pub fn is_empty(&self) -> bool {
        self.order.is_empty()
    }
}
