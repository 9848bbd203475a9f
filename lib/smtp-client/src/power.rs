//! The files that a client needs: control/, those of the system's resolver, and the authorities that vouch for other hosts.

use std::path::Path;

use stafett_control::Control;
use stafett_dns::{HOSTS_FILE, RESOLV_CONF};
use stafett_sys::sandbox::Sandbox;

use crate::tls::means::list_of_authorities;

/// Other programs replace resolv.conf, hosts and the list of authorities, and a rule for a file is a rule for that one copy: what can be read is
/// the directory that holds the names, and the one that a link leads to.
pub fn sandbox(control: &Control) -> Sandbox {
    let mut sandbox = Sandbox::new().read(control.directory());
    let authorities = list_of_authorities(control);
    for file in [RESOLV_CONF, HOSTS_FILE].map(Path::new).into_iter().chain(authorities.as_deref()) {
        let linked = file.canonicalize().unwrap_or_default();
        for directory in [file.parent(), linked.parent()].into_iter().flatten() {
            sandbox = sandbox.read(directory);
        }
    }
    sandbox
}
