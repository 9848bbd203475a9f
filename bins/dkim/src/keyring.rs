//! The keys that have been read, each read again when its file has changed.

use crate::LOG;
use stafett_log::safe;
use stafett_signing::{Key, Store};
use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::sync::Arc;

/// Keys that are remembered; `dkimsign` may have a key for each domain.
const MOST: usize = 10_000;

/// All keys.
pub struct Keyring {
    store: Store,
    loaded: HashMap<(String, String), Loaded>,
}

struct Loaded {
    /// That of the file when it was last read, whether it could be used or not.
    stamp: Option<Stamp>,
    key: Option<Arc<Key>>,
}

/// What changes when a file is changed: inode, size, time of its content, time of its owner and mode.
type Stamp = (u64, u64, (i64, i64), (i64, i64));

impl Keyring {
    /// None are loaded yet.
    pub fn new(store: Store) -> Keyring {
        Keyring { store, loaded: HashMap::new() }
    }

    /// The key of a domain and a selector, if it can be used; the log says why not.
    pub fn key(&mut self, domain: &str, selector: &str) -> Option<Arc<Key>> {
        let stamp = self.store.path(domain, selector).and_then(|path| stamp(&path));
        let name = (domain.to_owned(), selector.to_owned());
        let known = self.loaded.get(&name);
        if let Some(loaded) = known.filter(|loaded| loaded.stamp == stamp) {
            return loaded.key.clone();
        }
        let key = match self.store.key(domain, selector) {
            Ok(key) => Some(Arc::new(key)),
            Err(reason) => {
                // a key that was taken away is not to be used any more
                let last = known.and_then(|loaded| loaded.key.clone()).filter(|_| stamp.is_some());
                let kept = if last.is_some() { " (the last good copy stays in force)" } else { "" };
                LOG.error(format_args!("{}{kept}", safe(reason.as_bytes())));
                last
            }
        };
        if self.loaded.len() >= MOST {
            self.loaded.clear();
        }
        self.loaded.insert(name, Loaded { stamp, key: key.clone() });
        key
    }
}

fn stamp(path: &Path) -> Option<Stamp> {
    let found = fs::metadata(path).ok()?;
    Some((found.ino(), found.size(), (found.mtime(), found.mtime_nsec()), (found.ctime(), found.ctime_nsec())))
}
