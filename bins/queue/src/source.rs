//! What the caller gives us to read, until a deadline.

use crate::failure::Failure;
use stafett_sys::descriptor;
use stafett_sys::poll::{self, Interest};
use stafett_wire::exitcode;
use std::io;
use std::os::fd::{AsFd, OwnedFd};
use std::time::Instant;

/// A descriptor that this program was started with.
#[derive(Debug)]
pub struct Source {
    descriptor: OwnedFd,
    name: &'static str,
    deadline: Instant,
}

impl Source {
    /// Takes the descriptor of that number; `name` is what stands there.
    pub fn inherited(number: i32, name: &'static str, deadline: Instant) -> Result<Source, Failure> {
        match descriptor::inherited(number) {
            Ok(descriptor) => Ok(Source { descriptor, name, deadline }),
            Err(error) => Err(Failure::new(exitcode::READ, format!("unable to read the {name} from descriptor {number}: {error}"))),
        }
    }

    /// The next bytes; `None` at the end of file.
    pub fn read<'a>(&self, space: &'a mut [u8]) -> Result<Option<&'a [u8]>, Failure> {
        let count = loop {
            self.wait()?;
            match descriptor::read(&self.descriptor, space) {
                // Somebody else reads the same nonblocking descriptor.
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                other => break other.map_err(|error| self.unreadable(&error))?,
            }
        };
        Ok(space.get(..count).filter(|piece| !piece.is_empty()))
    }

    fn wait(&self) -> Result<(), Failure> {
        let left = self.deadline.saturating_duration_since(Instant::now());
        let wanted = (self.descriptor.as_fd(), Interest::Read);
        let (ready, _) = poll::wait_two(wanted, None, Some(left)).map_err(|error| self.unreadable(&error))?;
        if ready.any() {
            Ok(())
        } else {
            Err(Failure::new(exitcode::TIMEOUT, format!("the {} did not come to its end in time", self.name)))
        }
    }

    fn unreadable(&self, error: &io::Error) -> Failure {
        Failure::new(exitcode::READ, format!("unable to read the {}: {error}", self.name))
    }
}
