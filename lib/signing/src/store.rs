//! Where keys lie: control/dkim/DOMAIN/SELECTOR.

use crate::Key;
use stafett_control::{Control, rows};
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// The largest key file, in bytes.
const LARGEST: u64 = 64 * 1024;

/// The keys of an instance.
#[derive(Clone, Debug)]
pub struct Store {
    directory: PathBuf,
}

impl Store {
    /// Those below this control directory.
    #[must_use]
    pub fn new(control: &Control) -> Store {
        Store { directory: control.path(&rows::DKIM) }
    }

    /// Where they lie.
    #[must_use]
    pub fn directory(&self) -> &Path {
        &self.directory
    }

    /// The file of a key; nothing where a name leads elsewhere.
    #[must_use]
    pub fn path(&self, domain: &str, selector: &str) -> Option<PathBuf> {
        (is_name(domain) && is_name(selector)).then(|| self.directory.join(domain.to_ascii_lowercase()).join(selector))
    }

    /// Domain and selector of each file, in order; none where the directory cannot be read.
    #[must_use]
    pub fn names(&self) -> Vec<(String, String)> {
        let below = |directory: &Path| -> Vec<String> {
            let entries = fs::read_dir(directory).into_iter().flatten().flatten();
            entries.filter_map(|entry| entry.file_name().into_string().ok()).filter(|name| is_name(name)).collect()
        };
        let selectors = |domain: String| below(&self.directory.join(&domain)).into_iter().map(move |selector| (domain.clone(), selector));
        let mut names: Vec<(String, String)> = below(&self.directory).into_iter().flat_map(selectors).collect();
        names.sort();
        names
    }

    /// A key.
    ///
    /// # Errors
    /// A sentence that names the file: it cannot be read, may be read by others, or holds no key.
    pub fn key(&self, domain: &str, selector: &str) -> Result<Key, String> {
        let path = self
            .path(domain, selector)
            .ok_or_else(|| format!("\"{domain}\" and \"{selector}\" are no names of a domain and a selector"))?;
        let shown = path.display();
        let found = fs::metadata(&path).map_err(|error| format!("unable to read {shown}: {error}"))?;
        if found.mode() & 0o077 != 0 {
            return Err(format!("{shown} may be read by others than its owner; say chmod 400 {shown}"));
        }
        if !found.is_file() || found.len() > LARGEST {
            return Err(format!("{shown} is no file with a key"));
        }
        let text = fs::read_to_string(&path).map_err(|error| format!("unable to read {shown}: {error}"))?;
        Key::from_pem(&text).map_err(|reason| format!("unable to use {shown}: {reason}"))
    }
}

/// Whether text can be the name of a domain, and so of a directory: letters, digits, `-`, `_`, and dots between them.
fn is_name(text: &str) -> bool {
    let label = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_'));
    text.len() <= 253 && text.split('.').all(label)
}
