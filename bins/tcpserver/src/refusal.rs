//! Turning a client away without waiting for it.

use rustix::net::SendFlags;
use std::os::fd::AsFd;

/// The greeting that ends a session before it begins (RFC 5321 section 3.8, RFC 3463): 421.
pub fn greeting(enhanced: &str, host: Option<&str>, words: &str) -> Vec<u8> {
    // "0" is what admins give as -l for "no name".
    let host = host.filter(|host| *host != "0").map(|host| format!("{host} ")).unwrap_or_default();
    format!("421 {enhanced} {host}{words}, try again later\r\n").into_bytes()
}

/// Sends what the socket takes at once. A client that does not take it gets nothing: it is being
/// turned away, and nobody waits for it.
pub fn send_now(socket: impl AsFd, bytes: &[u8]) {
    let _ = rustix::net::send(socket, bytes, SendFlags::DONTWAIT | SendFlags::NOSIGNAL);
}
