//! The threads that serve callers.
//!
//! Each accepts a caller, serves it to its end and accepts the next. There is always one more than
//! are busy, up to [`MOST`]: a caller that is slow keeps a thread, not the queue.

use crate::LOG;
use crate::conversation::serve;
use crate::ids::State;
use crate::notify::Notifier;
use crate::pressure::Pressure;
use crate::settings::Settings;
use crate::statistics::Statistics;
use stafett_instance::{Instance, Service};
use stafett_queue_store::{Committed, Store};
use stafett_sys::socket::{self, Peer};
use stafett_sys::user::Uid;
use stafett_wire::injector::Answer;
use stafett_wire::netstring;
use std::collections::HashMap;
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::{Duration, Instant};

/// Callers at once, all users together.
pub const MOST: usize = 2000;
/// Callers at once of one user that is no service of this instance.
const MOST_OF_ONE_USER: usize = 50;
/// How long messages under way may take when the service is told to end.
const LINGER: Duration = Duration::from_secs(10);
/// A caller that is delayed looks that often whether the service ends.
const SLICE: Duration = Duration::from_millis(50);
/// A thread's stack in bytes; nothing here recurses.
const STACK: usize = 256 * 1024;

/// What all threads share.
#[derive(Debug)]
pub struct Shared {
    /// The queue.
    pub store: Store,
    /// The source of ids.
    pub ids: State,
    /// What was done so far.
    pub statistics: Statistics,
    /// Where stafett-dkim is asked.
    pub dkim: PathBuf,
    pressure: Pressure,
    trusted: Uid,
    settings: RwLock<Arc<Settings>>,
    notifier: Mutex<Notifier>,
    callers: Mutex<HashMap<Uid, usize>>,
    threads: AtomicUsize,
    busy: AtomicUsize,
    under_way: AtomicUsize,
    ending: AtomicBool,
}

impl Shared {
    /// Brings together what the threads need; `trusted` is the user of smtpd.
    pub fn new(store: Store, ids: State, settings: Settings, trusted: Uid, instance: &Instance) -> Shared {
        Shared {
            store,
            ids,
            statistics: Statistics::default(),
            dkim: instance.socket(Service::Dkim),
            pressure: Pressure::new(),
            trusted,
            settings: RwLock::new(Arc::new(settings)),
            notifier: Mutex::new(Notifier::new(instance.socket(Service::Send))),
            callers: Mutex::new(HashMap::new()),
            threads: AtomicUsize::new(0),
            busy: AtomicUsize::new(0),
            under_way: AtomicUsize::new(0),
            ending: AtomicBool::new(false),
        }
    }

    /// The settings in force now.
    pub fn settings(&self) -> Arc<Settings> {
        Arc::clone(&self.settings.read().unwrap_or_else(PoisonError::into_inner))
    }

    /// Puts new settings in force for the next message.
    pub fn replace_settings(&self, settings: Settings) {
        *self.settings.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(settings);
    }

    /// Tells the scheduler of a message.
    pub fn tell(&self, message: &Committed) {
        lock(&self.notifier).tell(message);
    }

    /// Once a second: what could not be told, the memory of ids, and whether too much comes.
    pub fn tick(&self) {
        lock(&self.notifier).tick();
        self.ids.reserve();
        self.pressure.look(&self.store, &self.settings());
    }

    /// Waits as long as one answer is to be delayed now; not when the service ends.
    pub fn slow_down(&self) {
        let mut left = self.pressure.delay();
        while !left.is_zero() && !self.ending.load(Ordering::Relaxed) {
            let slice = left.min(SLICE);
            std::thread::sleep(slice);
            left -= slice;
        }
    }

    /// Whether that user may say where a message came from.
    pub fn is_trusted(&self, user: Uid) -> bool {
        user == self.trusted || user == Uid::effective()
    }

    /// Counts a message in that is under way, until the guard is dropped.
    pub fn under_way(&self) -> UnderWay<'_> {
        self.under_way.fetch_add(1, Ordering::SeqCst);
        UnderWay(&self.under_way)
    }

    fn enter(&self, user: Uid) -> bool {
        let mut callers = lock(&self.callers);
        let count = callers.entry(user).or_default();
        if *count >= MOST_OF_ONE_USER && !self.is_trusted(user) {
            return false;
        }
        *count += 1;
        true
    }

    fn leave(&self, user: Uid) {
        let mut callers = lock(&self.callers);
        if let Some(count) = callers.get_mut(&user) {
            *count -= 1;
            if *count == 0 {
                callers.remove(&user);
            }
        }
    }
}

