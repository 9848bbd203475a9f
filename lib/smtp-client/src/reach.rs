//! What a program must know that goes out to other hosts and speaks no SMTP there: whom to ask for names, where connections
//! may go, and who may vouch for hosts. It reads no credentials and no key, which belong to others.
//!
//! Fails with the control file's error, which names file and line.

use stafett_control::{Control, Error, rows};
use stafett_dns::{RESOLV_CONF, Resolver};
use stafett_tls_client::Authorities;

use crate::door::Allowed;
use crate::settings::{Stamp, resolver};
use crate::tls::means::authorities;

/// What is needed to reach hosts.
#[derive(Clone, Debug)]
pub struct Reach {
    /// Our name.
    pub me: String,
    /// Whom to ask for names.
    pub resolver: Resolver,
    /// Which networks connections may go to.
    pub allowed: Allowed,
    /// Who may vouch for hosts.
    pub authorities: Authorities,
    /// /etc/resolv.conf as it was read, where it was.
    resolv_conf: Option<Stamp>,
}

impl Reach {
    /// Reads [`rows::ME`], [`rows::RESOLVERS`], [`rows::DESTINATIONS`] and [`rows::TLSAUTHORITIES`].
    ///
    /// # Errors
    /// When one of them does not parse, or `me` is missing.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let me = control.required(&rows::ME)?;
        let (resolver, resolv_conf) = resolver(control)?;
        Ok(Reach { me, resolver, allowed: Allowed::read(control)?, authorities: authorities(control)?, resolv_conf })
    }

    /// Whether /etc/resolv.conf is in use and has changed since it was read.
    pub fn are_stale(&self) -> bool {
        self.resolv_conf.is_some_and(|stamp| stamp != Stamp::of(RESOLV_CONF))
    }
}
