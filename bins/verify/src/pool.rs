//! Threads that answer questions: a bounded number, born when they are needed, gone when they are not.
//!
//! A question may wait for the DNS for seconds, so that there are many threads; they hold next to nothing while they wait.
//! What the messages hold that are judged at once is bounded in bytes ([`Budget::borrow`]).
//!
//! How it fails: a question too many comes back to its caller.

use std::collections::VecDeque;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

/// Threads at most.
pub const MOST_THREADS: usize = 256;
/// Questions that wait for a thread, at most.
pub const MOST_WAITING: usize = 512;
/// How long a thread without work stays.
const IDLE: Duration = Duration::from_secs(30);
/// The stack of a thread, in bytes; only what is used of it is ever touched.
const STACK: usize = 512 * 1024;

/// The threads, and what they share.
pub struct Pool<J> {
    shared: Arc<Shared<J>>,
}

struct Shared<J> {
    state: Mutex<State<J>>,
    work: Condvar,
    run: Box<dyn Fn(J) + Send + Sync>,
}

struct State<J> {
    waiting: VecDeque<J>,
    threads: usize,
    idle: usize,
}

impl<J: Send + 'static> Pool<J> {
    /// Threads that do this.
    pub fn new(run: impl Fn(J) + Send + Sync + 'static) -> Pool<J> {
        let state = State { waiting: VecDeque::new(), threads: 0, idle: 0 };
        let shared = Shared { state: Mutex::new(state), work: Condvar::new(), run: Box::new(run) };
        Pool { shared: Arc::new(shared) }
    }

    /// Lets a thread do it.
    ///
    /// # Errors
    /// The work itself, when too much waits already or there is no thread to be had.
    pub fn give(&self, job: J) -> Result<(), J> {
        let mut state = self.shared.lock();
        if state.waiting.len() >= MOST_WAITING {
            return Err(job);
        }
        state.waiting.push_back(job);
        if state.idle < state.waiting.len() && state.threads < MOST_THREADS {
            let shared = Arc::clone(&self.shared);
            let born = std::thread::Builder::new().stack_size(STACK).spawn(move || shared.live());
            match born {
                Ok(_) => state.threads += 1,
                Err(_) if state.threads == 0 => return state.waiting.pop_back().map_or(Ok(()), Err),
                // the others will come to it
                Err(_) => {}
            }
        }
        drop(state);
        self.shared.work.notify_one();
        Ok(())
    }
}

impl<J> Shared<J> {
    fn lock(&self) -> MutexGuard<'_, State<J>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn live(&self) {
        let mut state = self.lock();
        loop {
            while let Some(job) = state.waiting.pop_front() {
                drop(state);
                (self.run)(job);
                state = self.lock();
            }
            state.idle += 1;
            let (woken, waited) = self.work.wait_timeout(state, IDLE).unwrap_or_else(PoisonError::into_inner);
            state = woken;
            state.idle -= 1;
            if waited.timed_out() && state.waiting.is_empty() {
                state.threads -= 1;
                return;
            }
        }
    }
}

/// Memory that all threads share.
#[derive(Debug, Default)]
pub struct Budget {
    lent: Mutex<usize>,
    returned: Condvar,
}

/// The most that is lent at once, in bytes, and so the largest loan.
pub const MOST_LENT: usize = 64 * 1024 * 1024;

/// Bytes that may be used until it is dropped.
#[derive(Debug)]
pub struct Loan<'a> {
    budget: &'a Budget,
    bytes: usize,
}

impl Budget {
    /// Waits until so many bytes may be used; nothing when that takes too long.
    pub fn borrow(&self, bytes: usize, deadline: Instant) -> Option<Loan<'_>> {
        let mut lent = self.lent.lock().unwrap_or_else(PoisonError::into_inner);
        while *lent + bytes > MOST_LENT {
            let left = deadline.checked_duration_since(Instant::now())?;
            lent = self.returned.wait_timeout(lent, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        *lent += bytes;
        Some(Loan { budget: self, bytes })
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        *self.budget.lent.lock().unwrap_or_else(PoisonError::into_inner) -= self.bytes;
        self.budget.returned.notify_all();
    }
}

#[cfg(test)]
#[path = "pool_test.rs"]
mod tests;
