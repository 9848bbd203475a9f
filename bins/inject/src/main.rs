//! stafett-inject: completes a message that a person or a program has written and brings it into the queue, as
//! qmail-inject does.
//!
//! What: the header is read from standard input, its addresses are completed, Bcc is removed, missing fields are added; the
//! recipients come from the arguments, the header, or both. The queue's program (stafett-queue, or what QMAILQUEUE
//! names) takes message and envelope.
//! Security stance: runs with the rights of its caller and with no others; who that is, stafett-queued learns from the kernel.
//! How it fails: 100 with a reason when the message cannot be sent as it stands, 111 when it may be tried again; nothing
//! is queued then. Known limits: the header is held in memory, up to [`header::LARGEST`]; the body streams.

mod header;
mod letter;
mod lines;
mod options;
mod outgoing;
mod person;
mod site;

use header::Header;
use letter::Letter;
use lines::Lines;
use options::Options;
use person::Person;
use site::Site;
use stafett_control::Control;
use stafett_instance::Instance;
use stafett_log::{Failure, Log};
use std::io::{self, BufReader};
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-inject");

fn main() -> ExitCode {
    LOG.end(run().map(|()| ExitCode::SUCCESS))
}

fn run() -> Result<(), Failure> {
    let options = Options::read().map_err(|error| Failure::lasting(format!("{error}; {}", options::USAGE)))?;
    let instance = Instance::from_environment().map_err(Failure::temporary)?;
    let site = Site::read(&Control::new(instance.control()))?;
    let person = Person::from_environment(&site.defaults)?;

    let mut input = BufReader::new(io::stdin().lock());
    let header = Header::read(&mut input)?;
    let letter = Letter::compose(header, &options, &site, &person)?;
    let mut body = Lines::of(input);
    if options.only_print {
        return outgoing::print(&letter, &mut body);
    }
    outgoing::queue(&letter, &mut body)
}
