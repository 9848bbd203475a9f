//! Questions to the scheduler, at run/send/socket (stafett-protocols(7)).

use stafett_instance::{Instance, Service};
use stafett_sys::socket::{self, Style};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::question::{MOST_IDS, Question, Reply, Verb};
use std::fmt;
use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

/// How long the scheduler may take for a packet of an answer.
const PATIENCE: Duration = Duration::from_secs(30);
/// Bytes of arguments in one question at most, so that it fits in a packet.
const MOST_BYTES: usize = LARGEST_PACKET / 2;

/// A line to the scheduler.
#[derive(Debug)]
pub struct Scheduler {
    socket: OwnedFd,
    buffer: Vec<u8>,
}

/// Why there is no answer.
#[derive(Debug)]
pub enum Trouble {
    /// Nobody listens.
    NotRunning,
    /// The caller may not ask.
    NotAllowed,
    /// It answers, but not now.
    NotNow(String),
    /// It refuses for good, in words.
    Refused(String),
    /// The conversation broke.
    Broken(io::Error),
}

impl Scheduler {
    /// Connects to the scheduler of an instance.
    ///
    /// # Errors
    /// Why it cannot be asked.
    pub fn connect(instance: &Instance) -> Result<Scheduler, Trouble> {
        let socket =
            socket::connect_within(&instance.socket(Service::Send), Style::Packets, PATIENCE).map_err(|error| match error.kind() {
                io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused => Trouble::NotRunning,
                io::ErrorKind::PermissionDenied => Trouble::NotAllowed,
                _ => Trouble::Broken(error),
            })?;
        Ok(Scheduler { socket, buffer: vec![0; LARGEST_PACKET] })
    }

    /// Asks once; the lines of the answer.
    ///
    /// # Errors
    /// Why there is none.
    pub fn ask(&mut self, verb: Verb, arguments: Vec<String>) -> Result<Vec<String>, Trouble> {
        let question = Question { verb, arguments }.encode();
        socket::send_packet(&self.socket, &question, None).map_err(Trouble::Broken)?;
        let mut lines = Vec::new();
        loop {
            let packet = socket::receive_packet(&self.socket, &mut self.buffer).map_err(Trouble::Broken)?;
            if packet.length == 0 {
                return Err(Trouble::Broken(io::ErrorKind::UnexpectedEof.into()));
            }
            let bytes = self.buffer.get(..packet.length).unwrap_or_default();
            match Reply::parse(bytes).map_err(|malformed| Trouble::Broken(malformed.into()))? {
                Reply::Lines(more, follows) => {
                    lines.extend(more);
                    if !follows {
                        return Ok(lines);
                    }
                }
                Reply::Temporary(text) => return Err(Trouble::NotNow(text)),
                Reply::Permanent(text) => return Err(Trouble::Refused(text)),
            }
        }
    }
}

/// Cuts arguments into as many as fit in one question, at most `most` of them.
pub fn batches(arguments: &[String], most: usize) -> impl Iterator<Item = &[String]> {
    let mut rest = arguments;
    std::iter::from_fn(move || {
        let mut bytes = 0;
        let fits = |argument: &&String| {
            bytes += argument.len() + 16;
            bytes <= MOST_BYTES
        };
        let count = rest.iter().take(most.min(MOST_IDS)).take_while(fits).count().max(1).min(rest.len());
        let (batch, behind) = rest.split_at(count);
        rest = behind;
        Some(batch).filter(|batch| !batch.is_empty())
    })
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Trouble::NotRunning => f.write_str("stafett-send is not running"),
            Trouble::NotAllowed => f.write_str("unable to ask stafett-send: permission denied; be root or in the group of run/send"),
            Trouble::NotNow(text) | Trouble::Refused(text) => write!(f, "stafett-send answers: {text}"),
            Trouble::Broken(error) if error.kind() == io::ErrorKind::WouldBlock => {
                write!(f, "stafett-send did not answer within {} seconds", PATIENCE.as_secs())
            }
            Trouble::Broken(error) => write!(f, "unable to ask stafett-send: {error}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::batches;

    #[test]
    fn batches_are_bounded_in_number_and_bytes() {
        let names: Vec<String> = (0..1001).map(|n| format!("{n:016},S=1")).collect();
        let sizes: Vec<usize> = batches(&names, 500).map(<[String]>::len).collect();
        assert_eq!(sizes, [500, 500, 1]);
        let long = vec!["x".repeat(30_000); 5];
        assert_eq!(batches(&long, 500).map(<[String]>::len).collect::<Vec<_>>(), [2, 2, 1]);
        let longest = vec!["x".repeat(300_000); 2];
        assert_eq!(batches(&longest, 500).count(), 2);
        assert_eq!(batches(&[], 500).count(), 0);
    }
}
