//! What completes an address: control/defaulthost and its kin, or the variables that stand for them.

use stafett_address::list::Address;
use stafett_control::{Control, Error, Setting, rows};

/// Names that are appended.
#[derive(Clone, Debug)]
pub struct Defaults {
    /// Behind an address without a host.
    host: String,
    /// Behind a host without a dot.
    domain: String,
    /// Behind a host that ends in `+`.
    plus: String,
}

impl Defaults {
    /// Reads them; a variable goes before its file (qmail-inject(8)).
    ///
    /// # Errors
    /// When a file that is needed cannot be used.
    pub fn read(control: &Control) -> Result<Defaults, Error> {
        let one = |variable: &str, row: &Setting| name(control, variable, row);
        Ok(Defaults {
            host: one("QMAILDEFAULTHOST", &rows::DEFAULTHOST)?,
            domain: one("QMAILDEFAULTDOMAIN", &rows::DEFAULTDOMAIN)?,
            plus: one("QMAILPLUSDOMAIN", &rows::PLUSDOMAIN)?,
        })
    }

    /// Gives an address the domain that it lacks, in whole or in part.
    pub fn complete(&self, address: &mut Address) {
        let domain = address.domain.take().unwrap_or_else(|| self.host.clone());
        address.domain = Some(self.complete_domain(domain));
    }

    /// As [`Defaults::complete`] for a domain.
    pub fn complete_domain(&self, domain: String) -> String {
        match domain.strip_suffix('+') {
            Some(begin) => format!("{begin}.{}", self.plus),
            None if domain.contains('.') || domain.starts_with('[') => domain,
            None => format!("{domain}.{}", self.domain),
        }
    }

    /// The host of a user who named none.
    pub fn host(&self) -> String {
        self.complete_domain(self.host.clone())
    }
}

/// What a variable says, or the file that it stands for, or control/me.
///
/// # Errors
/// When a file that is needed cannot be used.
pub fn name(control: &Control, variable: &str, row: &Setting) -> Result<String, Error> {
    match variable_of(variable) {
        Some(value) => Ok(value),
        None => control.line(row)?.map_or_else(|| control.required(&rows::ME), Ok),
    }
}

/// A variable that is set to something.
pub fn variable_of(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// The first of these variables that is set to something.
pub fn first_of(names: &[&str]) -> Option<String> {
    names.iter().find_map(|name| variable_of(name))
}
