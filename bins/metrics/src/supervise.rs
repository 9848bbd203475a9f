//! Which services run, from what their supervisors write (supervise(8), runsv(8)).
//!
//! supervise/status holds a TAI64N label of 12 bytes, the process in 4 bytes, the lowest first, then
//! two bytes; runsv adds two more, the last of which is 1 while the service itself runs.
//! Security stance: the bytes are only compared. How it fails: a service whose status cannot be
//! read is not told of. Known limits: a supervisor that was killed leaves its last word behind.

use std::collections::BTreeMap;
use std::fs;
use std::io::Read;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Services that are looked at, at most.
const MOST: usize = 64;
/// The label of 1970 in TAI64 as both write it.
const EPOCH: u64 = 4_611_686_018_427_387_914;

/// What a status file says.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Status {
    /// Whether the service runs.
    pub up: bool,
    /// Since when it runs or does not, seconds since 1970.
    pub since: f64,
}

/// A service and what was seen of it.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Service {
    /// Its status now.
    pub status: Status,
    /// How often it was started anew while we looked.
    pub restarts: u64,
}

/// All services whose status can be read.
#[derive(Debug, Default)]
pub struct Services {
    /// By name.
    pub known: BTreeMap<String, Service>,
}

impl Services {
    /// Looks again.
    pub fn look(&mut self, directory: &Path) {
        let names = fs::read_dir(directory).into_iter().flatten().flatten();
        let named = names.filter_map(|entry| Some((entry.file_name().into_string().ok()?, entry.path())));
        let found: BTreeMap<String, Status> = named.take(MOST).filter_map(|(name, path)| Some((name, read(&path)?))).collect();
        let before = std::mem::take(&mut self.known);
        for (name, status) in found {
            let restarts = before.get(&name).map_or(0, |old| old.restarts + u64::from(status.up && status.since > old.status.since));
            self.known.insert(name, Service { status, restarts });
        }
    }
}

impl Status {
    /// How long it has run, in seconds.
    pub fn uptime(&self) -> f64 {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0.0, |since| since.as_secs_f64());
        if self.up { (now - self.since).max(0.0) } else { 0.0 }
    }

    /// Reads the bytes of either supervisor.
    pub fn parse(bytes: &[u8]) -> Option<Status> {
        let (label, rest) = bytes.split_first_chunk::<8>()?;
        let (nanoseconds, rest) = rest.split_first_chunk::<4>()?;
        let (process, flags) = rest.split_first_chunk::<4>()?;
        let seconds = u64::from_be_bytes(*label).checked_sub(EPOCH)?;
        let is_running = match flags {
            [_, _] => true,
            [_, _, _, state] => *state == 1,
            _ => return None,
        };
        let up = is_running && u32::from_le_bytes(*process) != 0;
        Some(Status { up, since: seconds as f64 + f64::from(u32::from_be_bytes(*nanoseconds)) / 1e9 })
    }
}

fn read(service: &Path) -> Option<Status> {
    let file = fs::File::open(service.join("supervise/status")).ok()?;
    let mut bytes = Vec::new();
    file.take(64).read_to_end(&mut bytes).ok()?;
    Status::parse(&bytes)
}

#[cfg(test)]
#[path = "supervise_test.rs"]
mod tests;
