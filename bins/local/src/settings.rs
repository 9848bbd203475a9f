//! What control/ says to local deliveries.

use stafett_control::{Control, Error, rows};
use stafett_local_users::Breaks;
use std::path::PathBuf;
use std::time::Duration;

/// Where mail goes for users who say nothing.
pub const DEFAULT_DELIVERY: &str = "./Maildir/";

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// What divides a user's name from an extension.
    pub breaks: Breaks,
    /// What counts where a user has no dot-qmail file: the text of one.
    pub default_delivery: String,
    /// How long one delivery may take.
    pub patience: Duration,
    /// The files of aliases that say for whom alias/.qmail-default is; none where it is for everybody.
    pub aliases: Vec<PathBuf>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// At the first file that does not parse.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let lines = control.list(&rows::DEFAULTDELIVERY)?.unwrap_or_default();
        let lines: Vec<String> = lines.into_iter().map(|item| item.value).collect();
        Ok(Settings {
            breaks: breaks(control)?,
            default_delivery: if lines.is_empty() { DEFAULT_DELIVERY.to_owned() } else { lines.join("\n") },
            patience: Duration::from_secs(control.integer(&rows::TIMEOUTLOCAL)?.unwrap_or(1800)),
            aliases: control.list(&rows::ALIASES)?.unwrap_or_default().into_iter().map(|item| item.value.into()).collect(),
        })
    }
}

/// What divides a user's name from an extension.
///
/// # Errors
/// When the file does not parse.
pub fn breaks(control: &Control) -> Result<Breaks, Error> {
    let lines = control.list(&rows::BREAKCHAR)?.unwrap_or_default();
    Ok(Breaks::new(lines.first().map_or("", |item| item.value.as_str())))
}
