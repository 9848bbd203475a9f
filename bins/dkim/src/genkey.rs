//! `stafett-dkim genkey`: makes a key, puts it where the service finds it, and prints its record.
//!
//! Security stance: the file is its owner's alone from the moment it exists. A key that is there is never written over: mail
//! on its way is verified by its record. How it fails: nothing is left behind.

use crate::LOG;
use crate::options::Make;
use crate::record;
use ring::rand::{SecureRandom, SystemRandom};
use rsa::RsaPrivateKey;
use rsa::pkcs8::EncodePrivateKey;
use rsa::rand_core::{CryptoRng, Error, RngCore};
use stafett_control::Control;
use stafett_instance::{Instance, Service};
use stafett_signing::{Key, Store, pem};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{OpenOptionsExt, chown};
use std::path::Path;

/// Makes it.
///
/// # Errors
/// A sentence for the admin.
pub fn run(instance: &Instance, make: &Make) -> Result<(), String> {
    let store = Store::new(&Control::new(instance.control()));
    let path = store.path(&make.domain, &make.selector);
    let path = path.ok_or("a domain and a selector are letters, digits and hyphens with dots between; write a domain as its A-label")?;
    if path.exists() {
        return Err(format!("{} is there already; choose another selector", path.display()));
    }
    let der = match make.bits {
        Some(bits) => rsa(bits)?,
        None => ed25519()?,
    };
    let key = Key::from_pkcs8(&der)?;
    let owner = instance.owner_of(Service::Dkim).ok().filter(|_| stafett_sys::user::Uid::effective().is_root());
    keep(&path, pem("PRIVATE KEY", &der).as_bytes(), owner.map(|uid| uid.0))
        .map_err(|error| format!("unable to write {}: {error}", path.display()))?;
    LOG.note(format_args!("the key is in {}; it signs what control/dkimsign says, once this record is published", path.display()));
    record::print(&make.domain, &make.selector, &key)
}

fn rsa(bits: u16) -> Result<Vec<u8>, String> {
    let failed = |error: &dyn std::fmt::Display| format!("unable to make a key: {error}");
    let key = RsaPrivateKey::new(&mut Random, usize::from(bits)).map_err(|error| failed(&error))?;
    key.to_pkcs8_der().map(|document| document.as_bytes().to_vec()).map_err(|error| failed(&error))
}

fn ed25519() -> Result<Vec<u8>, String> {
    let mut seed = [0; 32];
    SystemRandom::new().fill(&mut seed).map_err(|_| "the system gives no random bytes")?;
    Ok(Key::ed25519_from_seed(&seed))
}

/// Under another name first: the service may look at any time.
fn keep(path: &Path, text: &[u8], owner: Option<u32>) -> io::Result<()> {
    let directory = path.parent().unwrap_or(path);
    fs::create_dir_all(directory)?;
    let new = directory.join(format!(".new.{}", std::process::id()));
    let write = || {
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o400).open(&new)?;
        file.write_all(text)?;
        chown(&new, owner, None)?;
        file.sync_all()?;
        // a link does not write over what is there
        fs::hard_link(&new, path)
    };
    let written = write();
    let removed = fs::remove_file(&new);
    written.and(removed).and_then(|()| fs::File::open(directory)?.sync_all())
}

/// Random bytes of the system, as the maker of RSA keys wants to be given them.
struct Random;

impl RngCore for Random {
    fn next_u32(&mut self) -> u32 {
        let mut bytes = [0; 4];
        self.fill_bytes(&mut bytes);
        u32::from_ne_bytes(bytes)
    }

    fn next_u64(&mut self) -> u64 {
        let mut bytes = [0; 8];
        self.fill_bytes(&mut bytes);
        u64::from_ne_bytes(bytes)
    }

    fn fill_bytes(&mut self, bytes: &mut [u8]) {
        // a key from fewer random bytes would be worse than none: there is no way on
        if self.try_fill_bytes(bytes).is_err() {
            LOG.fatal("the system gives no random bytes");
            std::process::exit(111);
        }
    }

    fn try_fill_bytes(&mut self, bytes: &mut [u8]) -> Result<(), Error> {
        SystemRandom::new().fill(bytes).map_err(|_| Error::new(io::Error::other("the system gives no random bytes")))
    }
}

impl CryptoRng for Random {}
