//! Clients that come by way of somebody in front of us: the PROXY protocol (control/proxies) and XCLIENT
//! (control/xclient).
//!
//! What it does: whoever is listed may say who the real client is. That client is judged as if it had connected itself:
//! its variables are made anew, with what is said of the port, what control/tcp.smtp.cdb says about its own address, and nothing
//! of what the rule of the one in front said.
//!
//! Security stance: a RELAYCLIENT of the one in front must never reach those behind it, and one of the port does not either. Whether XCLIENT may be said is
//! asked of the client as it counts now, so that one behind a front cannot say it once more.
//!
//! How it fails: what is not understood ends the connection; nobody is ever taken for the one in front.
//!
//! Known limits: the rules are those of control/tcp.smtp.cdb, whichever file the listener uses; limits of the listener
//! count the one in front.

pub mod proxy;
pub mod xclient;

use std::net::{IpAddr, SocketAddr};

use stafett_control::form::network::Network;
use stafett_control::{Control, Error, Setting, rows};
use stafett_ucspi::{Connection, Environment, Rules};

use crate::client::Client;

/// Who may name another client, and the rules for those.
#[derive(Debug, Default)]
pub struct Fronts {
    proxies: Vec<Network>,
    xclient: Vec<Network>,
    rules: Option<Rules>,
}

/// Who a client is, in the words of the one in front.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Introduction {
    /// Its address; nothing when the one in front does not know it.
    pub ip: Option<IpAddr>,
    /// Its port.
    pub port: Option<u16>,
    /// Its name.
    pub host: Option<String>,
    /// The address and port that it connected to; nothing where that was not said.
    pub local: Option<SocketAddr>,
}

impl Fronts {
    /// Reads proxies, xclient, and tcp.smtp.cdb where one of them lists somebody.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let (proxies, xclient) = (networks(control, &rows::PROXIES)?, networks(control, &rows::XCLIENT)?);
        let is_needed = !proxies.is_empty() || !xclient.is_empty();
        let rules = if is_needed { rules(control)? } else { None };
        Ok(Fronts { proxies, xclient, rules })
    }

    /// Whether a client must begin with a PROXY header.
    pub fn is_proxy(&self, client: &Client) -> bool {
        contains(&self.proxies, client)
    }

    /// Whether a client may say XCLIENT.
    pub fn may_introduce(&self, client: &Client) -> bool {
        contains(&self.xclient, client)
    }

    /// Whether a client may name others in any way.
    pub fn is_listed(&self, ip: IpAddr) -> bool {
        self.proxies.iter().chain(&self.xclient).any(|network| network.contains(ip))
    }

    /// The client that was named, with variables of its own beside those in `base`.
    ///
    /// # Errors
    /// A sentence that names the variable of its rule that makes no sense.
    pub fn introduced(&self, front: &Client, who: &Introduction, base: &Environment) -> Result<Client, String> {
        let reached = Connection::read_from(&front.environment).map_err(|error| error.to_string())?;
        let connection = Connection {
            local_ip: who.local.map_or(reached.local_ip, |local| Some(local.ip())),
            local_port: who.local.map_or(reached.local_port, |local| Some(local.port())),
            local_host: None,
            remote_ip: who.ip,
            remote_port: who.port,
            remote_host: who.host.clone(),
            remote_info: None,
        };
        let mut environment = base.clone();
        // what is said of the port, RELAYCLIENT for everybody there, was said of those in front
        environment.remove("RELAYCLIENT");
        connection.write_to(&mut environment);
        let mut denied = false;
        if let Some(instructions) = self.instructions(who)? {
            denied = instructions.deny;
            instructions.variables.iter().for_each(|(name, value)| environment.set(name, value));
        }
        Client::from_environment(environment).map(|client| Client { denied, ..client })
    }

    /// The one in front itself, when it speaks for nobody: as it is, without what its rule allows it.
    ///
    /// # Errors
    /// As [`Fronts::introduced`].
    pub fn alone(&self, front: &Client, base: &Environment) -> Result<Client, String> {
        let mut environment = base.clone();
        environment.remove("RELAYCLIENT");
        Connection::read_from(&front.environment).map_err(|error| error.to_string())?.write_to(&mut environment);
        Client::from_environment(environment)
    }

    /// Removes from variables that are mixed with those of a rule whatever the rule of that client may have set; for
    /// programs that cannot know which variables were there before.
    pub fn strip(&self, front: &Client, base: &mut Environment) {
        // a listener with rules of its own elsewhere may have set these
        ["RELAYCLIENT", "BOUNCEMAIL", "RBLSMTPD"].iter().for_each(|name| base.remove(name));
        let who = Introduction { ip: front.ip, host: Some(front.host.clone()), ..Introduction::default() };
        if let Ok(Some(instructions)) = self.instructions(&who) {
            instructions.variables.iter().for_each(|(name, _)| base.remove(name));
        }
    }

    fn instructions(&self, who: &Introduction) -> Result<Option<stafett_ucspi::Instructions>, String> {
        let (Some(rules), Some(ip)) = (&self.rules, who.ip) else { return Ok(None) };
        let client = stafett_ucspi::Client { ip, host: who.host.as_deref(), info: None };
        let found = rules.look_up(&client).map_err(|error| format!("unable to use control/tcp.smtp.cdb: {error}"))?;
        Ok(found.map(|found| found.instructions))
    }
}

/// Without the file there are no rules, as with the listener.
fn rules(control: &Control) -> Result<Option<Rules>, Error> {
    match Rules::open(&control.path(&rows::TCP_SMTP_CDB)) {
        Ok(rules) => Ok(Some(rules)),
        Err(error) if error.is_absent() => Ok(None),
        Err(error) => Err(Error { file: format!("control/{}", rows::TCP_SMTP_CDB.name), line: 0, reason: error.to_string() }),
    }
}

fn networks(control: &Control, row: &Setting) -> Result<Vec<Network>, Error> {
    let items = control.list(row)?.unwrap_or_default();
    // The row has judged each line already.
    Ok(items.iter().filter_map(|item| Network::parse(&item.value).ok()).collect())
}

fn contains(networks: &[Network], client: &Client) -> bool {
    client.ip.is_some_and(|ip| networks.iter().any(|network| network.contains(ip)))
}
