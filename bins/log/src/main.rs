//! stafett-log: follows messages through the logs of an instance, and sums the logs up.
//!
//! Reads log/*/ of the instance, current files and finished ones, of multilog and of svlogd, and
//! asks no service. Security stance: reads only, with the rights of the admin who calls it; what
//! peers wrote into the logs is made safe before it reaches the terminal.
//! How it fails: 1 when nothing was found, 100 for a wrong command line, 111 when a log could not be
//! read (it is named, the others are used).
//! Known limits: those of each module; all times are UTC, as in the logs.

mod event;
mod figures;
mod files;
mod follow;
mod lines;
mod options;
mod reason;
mod select;
mod span;
mod stamp;
mod stories;
mod summary;
mod tally;
mod tell;

use event::Event;
use figures::Figures;
use files::Logs;
use lines::Lines;
use options::Options;
use select::Selection;
use span::Span;
use stafett_instance::Instance;
use stafett_log::{Log, safe};
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;
use stories::Stories;
use summary::Summary;
use tell::Teller;

const LOG: Log = Log::new("stafett-log");

fn main() -> ExitCode {
    let options = match Options::read() {
        Ok(options) => options,
        Err(reason) => {
            LOG.fatal(reason);
            // A reader who went away before the usage is no trouble of ours.
            let _ = writeln!(io::stderr(), "{}", options::USAGE);
            return ExitCode::from(100);
        }
    };
    match run(&options) {
        Ok(code) => ExitCode::from(code),
        Err(reason) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
}

fn run(options: &Options) -> Result<u8, String> {
    let instance = Instance::find(options.directory.as_deref()).map_err(|error| error.to_string())?;
    let logs = Logs::find(instance.root(), options.span)?;
    let mut out = BufWriter::new(io::stdout().lock());
    let found = match show(options, &logs, &mut out).and_then(|found| out.flush().map(|()| found)) {
        Ok(found) => found,
        // The reader of our output has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => return Ok(0),
        Err(error) => return Err(format!("unable to go on: {error}")),
    };
    Ok(if logs.unreadable > 0 {
        111
    } else if found == 0 {
        LOG.note("nothing was found");
        1
    } else {
        0
    })
}

/// Shows what was asked for; how much there was.
fn show(options: &Options, logs: &Logs, out: &mut impl Write) -> io::Result<u64> {
    if options.follow {
        return follow::follow(options, logs, out);
    }
    match (options.wanted.is_everything(), options.raw) {
        (true, false) => sum_up(options, logs, out),
        (false, false) => tell_stories(options, logs, out),
        (_, true) => print_lines(options, logs, out),
    }
}

fn sum_up(options: &Options, logs: &Logs, out: &mut impl Write) -> io::Result<u64> {
    let mut summary = Summary::default();
    let mut lines = Lines::new(logs, options.span);
    while let Some(line) = lines.next() {
        summary.take(line.at, &line.text);
    }
    if summary.lines > 0 {
        write!(out, "{}", Figures(&summary, options.most))?;
    }
    Ok(summary.lines)
}

fn tell_stories(options: &Options, logs: &Logs, out: &mut impl Write) -> io::Result<u64> {
    let selection = choose(options, logs, options.span);
    let mut stories = Stories::new(&selection);
    let mut lines = Lines::new(logs, options.span);
    while let Some(line) = lines.next() {
        stories.take(&line, out)?;
    }
    stories.finish(out)
}

fn print_lines(options: &Options, logs: &Logs, out: &mut impl Write) -> io::Result<u64> {
    let selection = choose(options, logs, options.span);
    let mut teller = Teller::default();
    let mut lines = Lines::new(logs, options.span);
    let mut found = 0;
    while let Some(line) = lines.next() {
        let event = Event::of(&line.text);
        let is_wanted =
            options.wanted.is_everything() || teller.message_of(&event, &line.text, &selection).is_some() || selection.concerns(&event);
        teller.take(line.at, &event, &line.text, &selection, |_| {});
        if is_wanted {
            found += 1;
            writeln!(out, "{}", safe(line.raw))?;
        }
    }
    Ok(found)
}

/// The first pass: which messages are meant.
fn choose(options: &Options, logs: &Logs, span: Span) -> Selection {
    let mut selection = Selection::new(options.wanted.clone());
    if !options.wanted.is_everything() {
        let mut lines = Lines::new(logs, span);
        while let Some(line) = lines.next() {
            selection.learn(&Event::of(&line.text));
        }
    }
    selection
}