/// A message that is under way: the service does not end before it is answered.
#[derive(Debug)]
pub struct UnderWay<'a>(&'a AtomicUsize);

impl Drop for UnderWay<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

/// The running threads.
#[derive(Debug)]
pub struct Pool {
    shared: Arc<Shared>,
    listener: Arc<OwnedFd>,
}

impl Pool {
    /// Starts to serve callers of `listener`.
    ///
    /// # Errors
    /// When no thread can be started.
    pub fn start(shared: Arc<Shared>, listener: OwnedFd) -> Result<Pool, String> {
        socket::set_nonblocking(&listener, false).map_err(|error| format!("unable to set up the listening socket: {error}"))?;
        let pool = Pool { shared, listener: Arc::new(listener) };
        spawn(&pool.shared, &pool.listener).map_err(|error| format!("unable to start a thread: {error}"))?;
        Ok(pool)
    }

    /// What the threads share.
    pub fn shared(&self) -> &Shared {
        &self.shared
    }

    /// Takes no new callers and waits a while for the messages under way. A caller that keeps its
    /// connection without a message is cut off; it loses nothing.
    pub fn finish(&self) {
        self.shared.ending.store(true, Ordering::SeqCst);
        let _ = socket::stop_listening(&*self.listener);
        let deadline = Instant::now() + LINGER;
        while self.shared.under_way.load(Ordering::SeqCst) > 0 && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
        self.shared.ids.settle();
    }
}

fn spawn(shared: &Arc<Shared>, listener: &Arc<OwnedFd>) -> std::io::Result<()> {
    let (its_shared, its_listener) = (Arc::clone(shared), Arc::clone(listener));
    shared.threads.fetch_add(1, Ordering::SeqCst);
    let started = std::thread::Builder::new().stack_size(STACK).spawn(move || attend(&its_shared, &its_listener));
    if started.is_err() {
        shared.threads.fetch_sub(1, Ordering::SeqCst);
    }
    started.map(drop)
}

fn attend(shared: &Arc<Shared>, listener: &Arc<OwnedFd>) {
    while !shared.ending.load(Ordering::SeqCst) {
        match socket::accept(&**listener) {
            Ok(Some(caller)) => admit(shared, listener, caller),
            Ok(None) => {}
            Err(_) if shared.ending.load(Ordering::SeqCst) => return,
            Err(error) => {
                LOG.error(format_args!("unable to accept a caller: {error}"));
                std::thread::sleep(Duration::from_millis(100));
            }
        }
    }
}

fn admit(shared: &Arc<Shared>, listener: &Arc<OwnedFd>, caller: OwnedFd) {
    let busy = shared.busy.fetch_add(1, Ordering::SeqCst) + 1;
    let threads = shared.threads.load(Ordering::SeqCst);
    if busy >= threads
        && threads < MOST
        && let Err(error) = spawn(shared, listener)
    {
        LOG.error(format_args!("unable to start a thread: {error}"));
    }
    match socket::peer(&caller) {
        Ok(peer) if shared.enter(peer.uid) => {
            serve(shared, peer, UnixStream::from(caller));
            shared.leave(peer.uid);
        }
        Ok(Peer { uid, .. }) => {
            LOG.warning(format_args!("user {uid} has {MOST_OF_ONE_USER} connections; refused one more"));
            refuse(shared, &caller);
        }
        Err(error) => LOG.error(format_args!("unable to tell who calls: {error}")),
    }
    shared.busy.fetch_sub(1, Ordering::SeqCst);
}

/// Tells a caller that it comes at a bad time, without waiting for it to listen.
fn refuse(shared: &Shared, caller: &OwnedFd) {
    let answer = Answer::Temporary("451 4.3.2 queue: too many connections of one user".to_owned());
    shared.statistics.refuse(&answer);
    let mut out = Vec::new();
    netstring::push(&mut out, &answer.encode());
    let _ = socket::send_packet(caller, &out, None);
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
