//! Unix sockets that keep packet borders and carry descriptors, and who is on the other end.

use crate::process::Pid;
use crate::user::{Gid, Uid};
use rustix::net::{
    AddressFamily, RecvAncillaryBuffer, RecvAncillaryMessage, RecvFlags, SendAncillaryBuffer, SendAncillaryMessage, SendFlags,
    SocketAddrUnix, SocketFlags, SocketType,
};
use std::io::{self, IoSlice, IoSliceMut};
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Whether a socket keeps the borders of what is sent.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Style {
    /// A stream of bytes.
    Stream,
    /// Packets (SOCK_SEQPACKET), each received whole.
    Packets,
}

/// A caller of a Unix socket as the kernel knows it (SO_PEERCRED, unix(7)).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Peer {
    /// Its process.
    pub pid: Pid,
    /// Its user.
    pub uid: Uid,
    /// Its group.
    pub gid: Gid,
}

/// Makes a listening socket at `path`, replacing a dead one that lies there, open to everybody
/// who may search the directory: the directory's mode says who that is. Nonblocking.
///
/// # Errors
/// When something alive listens there already, or the directory cannot be written.
pub fn listen(path: &Path, style: Style, backlog: i32) -> io::Result<OwnedFd> {
    if connect(path, style).is_ok() {
        return Err(io::Error::new(io::ErrorKind::AddrInUse, "another process listens there already"));
    }
    match std::fs::symlink_metadata(path) {
        Ok(found) if !std::os::unix::fs::FileTypeExt::is_socket(&found.file_type()) => {
            return Err(io::Error::new(io::ErrorKind::AlreadyExists, "something that is not a socket is in the way"));
        }
        Ok(_) => std::fs::remove_file(path)?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => {}
        Err(error) => return Err(error),
    }
    let socket = new(style, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)?;
    rustix::net::bind(&socket, &SocketAddrUnix::new(path)?)?;
    // Nobody is let in before: who calls earlier finds nobody.
    std::fs::set_permissions(path, std::os::unix::fs::PermissionsExt::from_mode(0o666))?;
    rustix::net::listen(&socket, backlog)?;
    Ok(socket)
}

