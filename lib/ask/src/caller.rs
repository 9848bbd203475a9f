//! The caller's half.

use crate::answer::{Answer, LONGEST};
use stafett_sys::socket::{self, Style};
use stafett_wire::LARGEST_PACKET;
use stafett_wire::netstring::push;
use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// Asks the service that listens at `path`, and waits for its answer no longer than `within`.
///
/// # Errors
/// When nobody listens, the answer does not come in time, or is none. Nothing may be concluded then.
pub fn ask(path: &Path, question: &[&[u8]], descriptor: Option<BorrowedFd<'_>>, within: Duration) -> io::Result<Answer> {
    Calls::default().ask(path, question, descriptor, within)
}

/// As [`ask`], of a service that [`Calls::ask_child`] is for.
///
/// # Errors
/// As [`ask`].
pub fn ask_child(path: &Path, question: &[&[u8]], within: Duration) -> io::Result<Answer> {
    Calls::default().ask_child(path, question, within)
}

/// Connections to services that are kept for the next question: to connect costs more than to ask.
///
/// For a process that asks on behalf of one peer. One that forks must not have asked before: two processes with one connection
/// would take each other's answers.
#[derive(Debug, Default)]
pub struct Calls {
    kept: Vec<(PathBuf, Call)>,
    question: Vec<u8>,
    answer: Vec<u8>,
}

/// A connection on which every question so far has been answered.
#[derive(Debug)]
struct Call {
    socket: OwnedFd,
    /// What it was told how long to wait.
    within: Duration,
}

impl Calls {
    /// As [`ask`], on the connection of the last question to that service if there is one. A service that has closed it, because
    /// it has been started again or has not been asked for a while, is connected to once more.
    ///
    /// # Errors
    /// As [`ask`].
    pub fn ask(&mut self, path: &Path, question: &[&[u8]], descriptor: Option<BorrowedFd<'_>>, within: Duration) -> io::Result<Answer> {
        self.ask_or(path, question, descriptor, within, |calls, left| {
            let socket = socket::connect_within(path, Style::Packets, left)?;
            calls.ask_on(Call { socket, within: left }, descriptor, left)
        })
    }

    /// As [`Calls::ask`], where each conversation has a child of the resident parent that listens at `path` for handoffs: the first
    /// question is the strings of the handoff, and the descriptor is the way back, on which the child takes the next ones.
    ///
    /// # Errors
    /// As [`ask`].
    pub fn ask_child(&mut self, path: &Path, question: &[&[u8]], within: Duration) -> io::Result<Answer> {
        self.ask_or(path, question, None, within, |calls, left| {
            let (ours, theirs) = socket::pair(Style::Packets)?;
            socket::set_timeouts(&ours, Some(left), Some(left))?;
            // The parent's own words on this connection need no reader: a child that never was hangs up the way back.
            let parent = socket::connect_within(path, Style::Packets, left)?;
            socket::send_packet(&parent, &[TAG, &calls.question].concat(), Some(theirs.as_fd()))?;
            drop(theirs);
            calls.hear(Call { socket: ours, within: left })
        })
    }

    /// On the connection of the last question, or by a new one.
    fn ask_or(
        &mut self,
        path: &Path,
        question: &[&[u8]],
        descriptor: Option<BorrowedFd<'_>>,
        within: Duration,
        ask_anew: impl FnOnce(&mut Calls, Duration) -> io::Result<(Answer, Call)>,
    ) -> io::Result<Answer> {
        let deadline = Instant::now() + within;
        self.question.clear();
        question.iter().for_each(|field| push(&mut self.question, field));
        if self.question.len() > LARGEST_PACKET {
            return Err(io::Error::new(io::ErrorKind::InvalidInput, "a question larger than the protocol allows"));
        }
        // taken out: after a fault an answer that comes late must not be taken for that to the next question
        let place = self.kept.iter().position(|(known, _)| known == path);
        if let Some((known, call)) = place.map(|place| self.kept.swap_remove(place)) {
            match self.ask_on(call, descriptor, within) {
                Err(error) if was_closed(&error) => {}
                asked => return asked.map(|(answer, call)| self.keep(known, call, answer)),
            }
        }
        let left = deadline.saturating_duration_since(Instant::now()).max(LEAST);
        let (answer, call) = ask_anew(self, left)?;
        Ok(self.keep(path.to_owned(), call, answer))
    }

    fn keep(&mut self, path: PathBuf, call: Call, answer: Answer) -> Answer {
        self.kept.push((path, call));
        answer
    }

    fn ask_on(&mut self, mut call: Call, descriptor: Option<BorrowedFd<'_>>, within: Duration) -> io::Result<(Answer, Call)> {
        call.wait_for(within)?;
        socket::send_packet(&call.socket, &self.question, descriptor)?;
        self.hear(call)
    }

    fn hear(&mut self, call: Call) -> io::Result<(Answer, Call)> {
        self.answer.reserve_exact(LONGEST);
        match socket::receive_into(&call.socket, &mut self.answer) {
            Ok(0) => Err(io::Error::new(io::ErrorKind::UnexpectedEof, "the service hung up without an answer")),
            Ok(_) => Ok((Answer::parse(&self.answer)?, call)),
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                Err(io::Error::new(io::ErrorKind::TimedOut, format!("no answer within {:?}", call.within)))
            }
            Err(error) => Err(error),
        }
    }
}

/// What a handoff begins with: its number, which this connection has no other of.
const TAG: &[u8] = b"1:1,";

/// To a socket no time at all means for ever.
const LEAST: Duration = Duration::from_millis(1);

/// By how much a time to wait may differ from what is wanted.
const CLOSE_ENOUGH: Duration = Duration::from_millis(10);

impl Call {
    /// Lets neither sending nor receiving take longer.
    fn wait_for(&mut self, within: Duration) -> io::Result<()> {
        if self.within.abs_diff(within) > CLOSE_ENOUGH {
            self.within = within.max(LEAST);
            socket::set_timeouts(&self.socket, Some(self.within), Some(self.within))?;
        }
        Ok(())
    }
}

fn was_closed(error: &io::Error) -> bool {
    use io::ErrorKind::{BrokenPipe, ConnectionReset, NotConnected, UnexpectedEof};
    matches!(error.kind(), BrokenPipe | ConnectionReset | NotConnected | UnexpectedEof)
}
