//! servercert.pem and clientcert.pem: certificate and key in one file, for a directory of ours with both apart.
//!
//! Security stance: the key is written for its service alone, and never printed. How it fails: a file without one of both is
//! left. Known limits: what stands between the PEM blocks is dropped.

use crate::control::read;
use crate::ground::{Fresh, Ground};
use crate::report::{Mark, Report};
use stafett_control::{Setting, rows};
use stafett_instance::people::Role;
use std::fs;

/// Takes one over; `row` names our directory.
///
/// # Errors
/// When a file cannot be read or written.
pub fn take(ground: &mut Ground, row: &'static Setting, name: &str, report: &mut Report) -> Result<(), String> {
    let text = String::from_utf8_lossy(&read(&ground.qmail.join("control").join(name))?).into_owned();
    let (chain, key) = split(&text);
    let me = ground.theirs().line(&rows::ME).ok().flatten().unwrap_or_default();
    if chain.is_empty() || key.is_empty() || me.is_empty() {
        report.say(Mark::Left, format_args!("control/{name}"), "does not hold both a certificate and its private key in PEM");
        return Ok(());
    }
    let is_server = row.name == rows::SERVERCERTS.name;
    if is_server {
        ground.want("tls");
        ground.want("tlskeys");
    }
    let place = format!("control/{}/{me}", row.name);
    if ground.applies() {
        let directory = ground.root.join(&place);
        fs::create_dir_all(&directory).map_err(|error| format!("unable to make {}: {error}", directory.display()))?;
    }
    let (owner, how) = (if is_server { Role::TlsKeys } else { Role::Remote }, format!("from control/{name}"));
    ground.put(Fresh::open(&format!("{place}/cert.pem"), chain.as_bytes(), &how), report)?;
    ground.put(Fresh { path: &format!("{place}/key.pem"), bytes: key.as_bytes(), owner, mode: 0o400, how: &how }, report)
}

/// The certificates and the key of a PEM file.
fn split(text: &str) -> (String, String) {
    let (mut chain, mut key) = (String::new(), String::new());
    let mut into: Option<bool> = None;
    for line in text.lines().map(str::trim_end) {
        if let Some(label) = line.strip_prefix("-----BEGIN ") {
            into = if label.starts_with("CERTIFICATE-") {
                Some(false)
            } else if label.ends_with("PRIVATE KEY-----") {
                Some(true)
            } else {
                None
            };
        }
        match into {
            Some(true) => key.extend([line, "\n"]),
            Some(false) => chain.extend([line, "\n"]),
            None => {}
        }
        if line.starts_with("-----END ") {
            into = None;
        }
    }
    (chain, key)
}

#[cfg(test)]
#[path = "certificates_test.rs"]
mod certificates_test;
