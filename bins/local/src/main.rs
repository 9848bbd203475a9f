//! stafett-local: delivers to the users of this host.
//!
//! What: resident, it forks a child for each connection that stafett-send asks for, and the child a process for each
//! recipient, which looks up whose that is, becomes that user, and does what its dot-qmail file says; for stafett-smtpd it
//! answers in the same way whether there is a mailbox. Both stay a moment, for the same recipient's next message. With the
//! arguments of qmail-local(8) it makes one delivery as whoever calls it.
//!
//! Security stance: the one service that stays root, because it must become others. As root it parses handoffs and orders of
//! two other services, asks the user database, forks, and gives up root; it opens no file of a user and runs
//! nothing. It has no sandbox of its own, since what it becomes may do all that a user may. Started by an ordinary
//! user it delivers as that user alone.
//!
//! How it fails: what cannot be told or done now is a deferral; exit 111 when it cannot begin, 100 for a wrong command line.
//!
//! Known limits: users whose programs hang, if they are enough, hold all of control/concurrencylocal until control/timeoutlocal.

mod aliases;
mod answer;
mod apart;
mod child;
mod once;
mod options;
mod order;
mod question;
mod recipient;
mod settings;

use crate::apart::Apart;
use crate::options::Options;
use crate::settings::Settings;
use stafett_control::{Control, Watch};
use stafett_handoff::{Conversation, Parent, Service};
use stafett_instance::{Instance, RECIPIENTS, Service as Name};
use stafett_log::{Failure, Log};
use stafett_start as start;
use std::process::ExitCode;

const LOG: Log = Log::new("stafett-local");
/// Children at once: above any concurrencylocal and what smtpd may ask at a time.
const MOST_CHILDREN: usize = 4_000;
/// The door of the questions; the other one is that of the scheduler.
const QUESTIONS: usize = 1;

fn main() -> ExitCode {
    LOG.end(options::parse(std::env::args_os().skip(1)).map_err(Failure::misuse(options::USAGE)).and_then(|options| match options {
        Options::Once(once) => Ok(once::run(once)),
        Options::Resident => Ok(serve().map(|()| ExitCode::SUCCESS)?),
    }))
}

/// The service keeps its power; each process that it makes gives it up before it touches what is a user's.
fn serve() -> Result<(), String> {
    let instance = start::instance()?;
    let (control, watch) = start::control(&instance)?;
    let settings = Settings::read(&control).map_err(|error| error.to_string())?;
    let scheduler = start::caller(&instance, Name::Send)?;
    let asking = start::caller(&instance, Name::Smtpd)?;
    let socket = instance.socket(Name::Local);
    let questions = instance.root().join(RECIPIENTS).join("socket");
    let parent = Parent::listen(LOG, &socket, &[scheduler], MOST_CHILDREN).map_err(start::unable("listen at run/local/socket"))?;
    let parent = parent.also_listen(&questions, &[asking]).map_err(start::unable("listen at run/recipients/socket"))?;
    stafett_local_users::prepare().map_err(start::unable("ask the user database"))?;
    LOG.line("status: ready");
    let done =
        parent.run(&mut Local { instance, control, watch, settings, apart: Apart::default() }).map_err(start::unable("wait for handoffs"));
    LOG.line("status: exiting");
    done
}

struct Local {
    instance: Instance,
    control: Control,
    watch: Watch,
    settings: Settings,
    /// In a child that answers questions: the process that looks up.
    apart: Apart,
}

impl Service for Local {
    /// Questions have nothing that the next one must not meet.
    fn key(&self, door: usize, _strings: &[&[u8]]) -> Option<Vec<u8>> {
        (door == QUESTIONS).then(Vec::new)
    }

    fn refresh(&mut self, forced: bool) -> bool {
        if !self.watch.changed() && !forced {
            return false;
        }
        if let Some(settings) = start::renewed(LOG, Settings::read(&self.control)) {
            self.settings = settings;
        }
        if let Err(error) = stafett_local_users::heed_sources() {
            LOG.error(format_args!("unable to heed nsswitch.conf: {error}"));
        }
        true
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        let root = self.instance.root();
        if conversation.door == QUESTIONS {
            question::serve(&self.settings, root, LOG, &mut self.apart, conversation)
        } else {
            child::serve(&self.settings, root, LOG, conversation)
        }
    }

    /// The process that looks up would be left to the first process of the machine, which need not care for it.
    fn leave(&mut self) {
        self.apart.rest();
    }
}
