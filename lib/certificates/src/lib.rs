//! Where certificates and their keys lie: control/servercerts/NAME/cert.pem and key.pem.
//!
//! What it does: finds the names, reads chains and keys, and tells when a file has changed. Each of the two programs that
//! use it reads one half: stafett-tls the certificates, stafett-tlskeys the keys.
//!
//! Security stance: a name is a host name, so it leads nowhere but below its directory. A key is read only from a file that
//! nobody but its owner may read.
//!
//! How it fails: with a sentence that names the file.

use rustls::pki_types::pem::{self, PemObject};
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use stafett_control::{Control, rows};
use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The certificates of an instance.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

/// What changes when a file is changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    inode: u64,
    size: u64,
    modified: (i64, i64),
}

impl Store {
    /// Those below this control directory.
    pub fn new(control: &Control) -> Store {
        Store { directory: control.path(&rows::SERVERCERTS) }
    }

    /// Where they lie.
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The names, in alphabetical order; none where the directory is missing.
    ///
    /// # Errors
    /// When the directory cannot be read.
    pub fn names(&self) -> Result<Vec<String>, String> {
        let unreadable = |error: io::Error| format!("unable to read {}: {error}", self.directory.display());
        let entries = match fs::read_dir(&self.directory) {
            Ok(entries) => entries,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(unreadable(error)),
        };
        let mut names = Vec::new();
        for entry in entries {
            let entry = entry.map_err(unreadable)?;
            if let Ok(name) = entry.file_name().into_string()
                && is_name(&name)
                && entry.path().is_dir()
            {
                names.push(name);
            }
        }
        names.sort();
        Ok(names)
    }

    /// Whether that is the name of one.
    pub fn has(&self, name: &str) -> bool {
        is_name(name) && self.directory.join(name).is_dir()
    }

    /// The certificate file of a name.
    pub fn certificate(&self, name: &str) -> PathBuf {
        self.directory.join(name).join("cert.pem")
    }

    /// The key file of a name.
    pub fn key(&self, name: &str) -> PathBuf {
        self.directory.join(name).join("key.pem")
    }

    /// The certificate of a name and those that vouch for it, its own first.
    ///
    /// # Errors
    /// When the file cannot be read or holds no certificate.
    pub fn chain(&self, name: &str) -> Result<Vec<CertificateDer<'static>>, String> {
        let path = self.certificate(name);
        let read = CertificateDer::pem_file_iter(&path).and_then(Iterator::collect::<Result<Vec<_>, _>>);
        match read {
            Ok(chain) if chain.is_empty() => Err(format!("{} holds no certificate", path.display())),
            Ok(chain) => Ok(chain),
            Err(error) => Err(format!("unable to read {}: {}", path.display(), in_words(&error))),
        }
    }

    /// The key of a name.
    ///
    /// # Errors
    /// When the file cannot be read, may be read by others, or holds no key.
    pub fn private_key(&self, name: &str) -> Result<PrivateKeyDer<'static>, String> {
        if !is_name(name) {
            return Err(format!("\"{name}\" is no name of a host"));
        }
        let path = self.key(name);
        let found = fs::metadata(&path).map_err(|error| format!("unable to read {}: {error}", path.display()))?;
        if found.mode() & 0o077 != 0 {
            return Err(format!("{} may be read by others than its owner; say chmod 400 {0}", path.display()));
        }
        PrivateKeyDer::from_pem_file(&path).map_err(|error| format!("unable to read {}: {}", path.display(), in_words(&error)))
    }
}

impl Stamp {
    /// That of a file now; none when there is no such file.
    pub fn of(path: &Path) -> Option<Stamp> {
        fs::metadata(path).ok().map(|found: Metadata| Stamp {
            inode: found.ino(),
            size: found.size(),
            modified: (found.mtime(), found.mtime_nsec()),
        })
    }
}

/// Whether text can be the name of a host, and so of a directory: letters, digits, hyphens and dots between them.
fn is_name(text: &str) -> bool {
    let label = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    text.len() <= 253 && text.split('.').all(label)
}

fn in_words(error: &pem::Error) -> String {
    match error {
        pem::Error::Io(error) => error.to_string(),
        pem::Error::NoItemsFound => "there is nothing of that kind in it; it must be PEM text".to_owned(),
        other => format!("it is no PEM text that makes sense ({other:?})"),
    }
}
