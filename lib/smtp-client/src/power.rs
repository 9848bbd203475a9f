//! The files that a client needs: control/ and those of the system's resolver.

use std::path::Path;

use stafett_control::Control;
use stafett_dns::{HOSTS_FILE, RESOLV_CONF};
use stafett_sys::sandbox::Sandbox;

/// Other programs replace resolv.conf and hosts, and a rule for a file is a rule for that one copy: what can be read is
/// the directory that holds the names, and the one that a link leads to.
pub fn sandbox(control: &Control) -> Sandbox {
    let mut sandbox = Sandbox::new().read(control.directory());
    for file in [RESOLV_CONF, HOSTS_FILE] {
        let linked = Path::new(file).canonicalize().unwrap_or_default();
        for directory in [Path::new(file).parent(), linked.parent()].into_iter().flatten() {
            sandbox = sandbox.read(directory);
        }
    }
    sandbox
}
