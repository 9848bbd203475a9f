//! The conversations with scrapers: few, short and small.
//!
//! Security stance: whoever connects may be hostile. [`MOST`] conversations at once; when one
//! more comes, the oldest is cut off, so that idle ones keep no scraper out. Each has [`PATIENCE`]
//! in all and [`http::LONGEST`] bytes. How it fails: a conversation that breaks is closed.

use crate::LOG;
use crate::collector::Desk;
use crate::http;
use stafett_sys::poll::{self, Interest, Ready};
use stafett_sys::signal::Signals;
use stafett_sys::socket;
use std::fs::File;
use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::time::{Duration, Instant};

/// Conversations at once.
const MOST: usize = 32;
/// How long a conversation may take.
const PATIENCE: Duration = Duration::from_secs(5);
/// How long to leave new callers waiting when the system has no descriptors.
const PAUSE: Duration = Duration::from_millis(200);

/// Serves until a signal comes.
///
/// # Errors
/// When nothing can be waited for.
pub fn serve(listeners: &[OwnedFd], signals: &Signals, desk: &Desk) -> Result<(), String> {
    let mut open: Vec<Conversation> = Vec::new();
    let mut pause: Option<Instant> = None;
    loop {
        let now = Instant::now();
        pause = pause.filter(|end| *end > now);
        open.retain(|one| one.deadline > now);
        let mut wanted: Vec<(BorrowedFd<'_>, Interest)> = vec![(signals.as_fd(), Interest::Read)];
        wanted.extend(open.iter().map(Conversation::wanted));
        if pause.is_none() {
            wanted.extend(listeners.iter().map(|listener| (listener.as_fd(), Interest::Read)));
        }
        let next = open.iter().map(|one| one.deadline).chain(pause).min();
        let ready = poll::wait(&wanted, next.map(|end| end.saturating_duration_since(now)))
            .map_err(|error| format!("unable to wait for events: {error}"))?;
        if ready.first().is_some_and(|signal| signal.any()) && signals.next().is_some() {
            return Ok(());
        }
        let (callers, doors) = ready.get(1..).unwrap_or_default().split_at_checked(open.len()).unwrap_or_default();
        let called: Vec<&OwnedFd> = listeners.iter().zip(doors).filter(|(_, door)| door.any()).map(|(listener, _)| listener).collect();
        let mut states = callers.iter().copied();
        open.retain_mut(|one| one.go_on(states.next().unwrap_or_default(), desk));
        if let Err(error) = called.into_iter().try_for_each(|listener| admit(listener, &mut open)) {
            LOG.error(format_args!("unable to accept a caller: {error}"));
            pause = Some(Instant::now() + PAUSE);
        }
    }
}

fn admit(listener: &OwnedFd, open: &mut Vec<Conversation>) -> io::Result<()> {
    while let Some(caller) = socket::accept(listener)? {
        socket::set_nonblocking(&caller, true)?;
        if open.len() >= MOST {
            open.remove(0);
        }
        open.push(Conversation { stream: File::from(caller), deadline: Instant::now() + PATIENCE, state: State::Listening(Vec::new()) });
    }
    Ok(())
}

/// A conversation.
#[derive(Debug)]
struct Conversation {
    stream: File,
    deadline: Instant,
    state: State,
}

#[derive(Debug)]
enum State {
    /// The request so far.
    Listening(Vec<u8>),
    /// The answer and how much of it is sent.
    Answering(Vec<u8>, usize),
    /// All is sent; the caller hangs up. What it still says is thrown away, as closing before would
    /// cut the answer off.
    Ending,
}

/// Whether there is more to do.
enum Step {
    Again,
    Wait,
    Close,
}

impl Conversation {
    fn wanted(&self) -> (BorrowedFd<'_>, Interest) {
        let what = if matches!(self.state, State::Answering(..)) { Interest::Write } else { Interest::Read };
        (self.stream.as_fd(), what)
    }

    /// Does what can be done now; whether it is still open.
    fn go_on(&mut self, ready: Ready, desk: &Desk) -> bool {
        if !ready.any() {
            return true;
        }
        loop {
            match self.step(desk) {
                Ok(Step::Again) => {}
                Ok(Step::Wait) => return true,
                Ok(Step::Close) => return false,
                Err(error) => return error.kind() == ErrorKind::WouldBlock,
            }
        }
    }

    fn step(&mut self, desk: &Desk) -> io::Result<Step> {
        match &mut self.state {
            State::Listening(request) => {
                let mut block = [0; 4096];
                let length = self.stream.read(&mut block)?;
                request.extend_from_slice(block.get(..length).unwrap_or_default());
                let answer = if http::is_whole(request) {
                    http::answer(request, &desk.pages())
                } else if length == 0 {
                    return Ok(Step::Close);
                } else if request.len() >= http::LONGEST {
                    http::refusal("431 Request Header Fields Too Large")
                } else {
                    return Ok(Step::Again);
                };
                self.state = State::Answering(answer, 0);
            }
            State::Answering(answer, sent) => {
                *sent += self.stream.write(answer.get(*sent..).unwrap_or_default())?;
                if *sent >= answer.len() {
                    socket::stop_sending(&self.stream)?;
                    self.state = State::Ending;
                }
            }
            State::Ending => {
                let length = self.stream.read(&mut [0; 4096])?;
                // One block at a time, so that a caller who never stops keeps nobody waiting.
                return Ok(if length == 0 { Step::Close } else { Step::Wait });
            }
        }
        Ok(Step::Again)
    }
}
