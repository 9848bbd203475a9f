//! One caller's conversation: envelope, message, answer; again, until it closes.

use crate::pool::{Shared, UnderWay};
use crate::{LOG, hold, signing};
use stafett_envelope::{Envelope, Head};
use stafett_message::date;
use stafett_queue_store::Draft;
use stafett_sys::socket::Peer;
use stafett_wire::injector::{Answer, LARGEST_ENVELOPE, LARGEST_PIECE};
use stafett_wire::netstring::{self, Reader};
use std::io::{self, Write};
use std::os::unix::net::UnixStream;
use std::time::{Duration, SystemTime};

/// How long a caller may be silent. smtpd streams at the pace of its client, whose own timeout
/// is shorter.
const PATIENCE: Duration = Duration::from_secs(1800);
/// After how many bytes of a message the free space is looked at again.
const LOOK_AGAIN: u64 = 1024 * 1024;
/// A message of this size may go below the floor of free space by itself.
const SMALL: u64 = 64 * 1024;

/// Serves a caller until it closes or breaks the protocol.
pub fn serve(shared: &Shared, peer: Peer, stream: UnixStream) {
    let bounded = stream.set_read_timeout(Some(PATIENCE)).and_then(|()| stream.set_write_timeout(Some(PATIENCE)));
    if bounded.is_err() {
        return;
    }
    let mut reader = Reader::new(&stream, LARGEST_PIECE);
    let mut conversation = Conversation { shared, peer, envelope: Vec::new(), body: Body::None, under_way: None };
    loop {
        let step = match reader.next() {
            Ok(Some(bytes)) => conversation.take(bytes),
            Ok(None) => return,
            Err(error) if error.kind() == io::ErrorKind::InvalidData => {
                Step::Close(Answer::Permanent("554 5.3.0 queue: malformed request".to_owned()))
            }
            Err(_) => return,
        };
        let (answer, close) = match step {
            Step::Listen => continue,
            Step::Answer(answer) => (answer, false),
            Step::Close(answer) => (answer, true),
        };
        shared.statistics.refuse(&answer);
        let mut out = Vec::new();
        netstring::push(&mut out, &answer.encode());
        if (&stream).write_all(&out).is_err() || close {
            return;
        }
        conversation.rest();
    }
}

struct Conversation<'a> {
    shared: &'a Shared,
    peer: Peer,
    envelope: Vec<u8>,
    body: Body<'a>,
    /// Held from the first piece of a message until its answer is written.
    under_way: Option<UnderWay<'a>>,
}

/// How far the message is.
enum Body<'a> {
    None,
    Writing {
        draft: Draft<'a>,
        looked: u64,
    },
    /// It has failed; what still comes is read and thrown away, then this is the answer.
    Failed(Answer),
}

enum Step {
    Listen,
    Answer(Answer),
    Close(Answer),
}

impl<'a> Conversation<'a> {
    fn take(&mut self, bytes: &[u8]) -> Step {
        self.under_way.get_or_insert_with(|| self.shared.under_way());
        match bytes.split_first() {
            Some((b'E', text)) => self.take_envelope(text),
            Some((b'D', piece)) => self.take_piece(piece),
            Some((b'.', [])) if !self.envelope.is_empty() => Step::Answer(self.finish()),
            Some((b'R', size)) => match netstring::number(size) {
                Ok(size) => Step::Answer(self.room(size)),
                Err(_) => malformed(),
            },
            Some((b'S', [])) => Step::Answer(Answer::Accepted(self.shared.statistics.text())),
            _ => malformed(),
        }
    }

    /// Between two messages the caller may be cut off without losing anything.
    fn rest(&mut self) {
        if self.envelope.is_empty() && matches!(self.body, Body::None) {
            self.under_way = None;
        }
    }

    fn take_envelope(&mut self, text: &[u8]) -> Step {
        if self.envelope.len() + text.len() > LARGEST_ENVELOPE {
            return Step::Close(Answer::Permanent("552 5.3.4 queue: the envelope is too large".to_owned()));
        }
        self.envelope.extend_from_slice(text);
        Step::Listen
    }

    fn take_piece(&mut self, piece: &[u8]) -> Step {
        if let Body::None = self.body {
            self.body = self.begin();
        }
        if let Body::Writing { draft, looked } = &mut self.body {
            let mut fault = draft.write(piece).err().map(|error| write_fault(&error));
            if fault.is_none() && draft.size() > *looked + LOOK_AGAIN {
                *looked = draft.size();
                fault = no_room(self.shared, 0);
            }
            if let Some(answer) = fault {
                self.body = Body::Failed(answer);
            }
        }
        Step::Listen
    }

