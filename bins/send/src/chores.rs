//! What may wait for a disk or another process, each on a thread of its own: syncing marks and
//! removals, putting bounces into the queue, looking through the queue at the start, and for certain
//! messages later. The scheduler's loop never waits for any, nor does one for the other.

use crate::goal::{Goal, meant};
use crate::mark::Mark;
use crate::settings::Settings;
use crate::signing::Signing;
use stafett_envelope::Envelope;
use stafett_queue_store::{Entry, Id, Listed, Place, Store};
use stafett_sys::descriptor;
use stafett_wire::injector::{Answer, Injector};
use std::collections::HashSet;
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SendError, Sender, SyncSender, channel, sync_channel};
use std::time::{Duration, Instant};

/// How long queued may take for a bounce.
const PATIENCE: Duration = Duration::from_secs(60);
/// Outcomes that wait for the loop at most; who has one more waits, too.
const MOST_OUTCOMES: usize = 8;
/// Messages that are found before the loop is told of them.
const FIND: usize = 1000;

/// Makes marks and removals durable: the files, then the directories.
#[derive(Debug)]
pub struct Sync {
    /// Journals that were appended to.
    pub files: Vec<File>,
    /// Directories in which names came or went.
    pub directories: Vec<OwnedFd>,
    /// There were too many journals to name: the whole file system of this one.
    pub everything: Option<OwnedFd>,
}

/// Puts a bounce into the queue.
#[derive(Debug)]
pub struct Bounce {
    /// The message that failed.
    pub of: Id,
    /// The bounce's envelope.
    pub envelope: Envelope,
    /// The bounce.
    pub message: Vec<u8>,
    /// What stafett-dkim is asked about it.
    pub signing: Signing,
}

/// Looks for messages among those that wait.
#[derive(Debug)]
pub struct Survey {
    /// The queue, for this thread alone.
    pub store: Store,
    /// What leads recipients to destinations.
    pub settings: Settings,
    /// What is looked for.
    pub goals: Vec<Goal>,
    /// Where, in pieces; the next one comes when the last was looked through.
    pub pieces: Receiver<Vec<Listed>>,
}

/// What became of a chore that has an outcome.
#[derive(Debug)]
pub enum Done {
    /// A bounce was put into the queue, or not.
    Bounced {
        /// The message that failed.
        of: Id,
        /// What queued said; an error when it said nothing, and the bounce may be queued or not.
        answer: io::Result<Answer>,
    },
    /// Marks are durable, or not.
    Synced(io::Result<()>),
    /// Messages that wait in queue/cur.
    Found(Vec<Listed>),
    /// A file there that is no message, or not where its message belongs.
    Odd(PathBuf),
    /// Everything there was found, or not.
    Read(io::Result<()>),
    /// A survey has looked through a piece.
    Wanted,
    /// Messages that a survey was for, each with a destination that it waits for.
    Meant(Vec<(Id, Mark)>),
    /// A survey is over; how long it took.
    Surveyed(Duration),
}

/// The threads, from the scheduler's side.
#[derive(Debug)]
pub struct Chores {
    syncs: Sender<Sync>,
    bounces: Sender<Bounce>,
    results: Results,
    done: Receiver<Done>,
    wake: OwnedFd,
}

/// Where a thread puts what it has done, and the bell that it rings then.
#[derive(Debug)]
struct Results {
    done: SyncSender<Done>,
    bell: OwnedFd,
}

impl Chores {
    /// Starts the threads. Bounces go to queued's `socket`, once that of dkim has been asked about them.
    ///
    /// # Errors
    /// When no thread or pipe can be had.
    pub fn start(socket: PathBuf, dkim: PathBuf) -> io::Result<Chores> {
        let (results, done) = sync_channel(MOST_OUTCOMES);
        let (wake, bell) = descriptor::pipe()?;
        stafett_sys::socket::set_nonblocking(&wake, true)?;
        let results = Results { done: results, bell };
        let syncs = start(results.clone()?, |sync: Sync| Done::Synced(sync_all(&sync)))?;
        let inject = move |bounce: Bounce| Done::Bounced { of: bounce.of, answer: inject(&socket, &dkim, bounce) };
        let bounces = start(results.clone()?, inject)?;
        Ok(Chores { syncs, bounces, results, done, wake })
    }

