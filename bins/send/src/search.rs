//! Going through the line of waiting messages for a survey, a piece at a time: there may be millions, and a copy of their
//! names would take more memory than the line.
//!
//! A piece is what lies in some of the 256 directories of queue/cur. What comes into the line meanwhile is new there, and needs
//! no survey; what leaves it is found nowhere, and is left out.

use crate::mark::Mark;
use crate::waiting::{Record, Waiting};
use stafett_queue_store::{Id, Listed};
use std::collections::HashSet;
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

/// About so many messages are a piece, if they are spread over the directories.
const PIECE: usize = 8192;
/// Directories of queue/cur.
const SHARDS: usize = 256;

/// Which messages a survey reads.
#[derive(Debug)]
pub(crate) enum Candidates {
    /// Each.
    All,
    /// Those of which the line does not say enough, or that wait for one of these.
    VagueOr(HashSet<Mark>),
}

/// A survey under way, from the scheduler's side.
#[derive(Debug)]
pub(crate) struct Search {
    candidates: Candidates,
    /// The directories of a piece, and the first one that is to come.
    width: usize,
    next: usize,
    /// `None` when all was sent.
    pieces: Option<SyncSender<Vec<Listed>>>,
}

impl Search {
    /// A search in the line, and where the pieces come out.
    pub(crate) fn new(candidates: Candidates, waiting: &Waiting) -> (Search, Receiver<Vec<Listed>>) {
        let (pieces, receiver) = sync_channel(1);
        // Each piece takes a look at the whole line, so few candidates must not be cut into many.
        let count = waiting.count(|record| candidates.hold(record));
        let width = SHARDS / (count / PIECE + 1).min(SHARDS);
        (Search { candidates, width, next: 0, pieces: Some(pieces) }, receiver)
    }

    /// Sends the next piece; says whether there was one.
    pub(crate) fn go_on(&mut self, waiting: &Waiting) -> bool {
        while self.next < SHARDS {
            let shards = self.next..self.next + self.width;
            self.next = shards.end;
            let piece = waiting.select(|record| shards.contains(&shard(record.id())) && self.candidates.hold(record));
            if !piece.is_empty() {
                // One is asked for when the last was taken out, so there is room. A thread that has found enough takes none.
                return self.pieces.as_ref().is_some_and(|pieces| pieces.try_send(piece).is_ok());
            }
        }
        self.pieces = None;
        false
    }
}

impl Candidates {
    fn hold(&self, record: &Record) -> bool {
        match self {
            Candidates::All => true,
            Candidates::VagueOr(marks) => record.mark().is_vague() || marks.contains(&record.mark().whyever()),
        }
    }
}

fn shard(id: Id) -> usize {
    id.0.to_le_bytes()[0].into()
}

#[cfg(test)]
#[path = "search_test.rs"]
mod search_test;