    fn begin(&self) -> Body<'a> {
        if let Some(answer) = no_room(self.shared, 0) {
            return Body::Failed(answer);
        }
        match self.shared.store.draft(self.shared.ids.next()) {
            Ok(draft) => Body::Writing { draft, looked: 0 },
            Err(error) => Body::Failed(write_fault(&error)),
        }
    }

    fn finish(&mut self) -> Answer {
        if let Body::None = self.body {
            self.body = self.begin();
        }
        let text = std::mem::take(&mut self.envelope);
        match std::mem::replace(&mut self.body, Body::None) {
            Body::Writing { draft, looked } => {
                self.last_look(&draft, looked).unwrap_or_else(|| self.commit(draft, &text).unwrap_or_else(|answer| answer))
            }
            Body::Failed(answer) => answer,
            Body::None => Answer::Temporary("451 4.3.0 queue: internal error".to_owned()),
        }
    }

    /// A large message may have gone below the floor since the last look; a small one began above it.
    fn last_look(&self, draft: &Draft<'_>, looked: u64) -> Option<Answer> {
        (draft.size() > looked + SMALL).then(|| no_room(self.shared, 0)).flatten()
    }

    fn commit(&self, mut draft: Draft<'a>, text: &[u8]) -> Result<Answer, Answer> {
        let mut envelope = Envelope::parse(text).map_err(|error| Answer::Permanent(format!("554 5.6.0 queue: {error}")))?;
        if envelope.recipients.is_empty() {
            return Err(Answer::Permanent("554 5.5.1 queue: no recipients".to_owned()));
        }
        if !draft.lines_are_whole() {
            return Err(Answer::Permanent("554 5.6.0 queue: bare CR or LF, or no line end at the end of the message".to_owned()));
        }
        if !self.is_bounce(&envelope) {
            self.shared.slow_down();
        }
        let settings = self.shared.settings();
        if self.is_local(&envelope) {
            self.receive(&mut envelope, &settings.me);
            if !settings.signs.is_empty() {
                signing::sign(self.shared, &settings.signs, &mut envelope, &mut draft)?;
            }
        }
        envelope.uid = Some(self.peer.uid.0);
        let before = envelope.recipients.len();
        settings.taps.apply(&mut envelope);
        if envelope.recipients.len() != before {
            still_readable(&envelope)?;
        }
        envelope.put_id(&draft.id().to_string());
        let committed = draft.commit(&envelope, settings.sync_directory).map_err(|error| write_fault(&error))?;
        self.shared.statistics.accept(&committed);
        if envelope.hold.is_some() {
            hold::tell(committed.id, &envelope);
        } else {
            self.shared.tell(&committed);
        }
        Ok(Answer::Accepted(committed.id.to_string()))
    }

    /// Whether send brought it. What is being delivered must not wait for what comes in.
    fn is_bounce(&self, envelope: &Envelope) -> bool {
        self.shared.is_trusted(self.peer.uid) && envelope.origin.starts_with("bounce ")
    }

    /// Whether it begins here; smtpd and send say where theirs comes from.
    fn is_local(&self, envelope: &Envelope) -> bool {
        !self.shared.is_trusted(self.peer.uid) || envelope.origin.is_empty()
    }

    /// Says who brought it: what the kernel knows.
    fn receive(&self, envelope: &mut Envelope, me: &str) {
        let uid = self.peer.uid;
        "local".clone_into(&mut envelope.origin);
        envelope.hold = None;
        let by = Head::WithId(format!("Received: by {me} (stafett-queue, uid {uid}) id "), format!("; {}", date(SystemTime::now())));
        envelope.head = vec![by];
    }

    fn room(&self, size: u64) -> Answer {
        no_room(self.shared, size).unwrap_or_else(|| Answer::Accepted("ok".to_owned()))
    }
}

/// The answer when taking `size` more bytes would leave too little free.
fn no_room(shared: &Shared, size: u64) -> Option<Answer> {
    let floor = shared.settings().free;
    match shared.store.free() {
        Ok((bytes, files)) if files > 16 && bytes.saturating_sub(size) >= floor => None,
        Ok((bytes, files)) => {
            LOG.error(format_args!("the queue's file system is full: {bytes} bytes and {files} files are free, control/queuefree keeps {floor} bytes; refusing messages for now"));
            Some(Answer::Temporary("452 4.3.1 insufficient system storage".to_owned()))
        }
        Err(error) => {
            LOG.error(format_args!("unable to ask the queue's file system for its free space: {error}"));
            Some(Answer::Temporary("451 4.3.0 unable to write to the queue".to_owned()))
        }
    }
}

fn write_fault(error: &io::Error) -> Answer {
    LOG.error(format_args!("unable to write a message to the queue: {error}; it was refused for now"));
    match error.kind() {
        io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded | io::ErrorKind::FileTooLarge => {
            Answer::Temporary("452 4.3.1 insufficient system storage".to_owned())
        }
        _ => Answer::Temporary("451 4.3.0 unable to write to the queue".to_owned()),
    }
}

fn malformed() -> Step {
    Step::Close(Answer::Permanent("554 5.3.0 queue: malformed request".to_owned()))
}

/// What is accepted must be readable: copies came after the first look.
fn still_readable(envelope: &Envelope) -> Result<(), Answer> {
    let mut written = Vec::new();
    envelope.write(&mut written);
    let read = Envelope::parse(&written);
    read.map(drop).map_err(|error| Answer::Temporary(format!("452 4.5.3 queue: with the copies of control/taps the envelope {error}")))
}
