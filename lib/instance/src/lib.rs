//! Where an instance lives and who may talk to whom in it.
//!
//! What: every program finds its instance by the variable STAFETT (default /var/stafett); the
//! admin's programs also take a directory as argument. Paths below it are named here alone.
//! Security stance: a service knows the user of its callers by the owner of the caller's directory
//! under run/, which only the installer can set ([`Instance::owner_of`]).
//! How it fails: a sentence for the admin in [`Error`].
//! Known limits: a Unix socket's path may have 107 bytes, so the directory's name is bounded.

pub mod land;
pub mod people;
pub mod tree;

use stafett_sys::user::Uid;
use std::ffi::OsString;
use std::fmt;
use std::io;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

/// Where an instance lies when STAFETT is not set.
pub const DEFAULT: &str = "/var/stafett";
/// The longest name of an instance's directory, in bytes (unix(7): 108 for a socket's path).
pub const LONGEST: usize = 80;

/// A service with a directory under run/.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Service {
    /// stafett-queued.
    Queue,
    /// stafett-send.
    Send,
    /// stafett-remote.
    Remote,
    /// stafett-smtpd --resident.
    Smtpd,
    /// stafett-metrics.
    Metrics,
    /// stafett-callout.
    Callout,
    /// stafett-verify.
    Verify,
    /// stafett-dnsbl --resident.
    Dnsbl,
    /// stafett-limit --resident.
    Limit,
    /// stafett-tls.
    Tls,
    /// stafett-tlskeys.
    TlsKeys,
    /// stafett-milter.
    Milter,
    /// stafett-dkim --resident.
    Dkim,
    /// stafett-auth.
    Auth,
    /// stafett-mtasts.
    MtaSts,
    /// stafett-tlsrpt.
    TlsRpt,
    /// stafett-local --resident.
    Local,
    /// stafett-send, where smtpd may ask for the mail of a domain to be tried, and for nothing else.
    Etrn,
}

/// Where stafett-local is asked for recipients, below the instance; beside its own run directory, for others may pass here.
pub const RECIPIENTS: &str = "run/recipients";

/// Where the programs lie that dot-qmail files call by their short names, below the instance.
pub const DOT: &str = "dot";

impl Service {
    /// The name of its directory under run/.
    pub fn name(self) -> &'static str {
        match self {
            Service::Queue => "queue",
            Service::Send => "send",
            Service::Remote => "remote",
            Service::Smtpd => "smtpd",
            Service::Metrics => "metrics",
            Service::Callout => "callout",
            Service::Verify => "verify",
            Service::Dnsbl => "dnsbl",
            Service::Limit => "limit",
            Service::Tls => "tls",
            Service::TlsKeys => "tlskeys",
            Service::Milter => "milter",
            Service::Dkim => "dkim",
            Service::Auth => "auth",
            Service::MtaSts => "mtasts",
            Service::TlsRpt => "tlsrpt",
            Service::Local => "local",
            Service::Etrn => "etrn",
        }
    }
}

/// The directory of an instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Instance {
    root: PathBuf,
}

/// Why there is no usable instance, a sentence for the admin.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Error(String);

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for Error {}

impl Instance {
    /// The instance that the variable STAFETT names.
    ///
    /// # Errors
    /// When the name is not absolute or too long, or there is no such directory.
    pub fn from_environment() -> Result<Instance, Error> {
        Instance::at(std::env::var_os("STAFETT").unwrap_or_else(|| OsString::from(DEFAULT)))
    }

    /// The instance in `directory`, or the one that the variable STAFETT names when a command line names none.
    ///
    /// # Errors
    /// As with [`Instance::at`] and [`Instance::from_environment`].
    pub fn find(directory: Option<impl Into<PathBuf>>) -> Result<Instance, Error> {
        directory.map_or_else(Instance::from_environment, Instance::at)
    }

    /// The instance in `directory`, made absolute.
    ///
    /// # Errors
    /// When the name is too long or there is no such directory.
    pub fn at(directory: impl Into<PathBuf>) -> Result<Instance, Error> {
        let root: PathBuf = directory.into();
        let shown = root.display().to_string();
        let root = std::path::absolute(&root).map_err(|error| Error(format!("unable to find the directory \"{shown}\": {error}")))?;
        if root.as_os_str().len() > LONGEST {
            return Err(Error(format!(
                "{shown}: the name of an instance's directory may have {LONGEST} bytes at most; choose a shorter one"
            )));
        }
        match std::fs::metadata(&root) {
            Ok(found) if found.is_dir() => Ok(Instance { root }),
            Ok(_) => Err(Error(format!("{shown} is not a directory; set STAFETT to the directory that stafett-setup made"))),
            Err(error) => {
                Err(Error(format!("unable to use the instance {shown}: {error}; set STAFETT to the directory that stafett-setup made")))
            }
        }
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// The control files.
    pub fn control(&self) -> PathBuf {
        self.root.join("control")
    }

    /// The queue.
    pub fn queue(&self) -> PathBuf {
        self.root.join("queue")
    }

    /// Where smtpd keeps messages that are being judged.
    pub fn spool(&self) -> PathBuf {
        self.root.join("spool")
    }

    /// The run directory of a service.
    pub fn run(&self, service: Service) -> PathBuf {
        self.root.join("run").join(service.name())
    }

    /// Where a service keeps what must survive it.
    pub fn state(&self, service: Service) -> PathBuf {
        self.root.join(tree::STATE).join(service.name())
    }

    /// The socket on which a service listens.
    pub fn socket(&self, service: Service) -> PathBuf {
        self.run(service).join("socket")
    }

    /// The user that a service runs as: the owner of its run directory.
    ///
    /// # Errors
    /// When that directory is missing.
    pub fn owner_of(&self, service: Service) -> io::Result<Uid> {
        std::fs::metadata(self.run(service)).map(|found| Uid(found.uid()))
    }
}
