//! The resident parent: certificates and settings read before a child is born to use them.

use crate::certificates::Certificates;
use crate::clients::AnyClient;
use crate::handshake::{self, Configured};
use rustls::ServerConfig;
use rustls::crypto::ring;
use rustls::server::{NoServerSessionStorage, ResolvesServerCert};
use stafett_control::{Control, rows};
use stafett_handoff::{Conversation, Service};
use stafett_log::Log;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long one key seals tickets for resumption. Children have it by inheritance.
const TICKET_KEY_LIFE: Duration = Duration::from_secs(6 * 3600);
/// The longest ticket, in bytes; one with a client's certificates has some thousand.
const LONGEST_TICKET: usize = 16 * 1024;

/// What children inherit.
pub struct Resident {
    log: Log,
    control: Control,
    certificates: Certificates,
    config: Configured,
    ticket_key: Instant,
    asks_clients: bool,
}

impl Resident {
    /// Reads everything once.
    ///
    /// # Errors
    /// When the TLS library cannot be set up.
    pub fn new(log: Log, control: Control, mut certificates: Certificates) -> Result<Resident, String> {
        certificates.refresh(true);
        if certificates.current().is_empty() {
            log.warning("there is no usable certificate in control/servercerts; handshakes will fail until there is one");
        }
        let asks_clients = control.path(&rows::TLSCLIENTS).exists();
        let config = config(&certificates, asks_clients)?;
        Ok(Resident { log, control, certificates, config, ticket_key: Instant::now(), asks_clients })
    }
}

impl Service for Resident {
    fn refresh(&mut self, forced: bool) -> bool {
        let changed = self.certificates.refresh(forced);
        let asks_clients = self.control.path(&rows::TLSCLIENTS).exists();
        if !changed && asks_clients == self.asks_clients && self.ticket_key.elapsed() < TICKET_KEY_LIFE {
            return false;
        }
        match config(&self.certificates, asks_clients) {
            Ok(config) => {
                (self.config, self.asks_clients, self.ticket_key) = (config, asks_clients, Instant::now());
            }
            Err(reason) => self.log.error(format_args!("{reason} (the last good copy stays in force)")),
        }
        true
    }

    /// The client's address: who comes again and again meets one child, another client never does.
    fn key(&self, _door: usize, strings: &[&[u8]]) -> Option<Vec<u8>> {
        strings.first().filter(|address| !address.is_empty()).map(|address| address.to_vec())
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        handshake::serve(&self.config, &conversation)
    }
}

fn config(certificates: &Certificates, asks_clients: bool) -> Result<Configured, String> {
    let failed = |error: rustls::Error| format!("unable to set up TLS: {error}");
    let provider = Arc::new(ring::default_provider());
    let algorithms = provider.signature_verification_algorithms;
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().map_err(failed)?;
    let builder = match asks_clients {
        true => builder.with_client_cert_verifier(Arc::new(AnyClient(algorithms))),
        false => builder.with_no_client_auth(),
    };
    let choice = certificates.current();
    let mut config = builder.with_cert_resolver(Arc::clone(&choice) as Arc<dyn ResolvesServerCert>);
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new().map_err(failed)?;
    // The library opens no ticket that is longer than the longest it has sealed itself. It is a child that seals, and the next
    // child must open: whatever children seal is shorter than this.
    let _ = config.ticketer.encrypt(&[0; LONGEST_TICKET]);
    // one is what a client that sends message after message needs
    config.send_tls13_tickets = 1;
    Ok(Configured { server: Arc::new(config), choice })
}
