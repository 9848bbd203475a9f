//! Somebody on one of our sockets: queued or an admin's program at run/send, smtpd at run/etrn.
//!
//! Security stance: the mode of each directory says who may come there at all, and the caller's user what it may say.

use crate::LOG;
use crate::scheduler::Scheduler;
use stafett_instance::{Instance, Service};
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{self, Style};
use stafett_sys::user::Uid;
use stafett_wire::question::{Question, Reply};
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::time::Duration;

/// How long an admin's program may keep the loop waiting for it to read.
const PATIENCE: Duration = Duration::from_millis(200);

/// Where a caller came in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Door {
    /// run/send.
    Send,
    /// run/etrn.
    Etrn,
}

/// Where smtpd asks, and its user. An instance that an older version made lacks the directory; smtpd says so when it is asked.
///
/// # Errors
/// When it cannot be listened there.
pub fn etrn_door(instance: &Instance) -> Result<Option<(OwnedFd, Uid)>, String> {
    let (path, smtpd) = (instance.socket(Service::Etrn), instance.owner_of(Service::Smtpd));
    match smtpd {
        Ok(smtpd) if path.parent().is_some_and(Path::is_dir) => {
            let listener =
                socket::listen(&path, Style::Packets, 16).map_err(|error| format!("unable to listen at {}: {error}", path.display()))?;
            Ok(Some((listener, smtpd)))
        }
        _ => Ok(None),
    }
}

/// Somebody on our socket.
#[derive(Debug)]
pub struct Caller {
    /// The connection.
    pub socket: OwnedFd,
    /// Who it is.
    pub user: Uid,
    /// Where it came in.
    pub door: Door,
}

impl Caller {
    /// Takes one packet; false when the caller is to be dropped.
    pub fn take(&self, packet: &[u8], scheduler: &mut Scheduler) -> bool {
        if self.door == Door::Etrn {
            // One question each, so that nobody stays.
            let _ = self.send(&scheduler.etrn(packet).encode());
            return false;
        }
        if Question::is_one(packet) {
            return match Question::parse(packet) {
                Ok(question) => scheduler.answer(&question, self.user).iter().all(|reply| self.tell(reply)),
                Err(error) => self.tell(&Reply::Permanent(error.to_string())),
            };
        }
        let may_tell = self.user == Uid::effective() || self.user.is_root();
        if may_tell {
            scheduler.arrival(packet);
        } else {
            LOG.error(format_args!("dropped a call from user {}, who may ask but not tell of messages", self.user));
        }
        may_tell
    }

    fn tell(&self, reply: &Reply) -> bool {
        self.send(&reply.encode())
    }

    /// Waits a little for a caller that reads slowly; one that does not read is dropped.
    fn send(&self, packet: &[u8]) -> bool {
        match socket::send_packet(&self.socket, packet, None) {
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                let waited = poll::wait_two((self.socket.as_fd(), Interest::Write), None, Some(PATIENCE));
                waited.is_ok() && socket::send_packet(&self.socket, packet, None).is_ok()
            }
            done => done.is_ok(),
        }
    }
}
