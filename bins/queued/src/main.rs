//! stafett-queued: takes messages over run/queue/socket, makes them durable, tells the scheduler.
//!
//! Security stance: never root; reaches queue/ and control/ alone. Every caller is hostile:
//! what it sends is bounded and checked, its user is what the kernel says. Only smtpd (by the owner
//! of run/smtpd) may say where a message came from.
//! How it fails: a message that cannot be made durable is answered Z or D and leaves nothing
//! behind; `K` is said only after the sync.
//! Known limits: a thread per caller, [`pool::MOST`] at once.

mod conversation;
mod ground;
mod hold;
mod ids;
mod notify;
mod pool;
mod pressure;
mod settings;
mod signing;
mod statistics;

use settings::Settings;
use stafett_control::{Control, Watch};
use stafett_instance::Service;
use stafett_log::Log;
use stafett_queue_store::Store;
use stafett_start as start;
use stafett_sys::limit;
use stafett_sys::poll::{self, Interest};
use stafett_sys::sandbox::Sandbox;
use stafett_sys::signal::{Signal, Signals};
use stafett_sys::socket::{self, Style};
use std::os::fd::AsFd as _;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

const LOG: Log = Log::new("stafett-queued");
/// How often the main thread looks after what can be retried.
const TICK: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let done = start::no_arguments("stafett-queued").and_then(|()| Ok(run()?));
    LOG.end(done.map(|()| ExitCode::SUCCESS))
}

fn run() -> Result<(), String> {
    let dropped = start::unprivileged()?;
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let store = Store::open(&instance.queue()).map_err(|error| error.to_string())?;
    let settings = Settings::read(&control, &store).map_err(|error| error.to_string())?;
    let _writer = store
        .become_writer()
        .map_err(|error| format!("unable to lock {}/tmp: {error}; another stafett-queued runs on this queue", store.root().display()))?;
    raise_open_files();
    let swept = store.sweep().map_err(|error| format!("unable to sweep {}/tmp: {error}", store.root().display()))?;
    if swept > 0 {
        LOG.note(format_args!("swept {swept} unfinished messages, which nobody was told are accepted"));
    }
    ground::warn(&store);
    let trusted = start::caller(&instance, Service::Smtpd)?;
    let path = instance.socket(Service::Queue);
    let listener =
        socket::listen(&path, Style::Stream, 1024).map_err(|error| format!("unable to listen at {}: {error}", path.display()))?;
    let signals = Signals::block(&[Signal::Terminate, Signal::Interrupt, Signal::Hangup])
        .map_err(|error| format!("unable to block signals: {error}"))?;

    let sandbox = Sandbox::new().read(instance.control()).write(instance.queue());
    start::lock_in(LOG, sandbox, dropped)?;

    let state = ids::State::load(&store)?;
    let pool = pool::Pool::start(Arc::new(pool::Shared::new(store, state, settings, trusted, &instance)), listener)?;
    LOG.line("status: ready");
    attend(&pool, &signals, &watch, &control)?;
    pool.finish();
    LOG.line("status: exiting");
    Ok(())
}

/// Every caller takes a descriptor, and its message another.
fn raise_open_files() {
    const ENOUGH: u64 = 2 * pool::MOST as u64 + 64;
    match limit::raise_open_files(ENOUGH) {
        Ok(have) if have < ENOUGH => LOG.note(format_args!(
            "only {have} files may be open at once, {ENOUGH} are needed for {} callers; raise the limit in the run script (ulimit -n)",
            pool::MOST
        )),
        Ok(_) => {}
        Err(error) => LOG.warning(format_args!("unable to raise the number of open files: {error}")),
    }
}

/// The main thread: signals, changed control files, the scheduler that was away.
fn attend(pool: &pool::Pool, signals: &Signals, watch: &Watch, control: &Control) -> Result<(), String> {
    loop {
        let wanted = [(signals.as_fd(), Interest::Read), (watch.as_fd(), Interest::Read)];
        poll::wait(&wanted, Some(TICK)).map_err(|error| format!("unable to wait for events: {error}"))?;
        let mut reload = watch.changed();
        while let Some(signal) = signals.next() {
            match signal {
                Signal::Hangup => reload = true,
                _ => return Ok(()),
            }
        }
        if reload && let Some(settings) = start::renewed(LOG, Settings::read(control, &pool.shared().store)) {
            pool.shared().replace_settings(settings);
        }
        pool.shared().tick();
    }
}
