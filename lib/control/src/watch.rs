//! Noticing that control/ has changed, without asking for each file each time (inotify(7)).
//!
//! Known limits: a change made on another machine through a network file system is not seen; the
//! service reads everything again on HUP.

use rustix::fs::inotify;
use std::mem::MaybeUninit;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::Path;

/// Watches one directory.
#[derive(Debug)]
pub struct Watch(OwnedFd);

impl Watch {
    /// Starts to watch `directory`.
    ///
    /// # Errors
    /// When it does not exist or the system has no room for one more watch.
    pub fn new(directory: &Path) -> std::io::Result<Watch> {
        use inotify::WatchFlags as W;
        let descriptor = inotify::init(inotify::CreateFlags::CLOEXEC | inotify::CreateFlags::NONBLOCK)?;
        let what = W::CLOSE_WRITE | W::MODIFY | W::ATTRIB | W::MOVED_TO | W::MOVED_FROM | W::CREATE | W::DELETE;
        inotify::add_watch(&descriptor, directory, what)?;
        Ok(Watch(descriptor))
    }

    /// Whether anything has changed since the last call.
    pub fn changed(&self) -> bool {
        // Small: a parent asks before each fork, and each page of its stack that it touches is copied then.
        let mut space = [MaybeUninit::uninit(); 1024];
        let mut reader = inotify::Reader::new(&self.0, &mut space);
        let mut seen = false;
        while reader.next().is_ok() {
            seen = true;
        }
        seen
    }
}

impl AsFd for Watch {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}
