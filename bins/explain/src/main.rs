//! stafett-explain: says what smtpd would answer a client, and which file and line decides.
//!
//! What it does: leads the dialogue of a client that is described on the command line through the very code of smtpd, and
//! prints every check with its verdict and the reply that the client would get. With `--against` it replays the decisions
//! of logs against other control files and lists those that would differ.
//!
//! Security stance: reads control/ with the rights of the admin who calls it, and gives nothing to the queue. Services are
//! asked in a way that changes none of their counters. Words from logs are made safe before they reach a terminal.
//!
//! How it fails: 1 when something would be refused or would differ, 100 for a wrong command line or control files that
//! cannot be used, 111 when something cannot be read.
//!
//! Known limits: what is decided on a whole message is named, not decided: there is no message.

mod against;
mod dialogue;
mod line;
mod listener;
mod options;
mod voice;

use options::{Client, Options, Task, USAGE};
use stafett_instance::Instance;
use stafett_log::Log;
use std::io::{self, BufWriter, Write};
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-explain");

/// Why there is no explanation.
#[derive(Debug)]
pub enum Failure {
    /// The admin must change something first.
    Lasting(String),
    /// It may work another time.
    Passing(String),
    /// The reader of our output is gone.
    Unheard,
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::BrokenPipe => Failure::Unheard,
            _ => Failure::Passing(format!("unable to write: {error}")),
        }
    }
}

fn main() -> ExitCode {
    let done = Options::read().map_err(|reason| Failure::Lasting(format!("{reason}; {USAGE}"))).and_then(|options| run(&options));
    match done {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::from(1),
        Err(Failure::Unheard) => ExitCode::SUCCESS,
        Err(Failure::Lasting(reason)) => {
            LOG.fatal(reason);
            ExitCode::from(100)
        }
        Err(Failure::Passing(reason)) => {
            LOG.fatal(reason);
            ExitCode::from(111)
        }
    }
}

/// Whether all would be accepted, or nothing would differ.
fn run(options: &Options) -> Result<bool, Failure> {
    let instance = Instance::find(options.directory.as_deref()).map_err(|error| Failure::Lasting(error.to_string()))?;
    let mut out = BufWriter::new(io::stdout().lock());
    let result = match &options.task {
        Task::Explain(client) => explain(&instance, client, &mut out),
        Task::Replay { control, logs } => against::replay(&instance, control, logs, &mut out),
    };
    // what was found before a failure is worth seeing too
    out.flush()?;
    result
}

fn explain(instance: &Instance, client: &Client, out: &mut impl Write) -> Result<bool, Failure> {
    let ground = listener::Ground::read(instance, &instance.control())?;
    let Some(admitted) = ground.admit(client, out)? else { return Ok(false) };
    let mut voice = voice::Aloud::new(instance, out);
    let accepted = dialogue::lead(&ground.settings, &admitted, client, &mut voice);
    voice.end()?;
    Ok(accepted)
}
