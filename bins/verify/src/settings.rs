//! What the control files say.
//!
//! How it fails: with file and line; whoever reads them keeps the last good copy.

use crate::spf::check::Additions;
use crate::spf::rules;
use stafett_control::{Control, Error, Setting, rows};
use stafett_dns::Chosen;

/// The control files, typed.
#[derive(Debug)]
pub struct Settings {
    /// Our own name: it stands in fields, and results in this name are ours.
    pub me: String,
    /// Name servers.
    pub servers: Chosen,
    /// What the admin adds to SPF.
    pub additions: Additions,
}

impl Settings {
    /// Reads all of them.
    ///
    /// # Errors
    /// The first file that cannot be used.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let lines = control.list(&rows::RESOLVERS)?.unwrap_or_default();
        Ok(Settings {
            me: control.required(&rows::ME)?.to_ascii_lowercase(),
            servers: Chosen::from_lines(lines.iter().map(|item| item.value.as_str())),
            additions: Additions {
                rules: terms(control, &rows::SPFRULES)?,
                guess: terms(control, &rows::SPFGUESS)?,
                explanation: explanation(control)?,
            },
        })
    }
}

fn terms(control: &Control, row: &'static Setting) -> Result<Option<rules::Record>, Error> {
    let Some(text) = control.line(row)? else { return Ok(None) };
    rules::parse(&text).map(Some).map_err(|reason| fault(row, &reason))
}

fn explanation(control: &Control) -> Result<Option<String>, Error> {
    let text = control.line(&rows::SPFEXP)?;
    text.as_deref().map_or(Ok(()), rules::check_explanation).map_err(|reason| fault(&rows::SPFEXP, &reason))?;
    Ok(text)
}

fn fault(row: &Setting, reason: &str) -> Error {
    Error { file: format!("control/{}", row.name), line: 1, reason: reason.to_owned() }
}
