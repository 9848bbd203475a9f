//! What is offered: control/authmechanisms, authplain and authdelay. Whether anything is, the mere presence of accounts or
//! authsource tells: what is in them smtpd cannot read.

use std::time::Duration;

use stafett_control::form::auth::{Mechanism, USUAL};
use stafett_control::form::network::Network;
use stafett_control::{Control, Error, rows};

use crate::client::Client;
use crate::session::Session;

/// How long a wrong password makes wait where nothing is said, in seconds.
const DELAY: u64 = 3;

/// What is offered.
#[derive(Debug, Default)]
pub struct Offered {
    /// Whether there are accounts.
    pub is_on: bool,
    /// The mechanisms in their order.
    pub mechanisms: Vec<Mechanism>,
    /// Who may log in without TLS.
    pub plain: Vec<Network>,
    /// How long a wrong password makes wait.
    pub delay: Duration,
}

impl Offered {
    /// Reads the files.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(control: &Control) -> Result<Offered, Error> {
        let is_elsewhere = control.path(&rows::AUTHSOURCE).exists();
        let mechanisms = match control.list(&rows::AUTHMECHANISMS)? {
            // the row has judged each line already
            Some(lines) => lines.iter().filter_map(|item| Mechanism::by_name(&item.value)).collect(),
            None if is_elsewhere => vec![Mechanism::Plain, Mechanism::Login],
            None => USUAL.to_vec(),
        };
        let plain = control.list(&rows::AUTHPLAIN)?.unwrap_or_default();
        Ok(Offered {
            is_on: is_elsewhere || control.path(&rows::ACCOUNTS).exists(),
            mechanisms,
            plain: plain.iter().filter_map(|item| Network::parse(&item.value).ok()).collect(),
            delay: Duration::from_secs(control.integer(&rows::AUTHDELAY)?.unwrap_or(DELAY)),
        })
    }

    /// Whether some mechanism may need what binds a proof to its connection (RFC 5929, RFC 9266).
    pub fn binds(&self) -> bool {
        self.is_on && self.mechanisms.contains(&Mechanism::ScramPlus)
    }

    /// Whether a client may log in over its connection.
    pub fn may_be_heard(&self, client: &Client, session: &Session) -> bool {
        session.tls.is_some() || client.ip.is_some_and(|ip| self.plain.iter().any(|network| network.contains(ip)))
    }

    /// The mechanisms that work over this connection.
    pub fn usable<'a>(&'a self, session: &'a Session) -> impl Iterator<Item = Mechanism> + 'a {
        let binds = session.tls.as_ref().is_some_and(|tls| tls.channels().next().is_some());
        self.mechanisms.iter().copied().filter(move |mechanism| binds || *mechanism != Mechanism::ScramPlus)
    }
}