    /// Looks through queue/cur, once.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn read(&self, store: Store) -> io::Result<()> {
        let results = self.results.clone()?;
        std::thread::Builder::new().spawn(move || {
            let read = results.find(&store);
            // Nobody listens any more: the program ends.
            let _ = results.put(Done::Read(read));
        })?;
        Ok(())
    }

    /// Looks for messages.
    ///
    /// # Errors
    /// When no thread can be had.
    pub fn survey(&self, survey: Survey) -> io::Result<()> {
        let results = self.results.clone()?;
        std::thread::Builder::new().spawn(move || {
            let begun = Instant::now();
            results.look_for(&survey);
            let _ = results.put(Done::Surveyed(begun.elapsed()));
        })?;
        Ok(())
    }

    /// Asks for marks to be made durable.
    pub fn sync(&self, sync: Sync) {
        // The threads live as long as the program.
        let _ = self.syncs.send(sync);
    }

    /// Asks for a bounce to be queued.
    pub fn bounce(&self, bounce: Bounce) {
        let _ = self.bounces.send(bounce);
    }

    /// One outcome, if there is any.
    pub fn outcome(&self) -> Option<Done> {
        let mut bell = [0; 64];
        let _ = descriptor::read(&self.wake, &mut bell);
        self.done.try_recv().ok()
    }
}

impl AsFd for Chores {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.wake.as_fd()
    }
}

impl Results {
    fn clone(&self) -> io::Result<Results> {
        Ok(Results { done: self.done.clone(), bell: self.bell.try_clone()? })
    }

    fn put(&self, done: Done) -> Result<(), SendError<Done>> {
        self.done.send(done)?;
        let _ = descriptor::write_all(&self.bell, b"!");
        Ok(())
    }

    /// Tells of everything in queue/cur, some at a time.
    fn find(&self, store: &Store) -> io::Result<()> {
        let mut found = Vec::with_capacity(FIND);
        let mut take = |listed| {
            found.push(listed);
            if found.len() == FIND {
                let _ = self.put(Done::Found(std::mem::replace(&mut found, Vec::with_capacity(FIND))));
            }
        };
        store.list(Place::Waiting, &mut take, &mut |odd| drop(self.put(Done::Odd(odd.to_path_buf()))))?;
        let _ = self.put(Done::Found(found));
        Ok(())
    }
}

impl Results {
    /// Tells of what is meant, some at a time. What cannot be read is left to its own time.
    fn look_for(&self, survey: &Survey) {
        let (mut found, mut firsts) = (Vec::new(), HashSet::new());
        let enough = if survey.goals.iter().all(Goal::is_for_one) { survey.goals.len() } else { usize::MAX };
        for piece in &survey.pieces {
            for listed in piece {
                if firsts.len() >= enough {
                    break;
                }
                let file = survey.store.open_message(listed.id, listed.size, listed.place);
                let Ok(Ok(Ok(entry))) = file.map(|file| Entry::glance(&file, listed.id, listed.size)) else { continue };
                for (mark, is_once) in meant(&entry, &survey.goals, &survey.settings) {
                    if firsts.insert(mark) || !is_once {
                        found.push((listed.id, mark));
                    }
                }
                if found.len() >= FIND && self.put(Done::Meant(std::mem::take(&mut found))).is_err() {
                    return;
                }
            }
            if firsts.len() >= enough || self.put(Done::Wanted).is_err() {
                break;
            }
        }
        let _ = self.put(Done::Meant(found));
    }
}

/// A thread that does `work` for each thing that is asked of it, and rings.
fn start<T: Send + 'static>(results: Results, work: impl Fn(T) -> Done + Send + 'static) -> io::Result<Sender<T>> {
    let (orders, todo) = channel::<T>();
    std::thread::Builder::new().spawn(move || {
        for order in todo {
            if results.put(work(order)).is_err() {
                return;
            }
        }
    })?;
    Ok(orders)
}

fn inject(socket: &Path, dkim: &Path, mut bounce: Bounce) -> io::Result<Answer> {
    if let Err(reason) = bounce.signing.apply(dkim, &mut bounce.envelope, &bounce.message) {
        return Ok(Answer::Temporary(format!("451 4.3.0 {reason}")));
    }
    let mut injector = match Injector::connect(socket, PATIENCE) {
        Ok(injector) => injector,
        Err(error) => return Ok(Answer::Temporary(format!("451 4.3.0 unable to reach stafett-queued: {error}"))),
    };
    injector.envelope(&bounce.envelope);
    injector.data(&bounce.message);
    injector.finish()
}

fn sync_all(sync: &Sync) -> io::Result<()> {
    if let Some(everything) = &sync.everything {
        return descriptor::sync_file_system(everything);
    }
    for file in &sync.files {
        file.sync_data()?;
    }
    for directory in &sync.directories {
        File::from(directory.try_clone()?).sync_all()?;
    }
    Ok(())
}
