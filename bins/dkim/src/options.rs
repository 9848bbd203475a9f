//! The command line.

use std::ffi::OsString;

/// How it is called.
pub const USAGE: &str = "usage: stafett-dkim --resident | stafett-dkim genkey [--ed25519 | --bits N] [DIR] DOMAIN SELECTOR | stafett-dkim record [DIR] DOMAIN SELECTOR";

/// The sizes of RSA keys that verifiers take (RFC 8301 section 3.2), in bits.
const BITS: [u16; 3] = [2048, 3072, 4096];

/// What is asked for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Work {
    /// Serve.
    Serve,
    /// Make a key.
    Make(Make),
    /// Print the record of a key: domain and selector.
    Tell(String, String),
}

/// Which key to make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Make {
    /// For this domain.
    pub domain: String,
    /// With this selector.
    pub selector: String,
    /// An RSA key of so many bits; Ed25519 without.
    pub bits: Option<u16>,
}

/// The options.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The instance's directory.
    pub directory: Option<OsString>,
    /// What is asked for.
    pub work: Work,
}

impl Options {
    /// Reads the arguments of this process.
    ///
    /// # Errors
    /// A sentence about the first that is wrong.
    pub fn read() -> Result<Options, String> {
        Options::parse(lexopt::Parser::from_env())
    }

    fn parse(mut parser: lexopt::Parser) -> Result<Options, String> {
        use lexopt::prelude::{Long, Value};
        let (mut resident, mut bits, mut values) = (false, Some(2048), Vec::new());
        while let Some(argument) = parser.next().map_err(|error| error.to_string())? {
            match argument {
                Long("resident") => resident = true,
                Long("ed25519") => bits = None,
                Long("bits") => bits = Some(size(&parser.value().map_err(|error| error.to_string())?)?),
                Value(value) => values.push(value),
                other => return Err(other.unexpected().to_string()),
            }
        }
        let mut values = values.into_iter();
        let work = values.next();
        let rest: Vec<OsString> = values.collect();
        match work.as_deref().map(|work| work.to_string_lossy()).as_deref() {
            None if resident => Ok(Options { directory: None, work: Work::Serve }),
            Some("genkey") if !resident => {
                let (directory, domain, selector) = named(rest)?;
                Ok(Options { directory, work: Work::Make(Make { domain, selector, bits }) })
            }
            Some("record") if !resident => {
                let (directory, domain, selector) = named(rest)?;
                Ok(Options { directory, work: Work::Tell(domain, selector) })
            }
            _ => Err("say what to do".to_owned()),
        }
    }
}

fn size(value: &std::ffi::OsStr) -> Result<u16, String> {
    let bits = value.to_str().and_then(|text| text.parse().ok()).filter(|bits| BITS.contains(bits));
    bits.ok_or_else(|| "--bits must be 2048, 3072 or 4096".to_owned())
}

/// Directory, domain and selector.
fn named(mut values: Vec<OsString>) -> Result<(Option<OsString>, String, String), String> {
    let mut text = || values.pop().and_then(|value| value.into_string().ok()).ok_or_else(|| "name a domain and a selector".to_owned());
    let (selector, domain) = (text()?, text()?);
    let directory = values.pop();
    if values.is_empty() { Ok((directory, domain.to_lowercase(), selector)) } else { Err("too many arguments".to_owned()) }
}

#[cfg(test)]
#[path = "options_test.rs"]
mod options_test;
