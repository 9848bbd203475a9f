//! qstat: what is in the queue, and why.
//!
//! Reads the queue's directories and files, so it tells what is there while the relay is stopped,
//! too; asks the scheduler, where it runs, why messages wait. Security stance: reads only, with
//! the rights of the admin who calls it; words of peers are made safe before they reach the
//! terminal.
//! How it fails: 100 for a wrong command line, 111 when the queue cannot be read, 1 when it was
//! read and something in it is damaged or a message that was named is not in it, each with a line
//! on standard error. A scheduler that cannot be asked is no failure; it is said.
//! Known limits: a queue at work changes while it is read. Each message is shown as it was at one
//! moment, the whole is no snapshot.

mod counts;
mod destinations;
mod detail;
mod knowledge;
mod listing;
mod options;
mod reason;
mod show;

use options::{Options, Report};
use stafett_control::Control;
use stafett_instance::Instance;
use stafett_log::{Failure, Log};
use stafett_queue_store::Store;
use stafett_survey::{Routes, explain};
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

const LOG: Log = Log::new("qstat");

/// How the queue was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All of it can be used.
    Good,
    /// Something is damaged or missing; it was told on standard error.
    Damaged,
}

/// What the reports work on.
struct Queue<'a> {
    instance: &'a Instance,
    store: &'a Store,
    routes: Routes,
    options: &'a Options,
}

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(options::usage())).and_then(|options| {
        Ok(match run(&options)? {
            Health::Good => ExitCode::SUCCESS,
            Health::Damaged => ExitCode::from(1),
        })
    });
    LOG.end(done)
}

fn run(options: &Options) -> Result<Health, String> {
    let instance = Instance::find(options.directory.as_deref()).map_err(|error| error.to_string())?;
    let path = instance.queue();
    let store = Store::open(&path).map_err(|error| explain(&path, &error))?;
    let queue = Queue { instance: &instance, store: &store, routes: routes(&instance, options), options };
    let mut out = BufWriter::new(io::stdout().lock());
    let shown = match options.report {
        Report::Counts => counts::show(&queue, &mut out),
        Report::List => listing::show(&queue, &mut out),
        Report::Detail => detail::show(&queue, &mut out),
        Report::Destinations => destinations::show(&queue, &mut out),
    };
    match shown.and_then(|health| out.flush().map(|()| health)) {
        // The reader of our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Health::Good),
        other => other.map_err(|error| explain(&path, &error)),
    }
}

/// Broken routes are no reason to show nothing: the scheduler goes on with the last good ones.
fn routes(instance: &Instance, options: &Options) -> Routes {
    let needed =
        options.report != Report::Counts && options.report != Report::List || options.json || options.selection.filter.needs_routes();
    if !needed {
        return Routes::none();
    }
    Routes::read(&Control::new(instance.control())).unwrap_or_else(|error| {
        LOG.warning(format_args!("{error}; showing destinations without routes"));
        Routes::none()
    })
}

/// Names the files that were set aside.
fn report_damaged(queue: &Queue<'_>) -> io::Result<usize> {
    let files = queue.options.selection.damaged(queue.store)?;
    for file in &files {
        LOG.error(format_args!("{}: damaged and set aside; it is not delivered (stafett-queue(5))", file.display()));
    }
    Ok(files.len())
}

fn report_odd(file: impl fmt::Display) {
    LOG.error(format_args!("{file}: its name is no message's; move it out of the queue"));
}
