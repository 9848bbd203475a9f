//! Asking the client's ident server who owns its end of the connection (RFC 1413).
//!
//! Security stance: the answer is whatever that host likes to say; it is cut at [`LONGEST`] bytes
//! and made safe where it is printed. Anything but a USERID reply counts as no answer.

use rustix::net::{AddressFamily, SocketFlags, SocketType};
use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

/// The well-known port of ident servers.
const PORT: u16 = 113;
/// A reply at most, in bytes (RFC 1413 section 6 allows 1000).
const LONGEST: usize = 1000;

/// The user at `remote` of the connection with `local`; `None` when it was not told in `within`.
pub fn ask(local: SocketAddr, remote: SocketAddr, within: Duration) -> Option<String> {
    let deadline = Instant::now() + within;
    let mut stream = connect(local, SocketAddr::new(remote.ip(), PORT), within).ok()?;
    let question = format!("{}, {}\r\n", remote.port(), local.port());
    stream.set_write_timeout(Some(within)).ok()?;
    stream.write_all(question.as_bytes()).ok()?;
    user(&read_line(&mut stream, deadline)?)
}

/// Connects from the address that the client knows, as RFC 1413 section 4 wants it.
fn connect(local: SocketAddr, server: SocketAddr, within: Duration) -> io::Result<TcpStream> {
    let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
    rustix::net::bind(&socket, &SocketAddr::new(local.ip(), 0))?;
    match rustix::net::connect(&socket, &server) {
        Ok(()) | Err(rustix::io::Errno::INPROGRESS) => {}
        Err(error) => return Err(error.into()),
    }
    let wanted = (std::os::fd::AsFd::as_fd(&socket), stafett_sys::poll::Interest::Write);
    let (ready, _) = stafett_sys::poll::wait_two(wanted, None, Some(within))?;
    if !ready.any() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    rustix::net::sockopt::socket_error(&socket)??;
    let stream = TcpStream::from(socket);
    stream.set_nonblocking(false)?;
    Ok(stream)
}

fn read_line(stream: &mut TcpStream, deadline: Instant) -> Option<Vec<u8>> {
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < LONGEST {
        let left = deadline.checked_duration_since(Instant::now()).filter(|left| !left.is_zero())?;
        stream.set_read_timeout(Some(left)).ok()?;
        if stream.read(&mut byte).ok()? == 0 || byte == *b"\n" {
            break;
        }
        line.extend(byte);
    }
    Some(line)
}

/// The user of `6193, 23 : USERID : UNIX : joe`.
fn user(reply: &[u8]) -> Option<String> {
    let reply = String::from_utf8_lossy(reply);
    let mut parts = reply.splitn(4, ':');
    let kind = parts.nth(1)?.trim();
    let user = parts.nth(1)?.trim();
    (kind.eq_ignore_ascii_case("USERID") && !user.is_empty()).then(|| user.to_owned())
}
