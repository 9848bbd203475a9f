//! The record that publishes a key, as a zone file has it.

use stafett_control::Control;
use stafett_instance::Instance;
use stafett_signing::{Key, Store};
use std::io::{self, Write};

/// Bytes of one string of a TXT record (RFC 1035 section 3.3).
const STRING: usize = 255;

/// Prints the record of a key that is there.
///
/// # Errors
/// A sentence for the admin.
pub fn run(instance: &Instance, domain: &str, selector: &str) -> Result<(), String> {
    let key = Store::new(&Control::new(instance.control())).key(domain, selector)?;
    print(domain, selector, &key)
}

/// Prints the record of a key.
///
/// # Errors
/// When nobody takes it.
pub fn print(domain: &str, selector: &str, key: &Key) -> Result<(), String> {
    io::stdout().write_all(text(domain, selector, key).as_bytes()).map_err(|error| format!("unable to write: {error}"))
}

fn text(domain: &str, selector: &str, key: &Key) -> String {
    let record = key.record();
    let strings = (0..record.len()).step_by(STRING).filter_map(|from| record.get(from..record.len().min(from + STRING)));
    let strings: Vec<String> = strings.map(|part| format!("\"{part}\"")).collect();
    format!("{selector}._domainkey.{domain}. IN TXT ( {} )\n", strings.join(" "))
}
