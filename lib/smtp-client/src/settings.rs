//! What control/ says to this program, read once by the resident parent and inherited by its children.
//!
//! Fails with the control file's error, which names file and line; /etc/resolv.conf is not ours and never an error.

use std::net::SocketAddr;
use std::os::unix::fs::MetadataExt;
use std::sync::Arc;
use std::time::Duration;

use stafett_control::{Control, Error, rows};
use stafett_dns::{RESOLV_CONF, Resolver, is_trusted_by_line, parse_server, servers_of_resolv_conf, trusts_servers};

use crate::credentials::Credentials;
use crate::door::Allowed;
use crate::outgoing::Outgoing;
use crate::tls::{Means, Services};

/// Everything that a child needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our name in EHLO and HELO.
    pub helo: String,
    /// The names under which this host may stand in MX records, lower case.
    pub own_names: Vec<String>,
    /// How long to wait for what.
    pub patience: Patience,
    /// Whom to ask for names.
    pub resolver: Resolver,
    /// /etc/resolv.conf as it was read, where it was; `None` where control/resolvers has taken its place.
    resolv_conf: Option<Stamp>,
    /// Which networks connections may go to.
    pub allowed: Allowed,
    /// Which addresses they come from.
    pub outgoing: Outgoing,
    /// Whom relays that want AUTH are told that we are.
    pub credentials: Credentials,
    /// What TLS needs.
    pub tls: Arc<Means>,
    /// Who knows what destinations promise, and who counts what they keep.
    pub services: Services,
}

/// What tells one version of a file from the next: a file that is replaced has another number, one that is written in
/// place another time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Stamp(Option<(u64, u64, i64, i64)>);

impl Stamp {
    pub(crate) fn of(path: &str) -> Self {
        let found = std::fs::metadata(path).ok();
        Stamp(found.map(|found| (found.dev(), found.ino(), found.ctime(), found.ctime_nsec())))
    }
}

/// The longest waits, each for one event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Patience {
    /// The connection.
    pub connect: Duration,
    /// The greeting, the replies to EHLO, HELO, STARTTLS and RSET.
    pub opening: Duration,
    /// The handshake of TLS.
    pub handshake: Duration,
    /// The reply to MAIL.
    pub mail: Duration,
    /// The reply to RCPT.
    pub recipient: Duration,
    /// The reply to DATA.
    pub data: Duration,
    /// The peer's taking more of the message.
    pub block: Duration,
    /// The reply to the end of the message.
    pub end: Duration,
    /// The answers of the name servers to one step of a look-up.
    pub names: Duration,
    /// All that is done for one message at one time.
    pub delivery: Duration,
}

impl Patience {
    /// The times of RFC 5321 §4.5.3.2, or control/timeoutremote in place of each; all in seconds.
    fn new(connect: Option<u64>, remote: Option<u64>, delivery: Option<u64>) -> Self {
        let wait = |standard: u64| Duration::from_secs(remote.unwrap_or(standard));
        Patience {
            connect: Duration::from_secs(connect.unwrap_or(60)),
            opening: wait(300),
            handshake: wait(60),
            mail: wait(300),
            recipient: wait(300),
            data: wait(120),
            block: wait(180),
            end: wait(600),
            names: Duration::from_secs(30),
            delivery: Duration::from_secs(delivery.unwrap_or(14_400)),
        }
    }
}

impl Settings {
    /// Reads me, helohost, timeoutconnect, timeoutremote, timeoutdelivery, resolvers, destinations, outgoingip,
    /// domainbindings, smtpauth, tlsdestinations, tlsauthorities, clientcerts, mtasts and tlsrpt.
    ///
    /// # Errors
    /// When one of them does not parse, or `me` is missing.
    pub fn read(control: &Control) -> Result<Self, Error> {
        Settings::read_after(control, None)
    }

    /// Reads them again; what is dear and has not changed is kept.
    ///
    /// # Errors
    /// As [`Settings::read`].
    pub fn renewed(&self, control: &Control) -> Result<Self, Error> {
        Settings::read_after(control, Some(self))
    }

    fn read_after(control: &Control, before: Option<&Settings>) -> Result<Self, Error> {
        let me = control.required(&rows::ME)?;
        let helo = control.line(&rows::HELOHOST)?.unwrap_or_else(|| me.clone());
        let connect = control.integer(&rows::TIMEOUTCONNECT)?;
        let remote = control.integer(&rows::TIMEOUTREMOTE)?;
        let own_names = [&me, &helo].map(|name| name.to_lowercase()).to_vec();
        let delivery = control.integer(&rows::TIMEOUTDELIVERY)?;
        let (resolver, resolv_conf) = resolver(control)?;
        Ok(Settings {
            helo,
            own_names,
            patience: Patience::new(connect, remote, delivery),
            resolver,
            resolv_conf,
            allowed: Allowed::read(control)?,
            outgoing: Outgoing::read(control)?,
            credentials: Credentials::read(control)?,
            tls: Arc::new(Means::read(control, before.map(|settings| settings.tls.as_ref()))?),
            services: Services::read(control)?,
        })
    }

    /// Whether /etc/resolv.conf is in use and has changed since it was read.
    pub fn are_stale(&self) -> bool {
        self.resolv_conf.is_some_and(|stamp| stamp != Stamp::of(RESOLV_CONF))
    }
}

pub(crate) fn resolver(control: &Control) -> Result<(Resolver, Option<Stamp>), Error> {
    let lines = control.list(&rows::RESOLVERS)?.unwrap_or_default();
    // The row has judged each line already.
    let named: Vec<(SocketAddr, bool)> =
        lines.iter().filter_map(|item| Some((parse_server(&item.value).ok()?, is_trusted_by_line(&item.value)))).collect();
    if !named.is_empty() {
        let trusted = named.iter().filter(|(_, is_trusted)| *is_trusted).map(|(server, _)| *server).collect();
        return Ok((Resolver::new(named.into_iter().map(|(server, _)| server).collect()).trusting(trusted), None));
    }
    // The stamp first: a change while we read is then seen the next time.
    let stamp = Stamp::of(RESOLV_CONF);
    let text = std::fs::read_to_string(RESOLV_CONF).unwrap_or_default();
    let servers = servers_of_resolv_conf(&text);
    let trusted = if trusts_servers(&text) { servers.clone() } else { Vec::new() };
    Ok((Resolver::new(servers).trusting(trusted), Some(stamp)))
}
