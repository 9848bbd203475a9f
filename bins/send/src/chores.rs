//! What may wait for a disk or another process, on a thread of its own: syncing marks and removals,
//! and putting bounces into the queue. The scheduler's loop never waits for either.

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

/// One thing to do.
#[derive(Debug)]
pub enum Chore {
    /// Make marks and removals durable: these files, then these directories.
    Sync {
        /// Journals that were appended to.
        files: Vec<File>,
        /// Directories in which names came or went.
        directories: Vec<OwnedFd>,
        /// There were too many journals to name: the whole file system of this one.
        everything: Option<OwnedFd>,
    },
    /// Put a bounce into the queue.
    Bounce {
        /// The message that failed.
        of: Id,
        /// The bounce's envelope.
        envelope: Envelope,
        /// The bounce.
        message: Vec<u8>,
    },
}

/// What became of a chore that has an outcome.
#[derive(Debug)]
pub enum Done {
    /// A bounce was put into the queue, or not.
    Bounced {
        /// The message that failed.
        of: Id,
        /// What queued said.
        answer: Answer,
    },
    /// Marks are durable, or not.
    Synced(io::Result<()>),
}

/// The thread, from the scheduler's side.
#[derive(Debug)]
pub struct Chores {
    todo: Sender<Chore>,
    done: Receiver<Done>,
    wake: OwnedFd,
}

impl Chores {
    /// Starts the thread. Bounces go to queued's `socket`.
    ///
    /// # Errors
    /// When no thread or pipe can be had.
    pub fn start(socket: PathBuf) -> io::Result<Chores> {
        let (todo, orders) = channel();
        let (results, done) = channel();
        let (wake, ring) = descriptor::pipe()?;
        stafett_sys::socket::set_nonblocking(&wake, true)?;
        std::thread::Builder::new().spawn(move || work(&orders, &results, &ring, &socket))?;
        Ok(Chores { todo, done, wake })
    }

    /// Asks for something to be done.
    pub fn ask(&self, chore: Chore) {
        // The thread lives as long as the program.
        let _ = self.todo.send(chore);
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

fn work(orders: &Receiver<Chore>, results: &Sender<Done>, ring: &OwnedFd, socket: &std::path::Path) {
    for chore in orders {
        let done = match chore {
            Chore::Sync { files, directories, everything } => Done::Synced(sync_all(&files, &directories, everything.as_ref())),
            Chore::Bounce { of, envelope, message } => Done::Bounced { of, answer: inject(socket, &envelope, &message) },
        };
        if results.send(done).is_err() {
            return;
        }
        let _ = descriptor::write_all(ring, b"!");
    }
}

fn inject(socket: &std::path::Path, envelope: &Envelope, message: &[u8]) -> Answer {
    let attempt = Injector::connect(socket, PATIENCE).and_then(|mut injector| {
        injector.envelope(envelope);
        injector.data(message);
        injector.finish()
    });
    attempt.unwrap_or_else(|error| Answer::Temporary(format!("451 4.3.0 unable to reach stafett-queued: {error}")))
}

fn sync_all(files: &[File], directories: &[OwnedFd], everything: Option<&OwnedFd>) -> io::Result<()> {
    if let Some(everything) = everything {
        return descriptor::sync_file_system(everything);
    }
    for file in files {
        file.sync_data()?;
    }
    for directory in directories {
        File::from(directory.try_clone()?).sync_all()?;
    }
    Ok(())
}
