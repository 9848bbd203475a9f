//! The resident parent: control files read and sandbox closed before any client is served by a forked child.
//!
//! How it fails: control files that stop to parse keep their last good copy and are logged; a conversation whose variables
//! make no sense ends with 421 and the log says which rule to mend.

use std::path::Path;
use std::time::Instant;

use stafett_control::{Control, Watch};
use stafett_handoff::{Conversation, Service};
use stafett_smtp::Reply;
use stafett_start::renewed;
use stafett_sys::sandbox::Sandbox;
use stafett_ucspi::Environment;

use crate::channel::{Channel, Patience};
use crate::conversation::{Surroundings, converse};
use stafett_reception::client::Client;
use stafett_reception::settings::Settings;

/// What the parent holds for its children.
#[derive(Debug)]
pub struct Resident {
    /// The control files.
    pub control: Control,
    /// Tells when they change.
    pub watch: Watch,
    /// Their last good copy.
    pub settings: Settings,
    /// Our own variables; those of a handoff win over them.
    pub environment: Environment,
    /// What every conversation needs.
    pub around: Surroundings,
}

impl Service for Resident {
    fn refresh(&mut self, forced: bool) -> bool {
        if !self.watch.changed() && !forced {
            return false;
        }
        if let Some(settings) = renewed(self.around.log, Settings::read(&self.control)) {
            self.settings = settings;
        }
        true
    }

    /// All but the port: the client's address and what the listener decided about it. Who sends many messages in a
    /// row, each on a connection of its own, meets one child; another client never does. Those who name other clients have
    /// a child for each connection.
    fn key(&self, _door: usize, strings: &[&[u8]]) -> Option<Vec<u8>> {
        let ip = strings.iter().find_map(|string| std::str::from_utf8(string.strip_prefix(b"TCPREMOTEIP=")?).ok()?.parse().ok());
        if ip.is_some_and(|ip| self.settings.fronts.is_listed(ip)) {
            return None;
        }
        let lasting = strings.iter().filter(|string| !string.starts_with(b"TCPREMOTEPORT="));
        Some(lasting.flat_map(|string| [string, &b"\0"[..]].concat()).collect())
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        let Conversation { strings, descriptor, lifeline, .. } = conversation;
        let mut environment = self.environment.clone();
        let handed = Environment::from_items(strings.iter().map(Vec::as_slice));
        let client = handed.map_err(|error| error.to_string()).and_then(|mut handed| {
            // a child serves one listener alone, so this is the same each time
            handed.take_listeners().iter().for_each(|(name, value)| self.around.base.set(name, value));
            handed.iter().for_each(|(name, value)| environment.set(name, value));
            Client::from_environment(environment)
        });
        let channel = Channel::of_socket(descriptor, lifeline, patience(&self.settings));
        match client {
            Ok(client) => {
                converse(channel, &self.settings, &client, &mut self.around);
                0
            }
            Err(reason) => {
                self.around.log.error(format_args!("turning a client away: {reason}"));
                apologize(channel);
                111
            }
        }
    }
}

/// How long a conversation that begins now may take.
pub fn patience(settings: &Settings) -> Patience {
    Patience { silence: settings.timeout, deadline: Instant::now() + settings.session }
}

/// Ends a conversation that cannot be served.
pub fn apologize(mut channel: Channel) {
    // the client may be gone already
    let _ = channel.say(&Reply::new(421, (4, 3, 5), "this service has a fault, try again later"));
    let _ = channel.flush();
}

/// Our own variables without those that describe a connection: they belong to whoever started us.
pub fn own_environment() -> Environment {
    let mut environment = Environment::of_process();
    let names: Vec<Vec<u8>> = environment.iter().map(|(name, _)| name.to_vec()).filter(|name| name.starts_with(b"TCP")).collect();
    names.iter().for_each(|name| environment.remove(name));
    environment
}

/// The files that conversations need: control/, the spool, and what programs named by QMAILQUEUE need to run. LANDLOCKREAD and
/// LANDLOCKWRITE name more paths for those, with colons between.
pub fn sandbox(control: &Control, spool: &Path, environment: &Environment) -> Sandbox {
    let mut sandbox = Sandbox::new().read(control.directory()).write(spool).read("/etc").read("/dev/urandom").write("/dev/null");
    for directory in ["/usr", "/bin", "/lib", "/lib64"] {
        sandbox = sandbox.execute(directory);
    }
    if let Ok(own) = std::env::current_exe()
        && let Some(directory) = own.parent()
    {
        sandbox = sandbox.execute(directory);
    }
    let extra = |name: &str| String::from_utf8_lossy(environment.value(name).unwrap_or_default()).into_owned();
    for path in extra("LANDLOCKREAD").split(':').filter(|path| !path.is_empty()) {
        sandbox = sandbox.execute(Path::new(path));
    }
    for path in extra("LANDLOCKWRITE").split(':').filter(|path| !path.is_empty()) {
        sandbox = sandbox.write(Path::new(path));
    }
    sandbox
}
