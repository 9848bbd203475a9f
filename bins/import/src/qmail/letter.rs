//! One message of qmail's queue: sender, recipients and their marks, times.
//!
//! What: the files of [`Files`] read as qmail-send reads them. A message with a file in todo/ is not preprocessed yet, and
//! whatever lies in info/, local/ and remote/ of it counts for nothing; every other one has its sender in info/ and those
//! recipients in local/ and remote/ that are not all done. `T` is a recipient to be delivered, `D` one that is done:
//! delivered, or failed and written into bounce/.
//! Security stance: fields are bytes of strangers, bounded by [`LARGEST`]. How it fails: [`Unusable`] says why a message cannot
//! be taken; nothing of it is touched then. Known limits: what is delivered is not told apart from what was discarded.

use crate::qmail::bounce::{self, Failure};
use crate::qmail::queue::{Files, Part};
use rustix::fs::{Mode, OFlags};
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;
use std::time::SystemTime;

/// Bytes of a file beside the message at most.
const LARGEST: u64 = 256 * 1024 * 1024;

/// Where a recipient was to go, as qmail saw it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channel {
    /// Not looked at yet: the address is as it was injected.
    Unsorted,
    /// To a user of this host; the address is rewritten by virtualdomains.
    Local,
    /// To another host.
    Remote,
}

/// One recipient.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Addressee {
    /// The address.
    pub address: Vec<u8>,
    /// Where to.
    pub channel: Channel,
    /// Marked `D`.
    pub done: bool,
}

/// A message that qmail has accepted.
#[derive(Debug)]
pub struct Letter {
    /// The sender.
    pub sender: Vec<u8>,
    /// Who injected it, where qmail still knows.
    pub uid: Option<u32>,
    /// Its recipients, as far as qmail still knows them.
    pub recipients: Vec<Addressee>,
    /// Failures that its sender is to be told.
    pub failures: Vec<Failure>,
    /// When those were written.
    pub failed_at: SystemTime,
    /// When qmail took it.
    pub birth: SystemTime,
    /// When qmail would try it next; `None` for at once.
    pub due: Option<SystemTime>,
    /// The message, opened.
    pub content: File,
    /// When the message was written, for recognising it.
    pub written: SystemTime,
}

/// Why a message is left where it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unusable {
    /// It was never accepted: its injection was broken off.
    Unfinished,
    /// All its recipients are done; qmail-send only has to remove it.
    Nothing,
    /// Something is wrong with it.
    Fault(String),
}

impl From<io::Error> for Unusable {
    fn from(error: io::Error) -> Unusable {
        Unusable::Fault(format!("unable to read it: {error}"))
    }
}

impl Letter {
    /// Reads a message.
    ///
    /// # Errors
    /// Why it cannot be taken.
    pub fn read(files: &Files) -> Result<Letter, Unusable> {
        let Some(mess) = files.path(Part::Mess) else {
            return Err(Unusable::Fault(format!("there is no message to its files ({})", files.names())));
        };
        let content = open(mess)?;
        let written = content.metadata()?.modified()?;
        let letter = Letter {
            sender: Vec::new(),
            uid: None,
            recipients: Vec::new(),
            failures: Vec::new(),
            failed_at: written,
            birth: written,
            due: None,
            content,
            written,
        };
        match (files.path(Part::Todo), files.path(Part::Info)) {
            (Some(todo), _) => letter.unsorted(todo),
            (None, Some(info)) => letter.sorted(info, files),
            (None, None) => Err(Unusable::Unfinished),
        }
    }

    fn unsorted(mut self, todo: &Path) -> Result<Letter, Unusable> {
        let mut sender = None;
        for (letter, text) in records(&read(todo)?, "todo")? {
            match letter {
                b'u' => self.uid = std::str::from_utf8(&text).ok().and_then(|text| text.parse().ok()),
                b'p' => {}
                b'F' => sender = Some(text),
                b'T' => self.recipients.push(Addressee { address: text, channel: Channel::Unsorted, done: false }),
                other => return Err(odd_record("todo", other)),
            }
        }
        self.sender = sender.ok_or_else(|| Unusable::Fault("its file in todo/ names no sender".to_owned()))?;
        if self.recipients.is_empty() { Err(Unusable::Nothing) } else { Ok(self) }
    }

    fn sorted(mut self, info: &Path, files: &Files) -> Result<Letter, Unusable> {
        self.birth = open(info)?.metadata()?.modified()?;
        let [(b'F', sender)] = &records(&read(info)?, "info")?[..] else {
            return Err(Unusable::Fault("its file in info/ is not one sender".to_owned()));
        };
        self.sender.clone_from(sender);
        for (part, channel) in [(Part::Local, Channel::Local), (Part::Remote, Channel::Remote)] {
            if let Some(path) = files.path(part) {
                self.add_recipients(path, part, channel)?;
            }
        }
        if let Some(path) = files.path(Part::Bounce) {
            self.failed_at = open(path)?.metadata()?.modified()?;
            let unreadable = || Unusable::Fault("the texts for its bounce, in bounce/, are not as qmail-send writes them".to_owned());
            self.failures = bounce::parse(&read(path)?).ok_or_else(unreadable)?;
        }
        let is_done = self.failures.is_empty() && self.recipients.iter().all(|recipient| recipient.done);
        if is_done { Err(Unusable::Nothing) } else { Ok(self) }
    }

    fn add_recipients(&mut self, path: &Path, part: Part, channel: Channel) -> Result<(), Unusable> {
        let mut waits = false;
        for (letter, address) in records(&read(path)?, part.name())? {
            let done = match letter {
                b'T' => false,
                b'D' => true,
                other => return Err(odd_record(part.name(), other)),
            };
            waits |= !done;
            self.recipients.push(Addressee { address, channel, done });
        }
        // qmail-send leaves the time of the next attempt here when it ends.
        let next = open(path)?.metadata()?.modified()?;
        if waits {
            self.due = Some(self.due.map_or(next, |due| due.min(next)));
        }
        Ok(())
    }
}

fn odd_record(place: &str, letter: u8) -> Unusable {
    Unusable::Fault(format!("its file in {place}/ holds a record \"{}\", which no qmail writes there", char::from(letter).escape_default()))
}

/// Records of a letter and a text, each ended by NUL.
fn records(bytes: &[u8], place: &str) -> Result<Vec<(u8, Vec<u8>)>, Unusable> {
    let whole = bytes.strip_suffix(b"\0").ok_or_else(|| Unusable::Fault(format!("its file in {place}/ is cut off")))?;
    let record = |record: &[u8]| record.split_first().map(|(letter, text)| (*letter, text.to_vec()));
    let all: Option<Vec<_>> = whole.split(|byte| *byte == 0).map(record).collect();
    all.ok_or_else(|| Unusable::Fault(format!("its file in {place}/ holds an empty record")))
}

fn open(path: &Path) -> io::Result<File> {
    let opened = rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK, Mode::empty())?;
    let file = File::from(opened);
    if file.metadata()?.is_file() { Ok(file) } else { Err(io::Error::other("it is not a file")) }
}

fn read(path: &Path) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    open(path)?.take(LARGEST).read_to_end(&mut bytes)?;
    Ok(bytes)
}

#[cfg(test)]
#[path = "letter_test.rs"]
mod letter_test;
