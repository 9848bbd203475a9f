//! What is dear and shared: authorities, our own certificates, and the terms under which sessions are resumed.
//!
//! Made once by a resident parent and inherited by its children. Terms are kept by trust and certificate, because a session
//! carries the trust that it was made with.

use std::collections::HashMap;
use std::fmt;
use std::net::IpAddr;
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use rustls::crypto::CryptoProvider;
use rustls::pki_types::ServerName;
use rustls::sign::SingleCertAndKey;
use rustls::{ClientConfig, ClientConnection, RootCertStore};

use crate::material::{Authorities, Identity};
use crate::stream::{Refusal, Stream};
use crate::trust::Trust;
use crate::verifier::Verifier;

/// Terms kept at once; above that all are forgotten, which costs full handshakes only.
const MOST_TERMS: usize = 200;

/// Trust, and which of our certificates is shown.
type Key = (Trust, Option<String>);

/// A TLS client.
pub struct Client {
    provider: Arc<CryptoProvider>,
    roots: Arc<RootCertStore>,
    identities: HashMap<String, Arc<Identity>>,
    terms: Mutex<HashMap<Key, Arc<ClientConfig>>>,
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client").field("authorities", &self.roots.len()).finish_non_exhaustive()
    }
}

impl Client {
    /// A client that trusts these authorities and has these certificates to show.
    pub fn new(authorities: Authorities, identities: HashMap<String, Arc<Identity>>) -> Client {
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        Client { provider, roots: authorities.0, identities, terms: Mutex::default() }
    }

    /// Whether there is such a certificate of ours.
    pub fn has_identity(&self, name: &str) -> bool {
        self.identities.contains_key(name)
    }

    /// Shakes hands over a connected, nonblocking socket with the server that `name` (a host or an address) stands for.
    ///
    /// # Errors
    /// [`Refusal`]; the connection is of no more use.
    pub fn connect(
        &self,
        socket: &OwnedFd,
        name: &str,
        trust: &Trust,
        identity: Option<&str>,
        deadline: Instant,
    ) -> Result<Stream, Refusal> {
        let config = self.terms(trust, identity)?;
        // A name that no certificate can have is not told to the server, as an address is not.
        let name = ServerName::try_from(name.to_owned()).unwrap_or_else(|_| IpAddr::from([0, 0, 0, 0]).into());
        let connection = ClientConnection::new(config, name).map_err(|error| Refusal::Broken(error.to_string()))?;
        Stream::open(connection, socket, deadline)
    }

    fn terms(&self, trust: &Trust, identity: Option<&str>) -> Result<Arc<ClientConfig>, Refusal> {
        let key = (trust.clone(), identity.map(str::to_owned));
        let mut terms = self.terms.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(config) = terms.get(&key) {
            return Ok(Arc::clone(config));
        }
        if terms.len() >= MOST_TERMS {
            terms.clear();
        }
        let config = Arc::new(self.config(trust, identity)?);
        terms.insert(key, Arc::clone(&config));
        Ok(config)
    }

    fn config(&self, trust: &Trust, identity: Option<&str>) -> Result<ClientConfig, Refusal> {
        let verifier = Verifier { trust: trust.clone(), roots: Arc::clone(&self.roots), provider: Arc::clone(&self.provider) };
        let builder = ClientConfig::builder_with_provider(Arc::clone(&self.provider));
        let builder = builder.with_safe_default_protocol_versions().map_err(|error| Refusal::Broken(error.to_string()))?;
        let builder = builder.dangerous().with_custom_certificate_verifier(Arc::new(verifier));
        match identity {
            None => Ok(builder.with_no_client_auth()),
            Some(name) => {
                let missing = || Refusal::Broken(format!("there is no certificate control/clientcerts/{name}"));
                let identity = self.identities.get(name).ok_or_else(missing)?;
                Ok(builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(Arc::clone(&identity.0)))))
            }
        }
    }
}
