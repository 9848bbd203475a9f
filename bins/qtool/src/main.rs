//! qtool: holds, releases, retries, deletes, bounces, routes and prints queued messages.
//!
//! What changes the queue is asked of the scheduler, which does it between its own work and writes
//! it into its log with the caller's user. Where no scheduler runs, hold, release, retry and delete
//! are done here, under the scheduler's lock and as the queue's user, and noted for its log.
//! Security stance: no more power than the caller has; as root it gives that up before it touches a
//! file of the queue. Words of peers are made safe before they reach a terminal.
//! How it fails: 100 for a wrong command line, 111 when the queue or the scheduler cannot be
//! reached, 1 when something was not done, each with a line on standard error.
//! Known limits: a message is taken as a whole, with all its recipients.

mod act;
mod direct;
mod options;
mod plan;
mod print;

use options::{Action, Options};
use stafett_instance::Instance;
use stafett_log::Log;
use stafett_queue_store::Store;
use stafett_survey::Trouble;
use stafett_wire::question::Verb;
use std::io;
use std::path::Path;
use std::process::ExitCode;

const LOG: Log = Log::new("qtool");

/// How it went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// All that was asked for.
    Done,
    /// Not all of it; it was told on standard error.
    Partly,
}

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(reason) => {
            LOG.fatal(format_args!("{reason}; {}", options::usage()));
            return ExitCode::from(100);
        }
    };
    match run(&options) {
        Ok(Outcome::Done) => ExitCode::SUCCESS,
        Ok(Outcome::Partly) => ExitCode::from(1),
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
}

fn run(options: &Options) -> Result<Outcome, String> {
    let instance = match &options.directory {
        Some(directory) => Instance::at(directory),
        None => Instance::from_environment(),
    };
    let instance = instance.map_err(|error| error.to_string())?;
    let path = instance.queue();
    let store = Store::open(&path).map_err(|error| explain(&path, &error))?;
    let plan = plan::make(&instance, &store, options).map_err(|error| explain(&path, &error))?;
    if options.action == Action::Print {
        return print::all(&store, &plan, options.envelope).map_err(|error| explain(&path, &error));
    }
    if options.dry {
        return plan.show(&options.action);
    }
    if plan.must_be_confirmed(options) {
        plan.show(&options.action)?;
        LOG.error(format_args!("nothing was done: these are {} messages; say -y to do it", plan.targets.len()));
        return Ok(Outcome::Partly);
    }
    match act::all(&instance, &plan, &options.action) {
        Err(Trouble::NotRunning) => match options.action {
            Action::Ask(verb @ (Verb::Hold | Verb::Release | Verb::Retry | Verb::Delete)) => direct::all(&store, &plan, verb),
            _ => Err("stafett-send is not running, and only that can do this; start it".to_owned()),
        },
        done => done.map_err(|trouble| trouble.to_string()),
    }
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
