//! Where a Redis or Valkey server is: the line of control/limitstore.
//!
//! How it fails: a sentence that says what to write. Known limits: no TLS; between machines put the store on a network of its own.

use std::net::SocketAddr;

use super::host;

/// Judges the line: `host:port`, `/path` of a Unix socket, or `redis://user:password@host:port/database`.
///
/// # Errors
/// A sentence that says what to write.
pub fn store(line: &str) -> Result<(), String> {
    if line.starts_with('/') {
        return Ok(());
    }
    match line.split_once("://") {
        Some(("redis" | "valkey", rest)) => place(rest),
        Some(("redis+unix" | "unix", rest)) if rest.starts_with('/') => Ok(()),
        Some((scheme, _)) => Err(format!("\"{scheme}\" is no way to a store; write redis://user:password@host:port")),
        None => host_and_port(line),
    }
}

fn place(rest: &str) -> Result<(), String> {
    let (whole, database) = rest.split_once('/').unwrap_or((rest, ""));
    if !database.bytes().all(|byte| byte.is_ascii_digit()) {
        return Err("the database of the store is a number; write redis://host:port/0".to_owned());
    }
    host_and_port(whole.rsplit_once('@').map_or(whole, |(_, place)| place))
}

/// The text is not repeated: it may hold a part of a password.
fn host_and_port(text: &str) -> Result<(), String> {
    let wrong = || "this is no place of a store; write host:port, /path/of/socket, or redis://user:password@host:port".to_owned();
    if text.parse::<SocketAddr>().is_ok() {
        return Ok(());
    }
    let (name, port) = text.rsplit_once(':').ok_or_else(wrong)?;
    let port_fits = port.parse::<u16>().is_ok_and(|port| port != 0);
    if port_fits { host(name).map_err(|_| wrong()) } else { Err(wrong()) }
}

#[cfg(test)]
#[path = "limitstore_test.rs"]
mod limitstore_test;