/// Connects to the socket at `path`; the result blocks.
pub fn connect(path: &Path, style: Style) -> io::Result<OwnedFd> {
    let socket = new(style, SocketFlags::CLOEXEC)?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// As [`connect`], and neither that nor any later read or write takes longer than `patience`: a process that has
/// stopped accepts nobody, and its full backlog would hold a caller for ever.
///
/// # Errors
/// `WouldBlock` when nobody accepted in time.
pub fn connect_within(path: &Path, style: Style, patience: std::time::Duration) -> io::Result<OwnedFd> {
    let socket = new(style, SocketFlags::CLOEXEC)?;
    set_timeouts(&socket, Some(patience), Some(patience))?;
    rustix::net::connect(&socket, &SocketAddrUnix::new(path)?)?;
    Ok(socket)
}

/// The next caller of a listening socket; `None` when nobody waits. The result blocks.
pub fn accept(listener: impl AsFd) -> io::Result<Option<OwnedFd>> {
    accept_with(listener, SocketFlags::CLOEXEC)
}

/// As [`accept`], and the result does not block.
///
/// # Errors
/// When there are too few descriptors, or the socket does not listen.
pub fn accept_nonblocking(listener: impl AsFd) -> io::Result<Option<OwnedFd>> {
    accept_with(listener, SocketFlags::CLOEXEC | SocketFlags::NONBLOCK)
}

fn accept_with(listener: impl AsFd, flags: SocketFlags) -> io::Result<Option<OwnedFd>> {
    match rustix::net::accept_with(listener, flags) {
        Ok(socket) => Ok(Some(socket)),
        Err(rustix::io::Errno::AGAIN | rustix::io::Errno::INTR | rustix::io::Errno::CONNABORTED) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Stops a listening socket: whoever waits for a caller on it gets an error, new callers are
/// refused.
pub fn stop_listening(listener: impl AsFd) -> io::Result<()> {
    rustix::net::shutdown(listener, rustix::net::Shutdown::Both).map_err(io::Error::from)
}

/// Ends a connection for everybody who holds a copy of this end.
///
/// # Errors
/// When the socket is not connected.
pub fn stop(socket: impl AsFd) -> io::Result<()> {
    rustix::net::shutdown(socket, rustix::net::Shutdown::Both).map_err(io::Error::from)
}

/// Stops the other side from sending; what it had sent can still be received.
///
/// # Errors
/// When the socket is not connected.
pub fn stop_receiving(socket: impl AsFd) -> io::Result<()> {
    rustix::net::shutdown(socket, rustix::net::Shutdown::Read).map_err(io::Error::from)
}

/// Tells the other side that nothing more comes; what it says can still be received.
///
/// # Errors
/// When the socket is not connected.
pub fn stop_sending(socket: impl AsFd) -> io::Result<()> {
    rustix::net::shutdown(socket, rustix::net::Shutdown::Write).map_err(io::Error::from)
}

/// Two connected sockets, both closed on execution.
pub fn pair(style: Style) -> io::Result<(OwnedFd, OwnedFd)> {
    rustix::net::socketpair(AddressFamily::UNIX, kind(style), SocketFlags::CLOEXEC, None).map_err(io::Error::from)
}

/// Who is on the other end of a connected Unix socket.
pub fn peer(socket: impl AsFd) -> io::Result<Peer> {
    let found = rustix::net::sockopt::socket_peercred(socket)?;
    Ok(Peer { pid: Pid(found.pid.as_raw_nonzero().get()), uid: Uid(found.uid.as_raw()), gid: Gid(found.gid.as_raw()) })
}

/// Descriptors with one packet at most.
pub const MOST_DESCRIPTORS: usize = 16;

/// Sends one packet with at most one descriptor.
///
/// # Errors
/// `WouldBlock` on a nonblocking socket that is full; nothing was sent then.
pub fn send_packet(socket: impl AsFd, bytes: &[u8], descriptor: Option<BorrowedFd<'_>>) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(1))];
    send(socket.as_fd(), bytes, descriptor.as_slice(), &mut space)
}

/// The same with several descriptors, [`MOST_DESCRIPTORS`] at most.
///
/// # Errors
/// As [`send_packet`]; `InvalidInput` when they are too many.
pub fn send_packet_with(socket: impl AsFd, bytes: &[u8], descriptors: &[BorrowedFd<'_>]) -> io::Result<()> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    send(socket.as_fd(), bytes, descriptors, &mut space)
}

fn send(socket: BorrowedFd<'_>, bytes: &[u8], descriptors: &[BorrowedFd<'_>], space: &mut [MaybeUninit<u8>]) -> io::Result<()> {
    let mut control = SendAncillaryBuffer::new(space);
    if !descriptors.is_empty() && !control.push(SendAncillaryMessage::ScmRights(descriptors)) {
        return Err(io::Error::new(io::ErrorKind::InvalidInput, "more descriptors than go with a packet"));
    }
    loop {
        match rustix::net::sendmsg(socket, &[IoSlice::new(bytes)], &mut control, SendFlags::NOSIGNAL) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(sent) if sent == bytes.len() => return Ok(()),
            Ok(_) => return Err(io::Error::other("a packet was cut short")),
        }
    }
}

/// What one call of [`receive_packet`] got.
#[derive(Debug)]
pub struct Packet {
    /// How many bytes of the buffer are filled; 0 when the other side has closed.
    pub length: usize,
    /// The descriptor that came with it. More than one is an error of the peer; the rest are closed.
    pub descriptor: Option<OwnedFd>,
}

/// Receives one packet into `buffer` with at most one descriptor, which is closed on execution.
///
/// # Errors
/// `WouldBlock` when there is none on a nonblocking socket; `InvalidData` when the packet was
/// larger than the buffer.
pub fn receive_packet(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<Packet> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(4))];
    let mut descriptor = None;
    let length = receive(socket.as_fd(), buffer, &mut space, |one| {
        descriptor.get_or_insert(one);
    })?;
    Ok(Packet { length, descriptor })
}

/// Receives one packet into `buffer`, and the descriptors that came with it, closed on execution: [`MOST_DESCRIPTORS`] at most, the
/// rest are closed. The answer is the length, 0 when the other side has closed.
///
/// # Errors
/// As [`receive_packet`].
pub fn receive_packet_with(socket: impl AsFd, buffer: &mut [u8]) -> io::Result<(usize, Vec<OwnedFd>)> {
    let mut space = [MaybeUninit::uninit(); rustix::cmsg_space!(ScmRights(MOST_DESCRIPTORS))];
    let mut descriptors = Vec::new();
    let length = receive(socket.as_fd(), buffer, &mut space, |one| descriptors.push(one))?;
    Ok((length, descriptors))
}

