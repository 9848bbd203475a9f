//! What control/ and the variables say to every message of this host.

use stafett_control::{Control, rows};
use stafett_injection::{Defaults, name, variable_of};
use stafett_log::Failure;
use std::io;

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Site {
    /// What completes an address.
    pub defaults: Defaults,
    /// Behind the `@` of a message id.
    pub id_host: String,
    /// The mailing lists that the user reads, in lower case (QMAILMFTFILE).
    pub lists: Vec<String>,
}

impl Site {
    /// Reads them.
    ///
    /// # Errors
    /// When a file that is needed cannot be used.
    pub fn read(control: &Control) -> Result<Site, Failure> {
        let defaults = Defaults::read(control).map_err(Failure::temporary)?;
        let id_host = name(control, "QMAILIDHOST", &rows::IDHOST).map_err(Failure::temporary)?;
        Ok(Site { defaults, id_host, lists: lists()? })
    }
}

/// The addresses of the file that QMAILMFTFILE names, one a line; none where it is missing (qmail-inject(8)).
fn lists() -> Result<Vec<String>, Failure> {
    let Some(path) = variable_of("QMAILMFTFILE") else { return Ok(Vec::new()) };
    match std::fs::read_to_string(&path) {
        Ok(text) => {
            let lines = text.lines().map(str::trim_end);
            Ok(lines.filter(|line| !line.is_empty() && !line.starts_with('#')).map(str::to_lowercase).collect())
        }
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        Err(error) => Err(Failure::temporary(format!("unable to read {path} of QMAILMFTFILE: {error}"))),
    }
}
