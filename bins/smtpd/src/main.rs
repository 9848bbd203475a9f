//! stafett-smtpd: the SMTP server. Takes mail from clients and gives it to the queue.
//!
//! What it does: serves one client per process, either forked from a resident parent that is handed connections by
//! stafett-tcpserver (`--resident`), or as a plain UCSPI program on descriptors 0 and 1.
//!
//! Security stance: everything a client says is hostile. The process has no rights but to read control/ and to talk to
//! queued; whom it relays for is decided on parsed, canonical addresses, and what is not allowed is refused.
//!
//! How it fails: 4xx to the client and a line in the log; 111 when it cannot begin, 100 for a wrong command line.
//!
//! Known limits: a plain UCSPI program runs with the rights that its listener gave it.

mod channel;
mod conversation;
mod front;
mod message;
mod options;
mod outside;
mod program;
mod queue;
mod received;
mod record;
mod resident;
mod tls;

use std::process::ExitCode;
use std::time::{Duration, Instant};

use stafett_ask::Calls;
use stafett_control::Control;
use stafett_handoff::Parent;
use stafett_instance::{Instance, Service};
use stafett_log::{Failure, Log};
use stafett_start as start;
use stafett_sys::{descriptor, signal};
use stafett_ucspi::Environment;

use crate::channel::{Channel, Patience};
use crate::conversation::Surroundings;
use crate::options::{Options, USAGE};
use crate::queue::Queue;
use crate::resident::Resident;
use stafett_reception::client::Client;
use stafett_reception::settings::Settings;

const LOG: Log = Log::new("stafett-smtpd");

/// Children at once; the listener's own limit is what counts.
const MOST_CHILDREN: usize = 50_000;

fn main() -> ExitCode {
    let done = Options::read().map_err(Failure::misuse(USAGE)).and_then(|options| {
        if options.resident { stay(options) } else { serve_one(options) }?;
        Ok(ExitCode::SUCCESS)
    });
    LOG.end(done)
}

/// The resident parent, in the order in which it loses power.
fn stay(options: Options) -> Result<(), String> {
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let proof = start::unprivileged()?;
    let socket = instance.socket(Service::Smtpd);
    let parent = Parent::listen(LOG, &socket, &[], MOST_CHILDREN);
    let parent = parent.map_err(|error| format!("unable to listen at {}: {error}", socket.display()))?;
    let environment = resident::own_environment();
    start::lock_in(LOG, resident::sandbox(&control, &instance.spool(), &environment), proof)?;
    let around = surroundings(&instance, options, environment.clone());
    stafett_smtp::rehearse();
    let mut resident = Resident { control, watch, settings, environment, around };
    parent.run(&mut resident).map_err(|error| format!("unable to go on serving: {error}"))
}

/// One client on descriptors 0 and 1.
fn serve_one(options: Options) -> Result<(), String> {
    let take = |number| descriptor::inherited(number).map_err(|error| format!("unable to use descriptor {number}: {error}"));
    let (input, output) = (take(0)?, take(1)?);
    signal::ignore_pipe().map_err(|error| format!("unable to ignore SIGPIPE: {error}"))?;
    match prepare(options) {
        Ok((settings, client, mut around)) => {
            let channel = Channel::of_pair(input, output, resident::patience(&settings));
            conversation::converse(channel, &settings, &client, &mut around);
            Ok(())
        }
        Err(reason) => {
            let patience = Patience { silence: Duration::from_secs(10), deadline: Instant::now() + Duration::from_secs(10) };
            resident::apologize(Channel::of_pair(input, output, patience));
            Err(reason)
        }
    }
}

fn prepare(options: Options) -> Result<(Settings, Client, Surroundings), String> {
    let instance = start::instance()?;
    let settings = Settings::read(&Control::new(instance.control())).map_err(|error| error.to_string())?;
    let client = Client::from_environment(Environment::of_process())?;
    let mut base = resident::own_environment();
    settings.fronts.strip(&client, &mut base);
    Ok((settings, client, surroundings(&instance, options, base)))
}

fn surroundings(instance: &Instance, options: Options, base: Environment) -> Surroundings {
    let queue = Queue { socket: instance.socket(Service::Queue), log: LOG };
    Surroundings { queue, instance: instance.clone(), calls: Calls::default(), link: None, log: LOG, quiet: options.quiet, base }
}
