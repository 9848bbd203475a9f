//! stafett-metrics: numbers about the relay, for Prometheus and whatever reads OpenMetrics.
//!
//! Security stance: reads queue, logs, service/ and control/ and writes nothing; never root; serves
//! on loopback or a Unix socket. No address or name of a client, sender or recipient
//! is told, but the first top-level domains of recipients. A thread beside the main one looks at everything;
//! the main one serves what that has left, so callers cannot make it work.
//! How it fails: what cannot be read is left out of the text; 100 for a wrong command line, 111
//! when it cannot begin. Known limits: counts of log lines begin with this process.

mod ask;
mod collector;
mod http;
mod names;
mod options;
mod places;
mod queue;
mod report;
mod routes;
mod server;
mod supervise;
mod tail;
mod tallies;
mod text;

use collector::{Collector, Desk};
use options::{Options, Place, Work};
use stafett_instance::Instance;
use stafett_log::{Failure, Log};
use stafett_start as start;
use stafett_sys::privilege::Dropped;
use stafett_sys::sandbox::Sandbox;
use stafett_sys::signal::{Signal, Signals};
use stafett_sys::socket::{self, Style};
use std::io::Write;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::process::ExitCode;
use std::sync::Arc;
use text::Dialect;

const LOG: Log = Log::new("stafett-metrics");

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(options::USAGE)).and_then(|options| {
        let instance = Instance::find(options.directory).map_err(Failure::temporary)?;
        match options.work {
            Work::Print { classic } => print(instance, if classic { Dialect::Classic } else { Dialect::OpenMetrics })?,
            Work::Serve(place) => serve(instance, place.as_ref())?,
        }
        Ok(ExitCode::SUCCESS)
    });
    LOG.end(done)
}

/// One look with the rights of the caller.
fn print(instance: Instance, dialect: Dialect) -> Result<(), String> {
    let text = collector(instance)?.once(dialect);
    std::io::stdout().lock().write_all(text.as_bytes()).map_err(|error| format!("unable to write the text: {error}"))
}

fn serve(instance: Instance, place: Option<&Place>) -> Result<(), String> {
    let dropped = start::unprivileged()?;
    let places = match place {
        Some(place) => vec![place.clone()],
        None => places::of(&instance)?,
    };
    let listeners = places.iter().map(listen).collect::<Result<Vec<OwnedFd>, String>>()?;
    // Blocked before the thread begins, which then has them blocked too.
    let signals = Signals::block(&[Signal::Terminate, Signal::Interrupt]).map_err(|error| format!("unable to block signals: {error}"))?;
    lock_in(&instance, dropped)?;
    let mut collector = collector(instance)?;
    let desk = Arc::new(Desk::default());
    desk.put(collector.look());
    let its_desk = Arc::clone(&desk);
    let started = std::thread::Builder::new().name("collector".to_owned()).spawn(move || collector.run(&its_desk));
    started.map_err(|error| format!("unable to start a thread: {error}"))?;
    LOG.line("status: ready");
    server::serve(&listeners, &signals, &desk)?;
    LOG.line("status: exiting");
    Ok(())
}

fn collector(instance: Instance) -> Result<Collector, String> {
    Collector::new(instance).map_err(|error| format!("{error}; run it as a user in the group of queue/"))
}

fn listen(place: &Place) -> Result<OwnedFd, String> {
    match place {
        Place::Tcp(address) => {
            let bound = TcpListener::bind(address).and_then(|listener| listener.set_nonblocking(true).map(|()| listener));
            bound.map(OwnedFd::from).map_err(|error| format!("unable to listen at {address}: {error}"))
        }
        Place::Unix(path) => {
            socket::listen(path, Style::Stream, 16).map_err(|error| format!("unable to listen at {}: {error}", path.display()))
        }
    }
}

fn lock_in(instance: &Instance, dropped: Dropped) -> Result<(), String> {
    let parts = ["queue", "log", "run", "service"].into_iter().map(|name| instance.root().join(name));
    let sandbox = parts.fold(Sandbox::new().read(instance.control()), Sandbox::read);
    start::lock_in(LOG, sandbox, dropped)
}
