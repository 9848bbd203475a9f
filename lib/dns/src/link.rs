//! One exchange with one server: a connected UDP socket, or a TCP connection with its two octets of length.
//!
//! Never blocks: the caller polls [`Link::interest`] and calls [`Link::advance`]. Bytes are not judged here.
//! Security stance: a UDP socket is connected, so the kernel drops datagrams of other sources, and fresh, so its
//! port is random. Fails with the system's error; a closed TCP connection is `UnexpectedEof`.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream, UdpSocket};
use std::os::fd::{AsFd, BorrowedFd};

use rustix::event::PollFlags;
use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Larger than what we ask for: some servers ignore the size in the question.
const UDP_BUFFER: usize = 4096;

/// An open exchange.
pub(crate) enum Link {
    Udp(UdpSocket),
    Tcp(Stream),
}

/// A TCP exchange: the question on its way out, then the answer on its way in.
pub(crate) struct Stream {
    socket: TcpStream,
    outgoing: Vec<u8>,
    written: usize,
    incoming: Vec<u8>,
}

impl Link {
    /// Sends `query` to `server` from a fresh socket.
    pub(crate) fn udp(server: SocketAddr, query: &[u8]) -> io::Result<Self> {
        let any: IpAddr = if server.is_ipv4() { Ipv4Addr::UNSPECIFIED.into() } else { Ipv6Addr::UNSPECIFIED.into() };
        let socket = UdpSocket::bind((any, 0))?;
        socket.set_nonblocking(true)?;
        socket.connect(server)?;
        socket.send(query)?;
        Ok(Link::Udp(socket))
    }

    /// Begins to connect to `server`; the question follows when the connection stands.
    pub(crate) fn tcp(server: SocketAddr, query: &[u8]) -> io::Result<Self> {
        let family = if server.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        match rustix::net::connect(&socket, &server) {
            Ok(()) | Err(Errno::INPROGRESS) => {}
            Err(error) => return Err(error.into()),
        }
        let length = u16::try_from(query.len()).map_err(|_| ErrorKind::InvalidInput)?;
        let mut outgoing = length.to_be_bytes().to_vec();
        outgoing.extend_from_slice(query);
        Ok(Link::Tcp(Stream { socket: TcpStream::from(socket), outgoing, written: 0, incoming: Vec::new() }))
    }

    /// What to poll for.
    pub(crate) fn interest(&self) -> (BorrowedFd<'_>, PollFlags) {
        match self {
            Link::Udp(socket) => (socket.as_fd(), PollFlags::IN),
            Link::Tcp(stream) if stream.written < stream.outgoing.len() => (stream.socket.as_fd(), PollFlags::OUT),
            Link::Tcp(stream) => (stream.socket.as_fd(), PollFlags::IN),
        }
    }

    /// Goes on after poll; a whole message, or `None` where more is to come.
    pub(crate) fn advance(&mut self) -> io::Result<Option<Vec<u8>>> {
        let progress = match self {
            Link::Udp(socket) => receive(socket).map(Some),
            Link::Tcp(stream) => stream.advance(),
        };
        match progress {
            Err(error) if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => Ok(None),
            other => other,
        }
    }
}

fn receive(socket: &UdpSocket) -> io::Result<Vec<u8>> {
    let mut buffer = [0; UDP_BUFFER];
    let length = socket.recv(&mut buffer)?;
    Ok(buffer.get(..length).unwrap_or_default().to_vec())
}

impl Stream {
    fn advance(&mut self) -> io::Result<Option<Vec<u8>>> {
        while let Some(rest @ [_, ..]) = self.outgoing.get(self.written..) {
            self.written += self.socket.write(rest)?;
        }
        let mut buffer = [0; UDP_BUFFER];
        loop {
            let length = self.socket.read(&mut buffer)?;
            if length == 0 {
                return Err(ErrorKind::UnexpectedEof.into());
            }
            self.incoming.extend_from_slice(buffer.get(..length).unwrap_or_default());
            if let Some(message) = self.whole_message() {
                return Ok(Some(message));
            }
        }
    }

    fn whole_message(&self) -> Option<Vec<u8>> {
        let (length, rest) = self.incoming.split_first_chunk::<2>()?;
        rest.get(..usize::from(u16::from_be_bytes(*length))).map(<[u8]>::to_vec)
    }
}
