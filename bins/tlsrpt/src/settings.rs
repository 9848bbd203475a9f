//! What control/ says to this program, read once and handed to each run of reports.
//!
//! Fails with the control file's error, which names file and line.

use stafett_control::{Control, Error, rows};
use stafett_https::Https;
use stafett_smtp_client::Reach;

use crate::report::Author;

/// The control files of this program, typed.
#[derive(Debug)]
pub struct Settings {
    /// Whom to ask for names, and who may vouch for hosts.
    pub reach: Reach,
    /// The way to those who take reports by HTTPS.
    pub https: Https,
    /// Who reports; nobody where control/tlsrpt is missing.
    pub author: Option<Author>,
}

impl Settings {
    /// Reads tlsrpt, httpsproxy, and what [`Reach`] reads.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Self, Error> {
        let reach = Reach::read(control)?;
        let https = Https::new(control, &reach)?;
        let address = control.list(&rows::TLSRPT)?.and_then(|lines| lines.into_iter().next());
        let author = address.map(|line| Author { me: reach.me.clone(), address: line.value });
        Ok(Settings { reach, https, author })
    }
}
