//! Files of PEM text: the authorities that are trusted, and certificates of our own.
//!
//! How it fails: a sentence that names the file. A key that others may read is refused.

use std::fmt;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

use rustls::RootCertStore;
use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

/// Those who may vouch for other hosts; nobody by default.
#[derive(Clone)]
pub struct Authorities(pub(crate) Arc<RootCertStore>);

/// A certificate of ours and its key.
pub struct Identity(pub(crate) Arc<CertifiedKey>);

impl Default for Authorities {
    fn default() -> Self {
        Authorities(Arc::new(RootCertStore::empty()))
    }
}

impl fmt::Debug for Authorities {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Authorities({})", self.0.len())
    }
}

impl fmt::Debug for Identity {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Identity").finish_non_exhaustive()
    }
}

impl Authorities {
    /// Those, for a client that judges by them alone.
    pub fn store(&self) -> Arc<RootCertStore> {
        Arc::clone(&self.0)
    }

    /// The certificates in a file; those that cannot be an authority are left out.
    ///
    /// # Errors
    /// When the file cannot be read, or holds none.
    pub fn read(path: &Path) -> Result<Authorities, String> {
        let mut roots = RootCertStore::empty();
        for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unreadable(path, &error))? {
            let certificate = certificate.map_err(|error| unreadable(path, &error))?;
            // a list may hold what this library does not know, and the rest of it still counts
            let _ = roots.add(certificate);
        }
        if roots.is_empty() {
            return Err(format!("{} holds no certificate of an authority; it must be PEM text", path.display()));
        }
        Ok(Authorities(Arc::new(roots)))
    }
}

impl Identity {
    /// A certificate with those that vouch for it, its own first, and its key.
    ///
    /// # Errors
    /// When a file cannot be read, others may read the key, or the two do not belong together.
    pub fn read(certificate: &Path, key: &Path) -> Result<Identity, String> {
        let chain = CertificateDer::pem_file_iter(certificate).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        let chain = chain.map_err(|error| unreadable(certificate, &error))?;
        if chain.is_empty() {
            return Err(format!("{} holds no certificate", certificate.display()));
        }
        let found = std::fs::metadata(key).map_err(|error| format!("unable to read {}: {error}", key.display()))?;
        if found.mode() & 0o077 != 0 {
            return Err(format!("{} may be read by others than its owner; say chmod 400 {0}", key.display()));
        }
        let private = PrivateKeyDer::from_pem_file(key).map_err(|error| unreadable(key, &error))?;
        let made = CertifiedKey::from_der(chain, private, &rustls::crypto::ring::default_provider());
        let made = made.map_err(|error| format!("{} and {} cannot be used together: {error}", certificate.display(), key.display()))?;
        Ok(Identity(Arc::new(made)))
    }
}

fn unreadable(path: &Path, error: &pem::Error) -> String {
    let reason = match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "there is nothing of that kind in it; it must be PEM text".to_owned(),
        other => format!("it is no PEM text that makes sense ({other:?})"),
    };
    format!("unable to read {}: {reason}", path.display())
}
