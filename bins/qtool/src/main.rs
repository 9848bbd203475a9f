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
use stafett_log::{Failure, Log};
use stafett_queue_store::Store;
use stafett_survey::{Trouble, explain};
use stafett_wire::question::Verb;

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
    let done = Options::read().map_err(Failure::misuse(options::usage())).and_then(|options| {
        Ok(match run(&options)? {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::Partly => ExitCode::from(1),
        })
    });
    LOG.end(done)
}

fn run(options: &Options) -> Result<Outcome, String> {
    let instance = Instance::find(options.directory.as_deref()).map_err(|error| error.to_string())?;
    let path = instance.queue();
    let store = Store::open(&path).map_err(|error| explain(&path, &error))?;
    if let (Action::Flush(_), false) = (&options.action, options.dry) {
        return act::flush(&instance, &store, options);
    }
    let plan = plan::make(&instance, &store, options, &mut |_| Ok(())).map_err(|error| explain(&path, &error))?;
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
            _ => Err(act::NOT_RUNNING.to_owned()),
        },
        done => done.map_err(|trouble| trouble.to_string()),
    }
}
