//! qstat: what is in the queue, and why.
//!
//! Reads the queue's directories and files; asks no service, so it tells the same while the relay
//! is stopped. Security stance: reads only, with the rights of the admin who calls it; words of
//! peers are made safe before they reach the terminal.
//! How it fails: 100 for a wrong command line, 111 when the queue cannot be read, 1 when it was
//! read and something in it is damaged, each with a line on standard error.
//! Known limits: a queue at work changes while it is read. Each message is shown as it was at one
//! moment, the whole is no snapshot.

mod counts;
mod listing;
mod options;
mod show;

use options::{Options, Report};
use stafett_instance::Instance;
use stafett_log::Log;
use stafett_queue_store::Store;
use std::fmt;
use std::io::{self, BufWriter, Write};
use std::path::Path;
use std::process::ExitCode;

const LOG: Log = Log::new("qstat");

/// How the queue was found.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Health {
    /// All of it can be used.
    Good,
    /// Something is damaged; it was told on standard error.
    Damaged,
}

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(reason) => {
            LOG.fatal(format_args!("{reason}; {}", options::USAGE));
            return ExitCode::from(100);
        }
    };
    match run(&options) {
        Ok(Health::Good) => ExitCode::SUCCESS,
        Ok(Health::Damaged) => ExitCode::from(1),
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
}

fn run(options: &Options) -> Result<Health, String> {
    let instance = match &options.directory {
        Some(directory) => Instance::at(directory),
        None => Instance::from_environment(),
    };
    let queue = instance.map_err(|error| error.to_string())?.queue();
    let store = Store::open(&queue).map_err(|error| explain(&queue, &error))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let shown = match options.report {
        Report::Counts => counts::show(&store, &mut out),
        Report::List => listing::show(&store, &mut out),
    };
    match shown.and_then(|health| out.flush().map(|()| health)) {
        // The reader of our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(Health::Good),
        other => other.map_err(|error| explain(&queue, &error)),
    }
}

/// Names the files that were set aside.
fn report_damaged(store: &Store) -> io::Result<usize> {
    let files = store.damaged()?;
    for file in &files {
        LOG.error(format_args!("{}: damaged and set aside; it is not delivered (stafett-queue(5))", file.display()));
    }
    Ok(files.len())
}

fn report_odd(file: impl fmt::Display) {
    LOG.error(format_args!("{file}: its name is no message's; move it out of the queue"));
}

fn explain(queue: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("unable to read {}: permission denied; be root or in the group of that directory", queue.display())
        }
        // The store names the directory itself.
        io::ErrorKind::NotFound => error.to_string(),
        _ => format!("unable to read {}: {error}", queue.display()),
    }
}