fn receive(socket: BorrowedFd<'_>, buffer: &mut [u8], space: &mut [MaybeUninit<u8>], take: impl FnMut(OwnedFd)) -> io::Result<usize> {
    let mut control = RecvAncillaryBuffer::new(space);
    let flags = RecvFlags::CMSG_CLOEXEC;
    let received = loop {
        match rustix::net::recvmsg(socket, &mut [IoSliceMut::new(buffer)], &mut control, flags) {
            Err(rustix::io::Errno::INTR) => {}
            other => break other?,
        }
    };
    let passed = control.drain().filter_map(|message| match message {
        RecvAncillaryMessage::ScmRights(passed) => Some(passed),
        _ => None,
    });
    passed.flatten().for_each(take);
    if received.flags.contains(rustix::net::ReturnFlags::TRUNC) {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet larger than the protocol allows"));
    }
    Ok(received.bytes)
}

/// Receives one packet of no more bytes than `buffer` has room for, which it holds alone afterwards; a descriptor with it is
/// passed over. Memory beyond the packet is not touched. The answer is the length, 0 when the other side has closed.
///
/// # Errors
/// `WouldBlock` when there is none on a nonblocking socket, or within the time that a blocking one has; `InvalidData` when it was
/// larger than the room.
pub fn receive_into(socket: impl AsFd, buffer: &mut Vec<u8>) -> io::Result<usize> {
    loop {
        buffer.clear();
        let received = rustix::net::recv(&socket, rustix::buffer::spare_capacity(buffer), RecvFlags::TRUNC);
        match received {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok((_, length)) if length > buffer.capacity() => {
                return Err(io::Error::new(io::ErrorKind::InvalidData, "a packet larger than the protocol allows"));
            }
            Ok((_, length)) => return Ok(length),
        }
    }
}

/// Makes a socket or pipe return at once instead of waiting, or wait again.
pub fn set_nonblocking(descriptor: impl AsFd, nonblocking: bool) -> io::Result<()> {
    rustix::io::ioctl_fionbio(descriptor, nonblocking).map_err(io::Error::from)
}

/// Forgets the IP options that a client's connection came with, so that no answer follows a source
/// route of its choice (ip(7), IP_OPTIONS).
pub fn forget_ip_options(socket: impl AsFd) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let raw = socket.as_fd().as_raw_fd();
    // SAFETY: the descriptor is borrowed for the call; with length 0 no memory is read.
    let done = unsafe { libc::setsockopt(raw, libc::IPPROTO_IP, libc::IP_OPTIONS, std::ptr::null(), 0) };
    if done < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Makes a TCP socket's connection come from `address`, from a port that the kernel picks when it connects, so that
/// one address is not bounded by its ports over all destinations (ip(7), IP_BIND_ADDRESS_NO_PORT).
///
/// # Errors
/// When this host does not have the address, or the socket is of the other family.
pub fn bind_source(socket: impl AsFd, address: std::net::IpAddr) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let raw = socket.as_fd().as_raw_fd();
    let yes: libc::c_int = 1;
    let size = std::mem::size_of_val(&yes) as libc::socklen_t;
    // A kernel without the option picks the port now, which only costs ports.
    // SAFETY: the descriptor is borrowed for the call, and the option's value is one int that lives as long.
    let _ = unsafe { libc::setsockopt(raw, libc::IPPROTO_IP, libc::IP_BIND_ADDRESS_NO_PORT, (&raw const yes).cast(), size) };
    rustix::net::bind(&socket, &std::net::SocketAddr::new(address, 0)).map_err(io::Error::from)
}

/// Bounds how long a blocking read or write of this socket may take; `None` for ever.
pub fn set_timeouts(socket: impl AsFd, read: Option<std::time::Duration>, write: Option<std::time::Duration>) -> io::Result<()> {
    use rustix::net::sockopt::{Timeout, set_socket_timeout};
    set_socket_timeout(&socket, Timeout::Recv, read)?;
    set_socket_timeout(&socket, Timeout::Send, write)?;
    Ok(())
}

fn new(style: Style, flags: SocketFlags) -> io::Result<OwnedFd> {
    rustix::net::socket_with(AddressFamily::UNIX, kind(style), flags, None).map_err(io::Error::from)
}

fn kind(style: Style) -> SocketType {
    match style {
        Style::Stream => SocketType::STREAM,
        Style::Packets => SocketType::SEQPACKET,
    }
}
