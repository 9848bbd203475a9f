//! Why the queue cannot be looked at.

use std::io;
use std::path::Path;

/// A sentence for an error that came of reading `queue`.
pub fn explain(queue: &Path, error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::PermissionDenied => {
            format!("unable to read {}: permission denied; be root or in the group of that directory", queue.display())
        }
        // The store names the directory itself.
        io::ErrorKind::NotFound => error.to_string(),
        _ => format!("unable to read {}: {error}", queue.display()),
    }
}
