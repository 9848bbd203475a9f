//! stafett-import: takes over what a qmail has, its settings and its queue.
//!
//! What: `stafett-import QMAIL DIR` shows what would be taken and what not, and why; `--take` takes over control files, users,
//! aliases, rules and what the run scripts say, `--drain` the queue. stafett-import(8) is the guide.
//! Security stance: run by the admin on the admin's files, as root or as the one user of the instance. Run scripts are read,
//! never executed. Whatever it cannot read for sure it leaves, and says so: no relay is opened by a guess.
//! How it fails: 100 for usage and for directories that are none, 111 for what cannot be read or written, 1 when something is
//! left to look at. Running it again takes nothing twice.
//! Known limits: it knows the control files of qmail, notqmail and the popular patches by name; others it lists.

mod arguments;
mod certificates;
mod control;
mod convert;
mod drain;
mod ground;
mod lists;
mod names;
mod options;
mod people;
mod qmail;
mod record;
mod relays;
mod report;
mod rules;
mod script;
mod services;
mod setup;
mod shell;

use convert::Here;
use ground::Ground;
use options::{Options, USAGE};
use qmail::queue::Queue;
use report::Report;
use rustix::fs::Mode;
use stafett_log::Log;
use stafett_queue_store::Store;
use stafett_route::Locals;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-import");

/// Files that a sentence names at most.
const SHOWN: usize = 5;

fn main() -> ExitCode {
    let options = match Options::read(lexopt::Parser::from_env()) {
        Ok(Some(options)) => options,
        Ok(None) => {
            println!("{USAGE}");
            return ExitCode::SUCCESS;
        }
        Err(reason) => {
            LOG.fatal(format_args!("{reason}\n{USAGE}"));
            return ExitCode::from(100);
        }
    };
    let mut ground = match Ground::new(&options.qmail, &options.directory, !options.dry, options.force) {
        Ok(ground) => ground,
        Err(reason) => {
            LOG.fatal(reason);
            return ExitCode::from(100);
        }
    };
    let mut report = Report::new(!options.dry);
    let done = run(&options, &mut ground, &mut report);
    report.end();
    match done {
        Ok(()) if report.is_clean() => ExitCode::SUCCESS,
        Ok(()) => ExitCode::from(1),
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
}

fn run(options: &Options, ground: &mut Ground, report: &mut Report) -> Result<(), String> {
    // Tables and directories are for services to read, whatever the shell of the admin says of new files.
    rustix::process::umask(Mode::WGRP | Mode::WOTH);
    if options.setup && !options.dry {
        let mut shown = Ground::new(&options.qmail, &options.directory, false, false)?;
        settings(options, &mut shown, &mut Report::silent())?;
        if setup::make(&shown, report)? {
            *ground = Ground::new(&options.qmail, &options.directory, true, options.force)?;
        }
    }
    if options.take {
        settings(options, ground, report)?;
        setup::tell(ground, report);
    } else if options.drain && !options.force {
        expect_settings(options)?;
    }
    if options.drain {
        drain(options, ground, report)?;
    }
    Ok(())
}

fn settings(options: &Options, ground: &mut Ground, report: &mut Report) -> Result<(), String> {
    control::take(ground, report)?;
    let said = services::take(ground, &options.services, report)?;
    rules::take(ground, options.rules.as_deref().or(said.rules.as_deref()), report)?;
    people::take(ground, report)
}

/// Mail that is drained is delivered by the settings of the instance: without those of qmail, to somewhere else.
fn expect_settings(options: &Options) -> Result<(), String> {
    let (mut ground, mut report) = (Ground::new(&options.qmail, &options.directory, false, false)?, Report::silent());
    control::take(&mut ground, &mut report)?;
    services::take(&mut ground, &options.services, &mut report)?;
    people::take(&ground, &mut report)?;
    let missing: Vec<String> = report.places.into_iter().filter(|place| names::decides_deliveries(place)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    let (count, shown) = (missing.len(), missing.iter().take(SHOWN).map(String::as_str).collect::<Vec<_>>().join(", "));
    let more = if count > SHOWN { format!(" and {} more", count - SHOWN) } else { String::new() };
    Err(format!(
        "{} has settings for deliveries that the instance has not: {shown}{more}; what is drained would be delivered without them: \
         run this with --take first, or with --force if the instance shall do without",
        options.qmail.display()
    ))
}

fn drain(options: &Options, ground: &Ground, report: &mut Report) -> Result<(), String> {
    let queue = Queue::open(&ground.qmail)?;
    let theirs = Locals::of_qmail(&ground.theirs()).map_err(|error| format!("{}/control: {error}", ground.qmail.display()))?;
    if options.dry {
        return drain::show(&queue, &Here { theirs, ours: None }, report);
    }
    let ours = Locals::read(&ground.ours()).map_err(|error| format!("{}/control: {error}", ground.root.display()))?;
    let path = ground.root.join("queue");
    let store = Store::open(&path).map_err(|error| format!("unable to use {}: {error}", path.display()))?;
    drain::run(&queue, &store, &Here { theirs, ours: Some(ours) }, !options.remove, report)
}
