//! What may wait for a disk or another process, each on a thread of its own: syncing marks and
//! removals, and putting bounces into the queue. The scheduler's loop never waits for either, nor
//! does one for the other.

use stafett_envelope::Envelope;
use stafett_queue_store::Id;
use stafett_sys::descriptor;
use stafett_wire::injector::{Answer, Injector};
use std::fs::File;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::PathBuf;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

/// How long queued may take for a bounce.
const PATIENCE: Duration = Duration::from_secs(60);

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
}

/// The threads, from the scheduler's side.
#[derive(Debug)]
pub struct Chores {
    syncs: Sender<Sync>,
    bounces: Sender<Bounce>,
    done: Receiver<Done>,
    wake: OwnedFd,
}

impl Chores {
    /// Starts the threads. Bounces go to queued's `socket`.
    ///
    /// # Errors
    /// When no thread or pipe can be had.
    pub fn start(socket: PathBuf) -> io::Result<Chores> {
        let (results, done) = channel();
        let (wake, ring) = descriptor::pipe()?;
        stafett_sys::socket::set_nonblocking(&wake, true)?;
        let (its_results, its_ring) = (results.clone(), ring.try_clone()?);
        let syncs = start(its_results, its_ring, |sync: Sync| Done::Synced(sync_all(&sync)))?;
        let bounces = start(results, ring, move |bounce: Bounce| Done::Bounced { of: bounce.of, answer: inject(&socket, &bounce) })?;
        Ok(Chores { syncs, bounces, done, wake })
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

/// A thread that does `work` for each thing that is asked of it, and rings.
fn start<T: Send + 'static>(results: Sender<Done>, ring: OwnedFd, work: impl Fn(T) -> Done + Send + 'static) -> io::Result<Sender<T>> {
    let (orders, todo) = channel::<T>();
    std::thread::Builder::new().spawn(move || {
        for order in todo {
            if results.send(work(order)).is_err() {
                return;
            }
            let _ = descriptor::write_all(&ring, b"!");
        }
    })?;
    Ok(orders)
}

fn inject(socket: &std::path::Path, bounce: &Bounce) -> io::Result<Answer> {
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
