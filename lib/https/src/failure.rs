//! Why there is no answer.

use std::fmt;
use std::io;

/// Why there is no answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failure {
    /// What has failed.
    pub what: What,
    /// It, in words.
    pub words: String,
}

/// What has failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum What {
    /// There is no such host; no later question can fare better soon.
    NoHost,
    /// It cannot be reached, or does not speak as it should.
    Unreachable,
    /// Its certificate is not one for its name that an authority vouches for now.
    Certificate,
    /// The time was over.
    Late,
    /// It says more than we take.
    TooMuch,
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.words)
    }
}

impl Failure {
    pub(crate) fn new(what: What, words: impl Into<String>) -> Failure {
        Failure { what, words: words.into() }
    }
}

impl From<ureq::Error> for Failure {
    fn from(error: ureq::Error) -> Self {
        match error {
            ureq::Error::Timeout(_) => Failure::new(What::Late, "it did not answer in time"),
            ureq::Error::BodyExceedsLimit(most) => Failure::new(What::TooMuch, format!("it sent more than {most} bytes")),
            ureq::Error::LargeResponseHeader(..) => Failure::new(What::TooMuch, "it sent too large a header"),
            ureq::Error::HostNotFound => Failure::new(What::NoHost, "the host does not exist or has no address"),
            ureq::Error::Io(error) => from_io(&error),
            ureq::Error::Other(error) => match error.downcast::<Failure>() {
                Ok(failure) => *failure,
                Err(other) => Failure::new(What::Unreachable, other.to_string()),
            },
            other => Failure::new(What::Unreachable, other.to_string()),
        }
    }
}

/// Errors of the handshake come wrapped, once or more often.
pub(crate) fn from_io(error: &io::Error) -> Failure {
    let inner = error.get_ref();
    if let Some(rustls::Error::InvalidCertificate(reason)) = inner.and_then(|inner| inner.downcast_ref()) {
        return Failure::new(What::Certificate, format!("its certificate does not hold: {reason}"));
    }
    if let Some(ureq::Error::Timeout(_)) = inner.and_then(|inner| inner.downcast_ref()) {
        return Failure::new(What::Late, "it did not answer in time");
    }
    if let Some(wrapped) = inner.and_then(|inner| inner.downcast_ref::<io::Error>()) {
        return from_io(wrapped);
    }
    match error.kind() {
        io::ErrorKind::TimedOut | io::ErrorKind::WouldBlock => Failure::new(What::Late, "it did not answer in time"),
        _ => Failure::new(What::Unreachable, error.to_string()),
    }
}
