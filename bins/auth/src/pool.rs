//! Threads that do one thing after the other from a bounded queue.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::sync::{Arc, Mutex, PoisonError};

/// Some threads.
pub struct Pool<T> {
    queue: SyncSender<T>,
}

impl<T: Send + 'static> Pool<T> {
    /// Starts so many threads, each with something of its own, for a queue of so many things.
    ///
    /// # Errors
    /// When the system starts none.
    pub fn start<W>(name: &str, threads: usize, room: usize, work: impl Fn(T, &mut W) + Clone + Send + 'static) -> Result<Pool<T>, String>
    where
        W: Default,
    {
        let (queue, jobs) = sync_channel(room);
        let jobs = Arc::new(Mutex::new(jobs));
        for _ in 0..threads {
            let (jobs, work) = (Arc::clone(&jobs), work.clone());
            let run = move || {
                let mut own = W::default();
                while let Some(job) = next(&jobs) {
                    work(job, &mut own);
                }
            };
            let started = std::thread::Builder::new().name(name.to_owned()).spawn(run);
            started.map_err(|error| format!("unable to start a thread: {error}"))?;
        }
        Ok(Pool { queue })
    }

    /// Puts something at the end of the queue.
    ///
    /// # Errors
    /// The thing, when there is no room.
    pub fn give(&self, job: T) -> Result<(), T> {
        self.queue.try_send(job).map_err(|error| match error {
            TrySendError::Full(job) | TrySendError::Disconnected(job) => job,
        })
    }
}

fn next<T>(jobs: &Mutex<Receiver<T>>) -> Option<T> {
    jobs.lock().unwrap_or_else(PoisonError::into_inner).recv().ok()
}
