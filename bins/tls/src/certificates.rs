//! Which certificate a client gets, and when it is read again.

use crate::keys::KeyService;
use rustls::server::{ClientHello, ResolvesServerCert};
use rustls::sign::CertifiedKey;
use stafett_certificates::{Stamp, Store};
use stafett_log::{Log, safe};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often files are looked at, at most.
const EVERY: Duration = Duration::from_secs(1);
/// How soon a name is tried again whose key could not be asked for.
const AGAIN: Duration = Duration::from_secs(5);

/// All certificates, and what is needed to read them.
#[derive(Debug)]
pub struct Certificates {
    log: Log,
    store: Store,
    keys: KeyService,
    me: String,
    files: BTreeMap<String, Files>,
    looked: Option<Instant>,
    chosen: Arc<Choice>,
}

/// One name's files as they were last read.
#[derive(Debug)]
struct Files {
    stamps: [Option<Stamp>; 2],
    read: Instant,
    certified: Option<Arc<CertifiedKey>>,
    /// What was wrong the last time, so that it is told once.
    fault: Option<String>,
}

/// What a handshake chooses from.
#[derive(Debug, Default)]
pub struct Choice {
    names: BTreeMap<String, Arc<CertifiedKey>>,
    /// For a client that names nobody, or somebody else.
    default: Option<Arc<CertifiedKey>>,
}

impl Certificates {
    /// None are read yet; `me` names the one for clients that name nobody.
    pub fn new(log: Log, store: Store, keys: KeyService, me: String) -> Certificates {
        Certificates { log, store, keys, me: me.to_ascii_lowercase(), files: BTreeMap::new(), looked: None, chosen: Arc::default() }
    }

    /// What a handshake that begins now chooses from.
    pub fn current(&self) -> Arc<Choice> {
        Arc::clone(&self.chosen)
    }

    /// Reads what has changed, and says whether anything has.
    pub fn refresh(&mut self, forced: bool) -> bool {
        let now = Instant::now();
        let recent = self.looked.is_some_and(|looked| now < looked + EVERY);
        // without any certificate each handshake is a reason to look: tlskeys may have come up just now
        if recent && !forced && !self.chosen.is_empty() {
            return false;
        }
        self.looked = Some(now);
        let names = match self.store.names() {
            Ok(names) => names,
            Err(reason) => {
                self.log.error(format_args!("{reason} (the last good copy stays in force)"));
                return false;
            }
        };
        let gone = self.files.len();
        self.files.retain(|name, _| names.contains(name));
        let mut changed = gone != self.files.len();
        for name in names {
            changed |= self.look(&name, now, forced);
        }
        if changed {
            self.chosen = Arc::new(self.choice());
        }
        changed
    }

    fn look(&mut self, name: &str, now: Instant, forced: bool) -> bool {
        let stamps = [self.store.certificate(name), self.store.key(name)].map(|path| Stamp::of(&path));
        let known = self.files.get(name);
        let stale = known.is_none_or(|files| {
            let due = files.certified.is_none() || now >= files.read + AGAIN;
            files.stamps != stamps || (files.fault.is_some() && due)
        });
        if !stale && !forced {
            return false;
        }
        let (last, told) = known.map_or((None, None), |files| (files.certified.clone(), files.fault.clone()));
        let (certified, fault) = match self.read(name) {
            Ok(certified) => (Some(certified), None),
            Err(reason) => {
                if told.as_ref() != Some(&reason) {
                    let kept = if last.is_some() { " (the last good copy stays in force)" } else { "" };
                    self.log.error(format_args!("{}{kept}", safe(reason.as_bytes())));
                }
                (last, Some(reason))
            }
        };
        let same = match (&certified, known.and_then(|files| files.certified.as_ref())) {
            (Some(new), Some(old)) => Arc::ptr_eq(new, old),
            (None, None) => true,
            _ => false,
        };
        self.files.insert(name.to_owned(), Files { stamps, read: now, certified, fault });
        !same
    }

    fn read(&self, name: &str) -> Result<Arc<CertifiedKey>, String> {
        let chain = self.store.chain(name)?;
        let certified = CertifiedKey::new(chain, Arc::new(self.keys.key(name)?));
        let path = self.store.certificate(name);
        certified.keys_match().map_err(|error| format!("{} does not belong to the key beside it: {error}", path.display()))?;
        Ok(Arc::new(certified))
    }

    fn choice(&self) -> Choice {
        let usable = self.files.iter().filter_map(|(name, files)| Some((name.to_ascii_lowercase(), files.certified.clone()?)));
        let names: BTreeMap<String, Arc<CertifiedKey>> = usable.collect();
        let default = names.get(&self.me).or_else(|| names.values().next()).cloned();
        Choice { names, default }
    }
}

impl Choice {
    /// Whether there is no certificate at all.
    pub fn is_empty(&self) -> bool {
        self.default.is_none()
    }

    /// What a client gets that asks for this name.
    pub fn of(&self, name: Option<&str>) -> Option<&Arc<CertifiedKey>> {
        let named = name.and_then(|name| self.names.get(&name.to_ascii_lowercase()));
        named.or(self.default.as_ref())
    }
}

impl ResolvesServerCert for Choice {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        self.of(hello.server_name()).cloned()
    }
}
