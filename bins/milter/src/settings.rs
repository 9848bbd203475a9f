//! What control/ says to this program, read by the resident parent and inherited by its children.

use stafett_control::form::milter::Milter;
use stafett_control::{Control, Error, Item, rows};

/// Names of this host and those around it.
const HOSTS: &str = "/etc/hosts";

/// Everything that a child needs to know.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this host.
    pub me: String,
    /// The filters, in the order in which they are asked.
    pub milters: Vec<Item<Milter>>,
    /// The text of /etc/hosts.
    pub hosts: String,
}

impl Settings {
    /// Reads me and milters.
    ///
    /// # Errors
    /// When one of them does not parse, or `me` is missing.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let parse = |item: Item<String>| match Milter::parse(&item.value) {
            Ok(value) => Ok(Item { line: item.line, value }),
            Err(reason) => Err(Error { file: format!("control/{}", rows::MILTERS.name), line: item.line, reason }),
        };
        let lines = control.list(&rows::MILTERS)?.unwrap_or_default();
        Ok(Settings {
            me: control.required(&rows::ME)?,
            milters: lines.into_iter().map(parse).collect::<Result<_, _>>()?,
            // Not ours: without it no name is known (hosts(5)).
            hosts: std::fs::read_to_string(HOSTS).unwrap_or_default(),
        })
    }
}
