//! Descriptors that a program is born with.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, FromRawFd, OwnedFd};

/// Takes a descriptor that the program was started with (0 and 1 of a UCSPI program, 3 of a
/// checkpassword program). Take each number once, early, before anything else is opened.
///
/// # Errors
/// When that descriptor is not open.
pub fn inherited(number: i32) -> io::Result<OwnedFd> {
    // SAFETY: fcntl on any number is harmless; it fails with EBADF when it is not open.
    let flags = unsafe { libc::fcntl(number, libc::F_GETFD) };
    if flags < 0 {
        return Err(io::Error::last_os_error());
    }
    // SAFETY: it is open, and by this function's contract nobody else took it.
    Ok(unsafe { OwnedFd::from_raw_fd(number) })
}

/// Puts `from` at descriptor `number`, open across execution (dup2(2)); for children that are
/// about to execute a program.
pub fn place(from: BorrowedFd<'_>, number: i32) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    if from.as_raw_fd() == number {
        return rustix::io::fcntl_setfd(from, rustix::io::FdFlags::empty()).map_err(io::Error::from);
    }
    // SAFETY: dup2 on an open descriptor; whatever was at `number` belongs to the process image
    // that is about to be replaced.
    let made = unsafe { libc::dup2(from.as_raw_fd(), number) };
    if made < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Lets a descriptor that others still name refer to nothing: what it was is closed in this process, and reading from it is at
/// its end (dup3(2) of /dev/null). For a child that goes on with less than it was born with.
///
/// # Errors
/// When /dev/null cannot be opened.
pub fn forget(descriptor: &OwnedFd) -> io::Result<()> {
    use std::os::fd::AsRawFd;
    let nothing = std::fs::File::open("/dev/null")?;
    // SAFETY: both are open; the number stays owned by `descriptor` and stays open.
    let made = unsafe { libc::dup3(nothing.as_raw_fd(), descriptor.as_raw_fd(), libc::O_CLOEXEC) };
    if made < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
}

/// Reads from a descriptor, trying again when a signal interrupts.
pub fn read(descriptor: impl AsFd, buffer: &mut [u8]) -> io::Result<usize> {
    loop {
        match rustix::io::read(&descriptor, &mut *buffer) {
            Err(rustix::io::Errno::INTR) => {}
            other => return other.map_err(io::Error::from),
        }
    }
}

/// Writes all of `bytes` to a blocking descriptor.
pub fn write_all(descriptor: impl AsFd, mut bytes: &[u8]) -> io::Result<()> {
    while !bytes.is_empty() {
        match rustix::io::write(&descriptor, bytes) {
            Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
            Ok(0) => return Err(io::ErrorKind::WriteZero.into()),
            Ok(n) => bytes = bytes.get(n..).unwrap_or_default(),
        }
    }
    Ok(())
}

/// Makes everything durable that was written to the file system of `descriptor` (syncfs(2)).
pub fn sync_file_system(descriptor: impl AsFd) -> io::Result<()> {
    rustix::fs::syncfs(descriptor).map_err(io::Error::from)
}

/// A file without a name that lies in memory and holds these bytes (memfd_create(2)), closed on execution.
///
/// # Errors
/// When there is no memory for it.
pub fn in_memory(bytes: &[u8]) -> io::Result<OwnedFd> {
    let file = rustix::fs::memfd_create("stafett", rustix::fs::MemfdFlags::CLOEXEC)?;
    write_all(&file, bytes)?;
    rustix::fs::seek(&file, rustix::fs::SeekFrom::Start(0))?;
    Ok(file)
}

/// A pipe: read end, write end, both closed on execution.
pub fn pipe() -> io::Result<(OwnedFd, OwnedFd)> {
    rustix::pipe::pipe_with(rustix::pipe::PipeFlags::CLOEXEC).map_err(io::Error::from)
}
