//! Reading the files of many messages, on two processors, in order.

use stafett_queue_store::journal::Line;
use stafett_queue_store::{Damage, Entry, Listed, Store};
use std::io;

/// How often a message is looked for again that moves while it is read.
const PATIENCE: usize = 5;
/// Threads that read. More would take from the relay what it needs for itself.
const THREADS: usize = 2;
/// Messages that a thread reads before what it found is given out: a bound of memory.
const PIECE: usize = 2048;
/// Up to so many, the start of a thread costs more than it saves.
const FEW: usize = 200;

/// A message and what its file says.
#[derive(Debug)]
pub struct Message {
    /// Where it lies.
    pub listed: Listed,
    /// Envelope and standings.
    pub entry: Entry,
    /// Every line of the journal, where that was asked for.
    pub lines: Vec<Line>,
}

/// What became of looking at a message.
#[derive(Debug)]
pub enum Seen {
    /// Here it is.
    Message(Box<Message>),
    /// It was delivered or removed in the meantime.
    Gone,
    /// In words, why it cannot be shown.
    Unusable(Listed, String),
}

/// What is read of each message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found {
    /// Its envelope and where each recipient stands.
    Standings,
    /// That and all lines of the journal.
    Lines,
}

/// Reads each message, lets `work` make something of it, and gives that to `take`, in order.
/// Ends early with the first error of `take`.
///
/// # Errors
/// The first of `take`.
pub fn each<T: Send>(
    store: &Store,
    listed: &[Listed],
    wanted: Found,
    work: impl Fn(Seen) -> T + Sync,
    mut take: impl FnMut(T) -> io::Result<()>,
) -> io::Result<()> {
    if listed.len() <= FEW {
        return listed.iter().try_for_each(|one| take(work(look(store, *one, wanted))));
    }
    for round in listed.chunks(THREADS * PIECE) {
        let read = |piece: &[Listed]| -> Vec<T> { piece.iter().map(|one| work(look(store, *one, wanted))).collect() };
        let results: Vec<Vec<T>> = std::thread::scope(|scope| {
            let threads: Vec<_> = round.chunks(round.len().div_ceil(THREADS)).map(|piece| scope.spawn(move || read(piece))).collect();
            threads.into_iter().filter_map(|thread| thread.join().ok()).collect()
        });
        results.into_iter().flatten().try_for_each(&mut take)?;
    }
    Ok(())
}

/// Reads one message, wherever it has moved to in the meantime.
fn look(store: &Store, mut listed: Listed, wanted: Found) -> Seen {
    for _ in 0..PATIENCE {
        match read(store, &mut listed, wanted) {
            Ok(Ok((entry, lines))) => return Seen::Message(Box::new(Message { listed, entry, lines })),
            Ok(Err(damage)) => return Seen::Unusable(listed, format!("damaged: {damage}")),
            Err(error) if error.kind() == io::ErrorKind::NotFound => match store.find(listed.id, listed.size) {
                Ok(Some(moved)) => listed = moved,
                Ok(None) => return Seen::Gone,
                Err(error) => return Seen::Unusable(listed, format!("unable to find it again: {error}")),
            },
            // Its journal was mended while we read.
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => {}
            Err(error) => return Seen::Unusable(listed, format!("unable to read it: {error}")),
        }
    }
    Seen::Unusable(listed, "it changes faster than it can be read; try again".to_owned())
}

fn read(store: &Store, listed: &mut Listed, wanted: Found) -> io::Result<Result<(Entry, Vec<Line>), Damage>> {
    let file = store.open_message(listed.id, listed.size, listed.place)?;
    listed.due = Listed::due_of(&file, listed.place)?;
    match wanted {
        Found::Standings => Entry::glance(&file, listed.id, listed.size).map(|found| found.map(|entry| (entry, Vec::new()))),
        Found::Lines => Entry::glance_with_lines(&file, listed.id, listed.size),
    }
}
