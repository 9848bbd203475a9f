//! Threads that look up what is in line, a few at once; each ends when there is nothing more to do.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use stafett_log::Log;

use crate::fetch::look_up;
use crate::settings::Settings;
use crate::state::State;

/// Look-ups at once.
const MOST_THREADS: usize = 64;
/// A thread's stack, in bytes.
const STACK: usize = 512 * 1024;

/// What the threads share.
#[derive(Clone, Debug)]
pub struct Shared {
    /// All state.
    pub state: Arc<Mutex<State>>,
    /// The control files' last good copy.
    pub settings: Arc<Mutex<Arc<Settings>>>,
    /// The program's voice.
    pub log: Log,
}

impl Shared {
    /// The state, for a moment. No thread leaves it half changed: what happens under the lock does not panic.
    pub fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The settings of now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Replaces the settings.
    pub fn set(&self, settings: Settings) {
        *self.settings.lock().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Sees to it that what is in line is looked up.
    pub fn work(&self) {
        let missing = {
            let mut state = self.lock();
            let missing = state.in_line().min(MOST_THREADS.saturating_sub(state.threads));
            state.threads += missing;
            missing
        };
        for _ in 0..missing {
            let shared = self.clone();
            let thread = std::thread::Builder::new().name("fetcher".to_owned()).stack_size(STACK);
            if let Err(error) = thread.spawn(move || shared.run()) {
                self.log.error(format_args!("unable to start a thread: {error}"));
                self.lock().threads -= 1;
            }
        }
    }

    fn run(&self) {
        while let Some((domain, known)) = self.next() {
            let found = look_up(&self.settings(), &domain, known.as_deref());
            self.lock().found(&domain, found);
        }
    }

    /// The next in line; nothing when there is none, and the thread is not counted any more then.
    fn next(&self) -> Option<(String, Option<String>)> {
        let mut state = self.lock();
        let next = state.next();
        if next.is_none() {
            state.threads -= 1;
        }
        next
    }
}
