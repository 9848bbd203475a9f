//! What TLS needs and is read once: the administrator's word by destination, the authorities that we trust, and our own
//! certificates.
//!
//! Read by a resident parent before it locks itself in, and inherited by its children. The list of authorities takes
//! milliseconds, so it is read again only when its file has changed.
//! How it fails: with the control file's error. Without any list of authorities nobody is trusted to vouch for others.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use stafett_control::form::tls::{SYSTEM_LISTS, TlsTerms};
use stafett_control::{Control, Error, rows};
use stafett_tls_client::{Authorities, Client, Identity};

/// What TLS needs.
#[derive(Debug)]
pub struct Means {
    /// Makes connections.
    pub client: Client,
    destinations: HashMap<String, TlsTerms>,
    list: List,
}

/// A list of authorities, and what tells one version of its file from the next.
#[derive(Clone, Debug)]
struct List {
    path: PathBuf,
    stamp: Option<(u64, u64, i64, i64)>,
    authorities: Authorities,
}

impl Means {
    /// Reads tlsdestinations, tlsauthorities and clientcerts; `before` is what was read the last time.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control, before: Option<&Means>) -> Result<Means, Error> {
        let list = List::read(control, before.map(|means| &means.list))?;
        let destinations = destinations(control)?;
        let client = Client::new(list.authorities.clone(), identities(control)?);
        Ok(Means { client, destinations, list })
    }

    /// What the administrator says of a destination of this name: of itself, else the longest `.suffix` of it, else of all.
    pub fn terms(&self, name: &str) -> Option<&TlsTerms> {
        if self.destinations.is_empty() {
            return None;
        }
        let name = name.to_ascii_lowercase();
        let suffixes = name.match_indices('.').filter_map(|(dot, _)| name.get(dot..));
        std::iter::once(name.as_str()).chain(suffixes).chain([""]).find_map(|key| self.destinations.get(key))
    }
}

/// The authorities alone.
///
/// # Errors
/// When control/tlsauthorities cannot be used.
pub fn authorities(control: &Control) -> Result<Authorities, Error> {
    List::read(control, None).map(|list| list.authorities)
}

/// The file that is read for authorities, for the sandbox.
pub fn list_of_authorities(control: &Control) -> Option<PathBuf> {
    named(control).ok().flatten().or_else(system_list)
}

fn named(control: &Control) -> Result<Option<PathBuf>, Error> {
    Ok(control.line(&rows::TLSAUTHORITIES)?.filter(|path| !path.is_empty()).map(PathBuf::from))
}

fn system_list() -> Option<PathBuf> {
    SYSTEM_LISTS.iter().map(PathBuf::from).find(|path| path.exists())
}

impl List {
    fn read(control: &Control, before: Option<&List>) -> Result<List, Error> {
        let named = named(control)?;
        let is_named = named.is_some();
        let Some(path) = named.or_else(system_list) else {
            return Ok(List { path: PathBuf::new(), stamp: None, authorities: Authorities::default() });
        };
        let stamp = stamp(&path);
        if let Some(before) = before.filter(|before| before.path == path && before.stamp == stamp) {
            return Ok(before.clone());
        }
        match Authorities::read(&path) {
            Ok(authorities) => Ok(List { path, stamp, authorities }),
            Err(reason) if is_named => Err(fault(rows::TLSAUTHORITIES.name, reason)),
            Err(_) => Ok(List { path, stamp: None, authorities: Authorities::default() }),
        }
    }
}

fn stamp(path: &Path) -> Option<(u64, u64, i64, i64)> {
    fs::metadata(path).ok().map(|found| (found.ino(), found.size(), found.mtime(), found.mtime_nsec()))
}

fn destinations(control: &Control) -> Result<HashMap<String, TlsTerms>, Error> {
    let mut destinations = HashMap::new();
    for item in control.map(&rows::TLSDESTINATIONS)?.unwrap_or_default() {
        let (domain, text) = item.value;
        let terms = TlsTerms::parse(&text).map_err(|reason| Error { line: item.line, ..fault(rows::TLSDESTINATIONS.name, reason) })?;
        destinations.insert(domain, terms);
    }
    Ok(destinations)
}

/// The certificates below control/clientcerts.
fn identities(control: &Control) -> Result<HashMap<String, Arc<Identity>>, Error> {
    let mut identities = HashMap::new();
    let Some(directory) = control.directory_of(&rows::CLIENTCERTS)? else { return Ok(identities) };
    let entries = fs::read_dir(&directory).map_err(|error| fault(rows::CLIENTCERTS.name, format!("unable to read it: {error}")))?;
    for entry in entries.flatten().filter(|entry| entry.path().is_dir()) {
        let Ok(name) = entry.file_name().into_string() else { continue };
        let [certificate, key] = ["cert.pem", "key.pem"].map(|file| entry.path().join(file));
        let identity = Identity::read(&certificate, &key).map_err(|reason| fault(rows::CLIENTCERTS.name, reason))?;
        identities.insert(name, Arc::new(identity));
    }
    Ok(identities)
}

fn fault(file: &str, reason: String) -> Error {
    Error { file: format!("control/{file}"), line: 0, reason }
}
