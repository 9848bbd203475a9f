//! Private keys that are somewhere else: stafett-tlskeys signs.
//!
//! A child keeps its connection there for the client's next handshake; the parent, which forks, keeps none.

use rustls::pki_types::SubjectPublicKeyInfoDer;
use rustls::sign::{Signer, SigningKey};
use rustls::{Error, SignatureAlgorithm, SignatureScheme};
use stafett_ask::{Answer, Calls, Verdict, ask};
use std::io;
use std::path::PathBuf;
use std::sync::{Arc, Mutex};
use std::time::Duration;

/// How long a signature may take; the client waits for its handshake meanwhile.
const PATIENCE: Duration = Duration::from_secs(10);

/// The way to stafett-tlskeys.
#[derive(Clone, Debug)]
pub struct KeyService {
    socket: Arc<PathBuf>,
    /// For signatures, which only a child wants.
    calls: Arc<Mutex<Calls>>,
}

/// A key that another process holds.
#[derive(Debug)]
pub struct RemoteKey {
    service: KeyService,
    name: String,
    public: SubjectPublicKeyInfoDer<'static>,
    schemes: Vec<SignatureScheme>,
}

#[derive(Debug)]
struct RemoteSigner {
    service: KeyService,
    name: String,
    /// Says which key of that name: it may have been changed, and our certificate not yet.
    public: SubjectPublicKeyInfoDer<'static>,
    scheme: SignatureScheme,
}

impl KeyService {
    /// The one that listens there.
    pub fn new(socket: PathBuf) -> KeyService {
        KeyService { socket: Arc::new(socket), calls: Arc::default() }
    }

    /// The key of a name.
    ///
    /// # Errors
    /// When the service is away or has no such key.
    pub fn key(&self, name: &str) -> Result<RemoteKey, String> {
        let mut fields = self.fields(ask(&self.socket, &[b"public", name.as_bytes()], None, PATIENCE))?.into_iter();
        let public = fields.next().ok_or("stafett-tlskeys does not tell what the key is")?;
        let scheme = |field: Vec<u8>| std::str::from_utf8(&field).ok()?.parse::<u16>().ok().map(SignatureScheme::from);
        let schemes: Vec<SignatureScheme> = fields.filter_map(scheme).collect();
        Ok(RemoteKey { service: self.clone(), name: name.to_owned(), public: SubjectPublicKeyInfoDer::from(public), schemes })
    }

    fn signature(&self, question: &[&[u8]]) -> Result<Vec<u8>, String> {
        let mut calls = self.calls.lock().map_err(|_| "a signature was broken off")?;
        let fields = self.fields(calls.ask(&self.socket, question, None, PATIENCE))?;
        fields.into_iter().next().ok_or_else(|| "stafett-tlskeys gave no signature".to_owned())
    }

    fn fields(&self, answer: io::Result<Answer>) -> Result<Vec<Vec<u8>>, String> {
        let answer = answer.map_err(|error| format!("stafett-tlskeys does not answer at {}: {error}", self.socket.display()))?;
        if answer.verdict == Verdict::Ok { Ok(answer.fields) } else { Err(format!("stafett-tlskeys: {}", answer.text)) }
    }
}

impl SigningKey for RemoteKey {
    fn choose_scheme(&self, offered: &[SignatureScheme]) -> Option<Box<dyn Signer>> {
        let scheme = *self.schemes.iter().find(|scheme| offered.contains(scheme))?;
        Some(Box::new(RemoteSigner { service: self.service.clone(), name: self.name.clone(), public: self.public.clone(), scheme }))
    }

    fn public_key(&self) -> Option<SubjectPublicKeyInfoDer<'_>> {
        Some(SubjectPublicKeyInfoDer::from(self.public.as_ref()))
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        match self.schemes.first() {
            Some(SignatureScheme::ED25519) => SignatureAlgorithm::ED25519,
            Some(SignatureScheme::ECDSA_NISTP256_SHA256 | SignatureScheme::ECDSA_NISTP384_SHA384) => SignatureAlgorithm::ECDSA,
            _ => SignatureAlgorithm::RSA,
        }
    }
}

impl Signer for RemoteSigner {
    fn sign(&self, message: &[u8]) -> Result<Vec<u8>, Error> {
        let scheme = u16::from(self.scheme).to_string();
        let question: [&[u8]; 5] = [b"sign", self.name.as_bytes(), scheme.as_bytes(), message, self.public.as_ref()];
        self.service.signature(&question).map_err(Error::General)
    }

    fn scheme(&self) -> SignatureScheme {
        self.scheme
    }
}
