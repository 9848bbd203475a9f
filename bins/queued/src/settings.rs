//! What control/ says to queued.

use stafett_control::{Control, Error, rows};
use stafett_queue_store::Store;
use stafett_route::Signed;
use stafett_taps::Taps;

/// Bytes that are kept free where control/queuefree says nothing.
const QUEUEFREE: u64 = 64 * 1024 * 1024;
/// Messages in queue/new from which on intake is slowed where control/queuebacklog says nothing.
const QUEUEBACKLOG: u64 = 100_000;

/// The settings in force.
#[derive(Clone, Debug)]
pub struct Settings {
    /// The name of this host.
    pub me: String,
    /// Bytes of the file system that stay free.
    pub free: u64,
    /// Messages in queue/new from which on intake is slowed; 0 never.
    pub backlog: u64,
    /// Whether the directory is synced beside the file.
    pub sync_directory: bool,
    /// Whose mail is signed, of what begins here.
    pub signs: Signed,
    /// Whom messages are also for.
    pub taps: Taps,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// At the first file that does not parse.
    pub fn read(control: &Control, store: &Store) -> Result<Settings, Error> {
        let words = control.list(&rows::QUEUESYNC)?.unwrap_or_default();
        let sync_directory = match words.last() {
            Some(word) => word.value == "directory",
            None => !store.file_sync_is_enough(),
        };
        Ok(Settings {
            me: control.required(&rows::ME)?,
            free: control.integer(&rows::QUEUEFREE)?.unwrap_or(QUEUEFREE),
            backlog: control.integer(&rows::QUEUEBACKLOG)?.unwrap_or(QUEUEBACKLOG),
            sync_directory,
            signs: Signed::read(control)?,
            taps: Taps::read(control)?,
        })
    }
}
