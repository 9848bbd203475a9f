//! qmail's queue drained into ours, so that a message is in exactly one of them for whoever delivers, whenever this ends.
//!
//! What: the messages that can be taken are listed in queue/importing. Each is written into queue/hold with its marks and
//! synced. When all are, the list says so, qmail's files are moved into queue/taken, out of qmail's sight, and that is synced;
//! only then the messages go from queue/hold to queue/cur, what is not to be kept of queue/taken is removed, and the list as well.
//! A run that finds a list finishes what it says: a copy of what qmail would still deliver, which may have gone on with it since,
//! is removed and made anew; the others are released.
//! Security stance: reads with the caller's power, opens no symbolic link, and writes as the owner of the queue. Both
//! schedulers and our writer are locked out meanwhile. How it fails: with a sentence; running it again goes on. Known limits: who
//! releases or deletes messages in queue/hold by hand after a broken run may deliver them twice.

use crate::convert::{Here, convert, each_piece, seconds};
use crate::qmail::letter::{Letter, Unusable};
use crate::qmail::queue::{Content, Files, Part, Queue};
use crate::record::{self, Stage, Taking, nanoseconds};
use crate::report::{Mark, Report};
use stafett_queue_store::{Id, Listed, Place, Store};
use stafett_sys::privilege;
use stafett_sys::user::{Gid, Uid};
use std::collections::{BTreeMap, HashSet};
use std::fs::File;
use std::io::{self, ErrorKind};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::time::{SystemTime, UNIX_EPOCH};

/// Shows what would be taken.
///
/// # Errors
/// When qmail's queue cannot be read.
pub fn show(queue: &Queue, here: &Here, report: &mut Report) -> Result<(), String> {
    let content = read_content(queue, report)?;
    for (number, files) in &content.messages {
        if let Some((letter, recipients)) = judge(queue, *number, files, here, report) {
            tell(queue, &letter, *number, &recipients, report);
        }
    }
    Ok(())
}

/// Takes it.
///
/// # Errors
/// When it cannot be begun, or was broken off; nothing is lost then, and running it again goes on.
pub fn run(queue: &Queue, store: &Store, here: &Here, keep: bool, report: &mut Report) -> Result<(), String> {
    let drain = Drain::begin(queue, store)?;
    drain.finish_broken_off(report)?;
    let content = read_content(queue, report)?;
    let mut ids = drain.ids_in_use()?;
    let mut all = Vec::new();
    for (number, files) in &content.messages {
        let Some((letter, recipients)) = judge(queue, *number, files, here, report) else { continue };
        tell(queue, &letter, *number, &recipients, report);
        let id = id(letter.birth, &mut ids);
        let due = seconds(letter.due.unwrap_or_else(SystemTime::now));
        all.push(Taking { id, number: *number, written: nanoseconds(letter.written), due });
    }
    if all.is_empty() {
        return Ok(());
    }
    drain.record(Stage::Copying, &all)?;
    for taking in &all {
        let Some(files) = content.messages.get(&taking.number) else { continue };
        drain.copy(taking, files, here)?;
    }
    // What was written before may not have reached the disk, whatever each sync said: after this it has.
    drain.sync()?;
    let stage = if keep { Stage::Moving } else { Stage::Removing };
    drain.record(stage, &all)?;
    drain.hand_over(&all, &content)?;
    drain.finish(stage, &all)
}

/// The messages of qmail, and what else lies there.
fn read_content(queue: &Queue, report: &mut Report) -> Result<Content, String> {
    let content = queue.content().map_err(|error| format!("unable to read {}: {error}", queue.root().display()))?;
    for odd in &content.odd {
        report.say(Mark::Left, odd.display(), "is no file of a message");
    }
    Ok(content)
}

/// What can be taken; tells of what cannot.
fn judge(queue: &Queue, number: u64, files: &Files, here: &Here, report: &mut Report) -> Option<(Letter, Vec<String>)> {
    let place = format!("{} message {number}", queue.root().display());
    let converted = Letter::read(files).and_then(|letter| match convert(&letter, number, here) {
        Ok(converted) => Ok((letter, converted.envelope.recipients.into_iter().map(|recipient| recipient.address).collect())),
        Err(reason) => Err(Unusable::Fault(reason)),
    });
    match converted {
        Ok(usable) => return Some(usable),
        Err(Unusable::Fault(reason)) => {
            report.say(Mark::Left, place, format_args!("{reason}; it stays in qmail's queue (stafett-import(8), What stays with qmail)"))
        }
        Err(Unusable::Unfinished) => {
            report.say(Mark::Note, place, "was never accepted: its injection was broken off; qmail-clean removes it")
        }
        Err(Unusable::Nothing) => report.say(Mark::Note, place, "is done; qmail-send would only remove it"),
    }
    None
}

fn tell(queue: &Queue, letter: &Letter, number: u64, recipients: &[String], report: &mut Report) {
    let open = letter.recipients.iter().filter(|recipient| !recipient.done).count();
    let (sender, failed) = (letter.sender.escape_ascii(), letter.failures.len());
    let text = format!("from <{sender}>, {} recipients, {open} waiting, {failed} to be bounced", recipients.len());
    report.say(Mark::Take, format_args!("{} message {number}", queue.root().display()), text);
}

/// The time of birth, or the next one that is free.
fn id(birth: SystemTime, used: &mut HashSet<u64>) -> Id {
    let micros = |time: SystemTime| time.duration_since(UNIX_EPOCH).map_or(0, |since| u64::try_from(since.as_micros()).unwrap_or(0));
    let mut id = micros(birth.min(SystemTime::now()));
    while !used.insert(id) {
        id += 1;
    }
    Id(id)
}

/// A run, with all that is locked.
struct Drain<'a> {
    queue: &'a Queue,
    store: &'a Store,
    owner: (Uid, Gid),
    _locks: [OwnedFd; 3],
}

impl<'a> Drain<'a> {
    fn begin(queue: &'a Queue, store: &'a Store) -> Result<Drain<'a>, String> {
        let root = store.root().display();
        let busy = |program: &str, error: &io::Error| match error.kind() {
            ErrorKind::WouldBlock => format!("{program} is running on {root}; stop the services queued and send first"),
            _ => format!("unable to lock {root}: {error}"),
        };
        let theirs = queue.lock()?;
        let writer = store.become_writer().map_err(|error| busy("stafett-queued", &error))?;
        let scheduler = store.become_scheduler().map_err(|error| busy("stafett-send", &error))?;
        let seen = std::fs::metadata(store.root().join("cur")).map_err(|error| format!("unable to look at {root}/cur: {error}"))?;
        let owner = (Uid(seen.uid()), Gid(seen.gid()));
        if !Uid::effective().is_root() && Uid::effective() != owner.0 {
            return Err(format!("do this as root or as the owner of {root}, user {}", owner.0));
        }
        let drain = Drain { queue, store, owner, _locks: [theirs, writer, scheduler] };
        drain.as_owner("sweep queue/tmp", || store.sweep())?;
        Ok(drain)
    }

    /// Does it as the owner of our queue.
    fn as_owner<T>(&self, verb: &str, work: impl FnOnce() -> io::Result<T>) -> Result<T, String> {
        let (uid, gid) = self.owner;
        let failed = |error: io::Error| format!("unable to {verb} in {}: {error}", self.store.root().display());
        privilege::acting_as(uid, gid, work).map_err(failed)?.map_err(failed)
    }

    /// The messages of one place.
    fn list(&self, place: Place) -> Result<BTreeMap<u64, Listed>, String> {
        let mut found = BTreeMap::new();
        let mut add = |listed: Listed| {
            found.insert(listed.id.0, listed);
        };
        let listed = self.store.list(place, &mut add, &mut |_: &Path| {});
        listed.map_err(|error| format!("unable to read {}: {error}", self.store.root().display()))?;
        Ok(found)
    }

    fn ids_in_use(&self) -> Result<HashSet<u64>, String> {
        let mut ids = HashSet::new();
        for place in [Place::New, Place::Waiting, Place::Held] {
            ids.extend(self.list(place)?.into_keys());
        }
        Ok(ids)
    }

    /// Ends what an earlier run began.
    fn finish_broken_off(&self, report: &mut Report) -> Result<(), String> {
        let broken_off = |error| format!("unable to go on with a run that was broken off: {error}");
        let Some((stage, all)) = record::read(self.store).map_err(broken_off)? else { return Ok(()) };
        let held = self.list(Place::Held)?;
        let content = self.queue.content().map_err(|error| format!("unable to read {}: {error}", self.queue.root().display()))?;
        let (mut ready, mut anew) = (Vec::new(), 0);
        for (taking, listed) in all.iter().filter_map(|taking| held.get(&taking.id.0).map(|listed| (taking, *listed))) {
            let files = content.messages.get(&taking.number).filter(|files| is_it(files, taking));
            if stage == Stage::Copying || files.is_some_and(Files::is_seen) {
                self.as_owner("remove a copy", || self.store.remove(listed.id, listed.size, Place::Held))?;
                anew += 1;
            } else if let Some(reason) = self.doubt(taking, listed, files) {
                report.say(Mark::Left, format_args!("{} msg {}", self.store.root().display(), taking.id), reason);
            } else {
                ready.push(taking.clone());
            }
        }
        let text = format!("a run was broken off; {} messages of it are finished, {anew} begun anew", ready.len());
        report.say(Mark::Note, self.store.root().display(), text);
        self.hand_over(&ready, &content)?;
        // Those that an earlier run released are no more in queue/hold; their files may still lie in queue/taken.
        self.finish(stage, all.iter().filter(|taking| !held.contains_key(&taking.id.0)).chain(&ready))
    }

    /// Why a copy that qmail has given up is not to be released.
    fn doubt(&self, taking: &Taking, Listed { id, size, .. }: Listed, files: Option<&Files>) -> Option<String> {
        let Taking { number, .. } = taking;
        if !self.store.read(id, size, Place::Held).is_ok_and(|entry| entry.is_ok()) {
            return Some(format!(
                "is not whole; it stays in queue/hold, and the files of message {number} lie in queue/taken/{id} of qmail"
            ));
        }
        let is_gone = files.is_none() && !self.queue.has_taken(&id.to_string());
        is_gone.then(|| {
            format!(
                "its message {number} is gone from qmail's queue without having been taken from it, so qmail may have delivered it; \
                 it stays in queue/hold: qtool release {id}, or qtool delete {id}"
            )
        })
    }

    fn record(&self, stage: Stage, all: &[Taking]) -> Result<(), String> {
        self.as_owner("write queue/importing", || record::write(self.store, stage, all))
    }

    fn sync(&self) -> Result<(), String> {
        self.as_owner("sync", || rustix::fs::syncfs(File::open(self.store.root())?).map_err(io::Error::from))
    }

    /// Writes a message into queue/hold.
    fn copy(&self, taking: &Taking, files: &Files, here: &Here) -> Result<(), String> {
        let place = format!("{} message {}", self.queue.root().display(), taking.number);
        let letter = Letter::read(files).map_err(|reason| format!("{place} has changed: {reason:?}; run this again"))?;
        let converted = convert(&letter, taking.number, here).map_err(|reason| format!("{place} has changed: {reason}; run this again"))?;
        self.as_owner("write queue/hold", || {
            let mut draft = self.store.draft(taking.id)?;
            each_piece(&letter.content, |bytes| draft.write(bytes)).map_err(io::Error::other)?;
            draft.commit_with_past(&converted.envelope, &converted.journal)
        })?;
        Ok(())
    }

    /// Takes the messages that are in queue/hold out of qmail's sight, then lets them go.
    fn hand_over(&self, all: &[Taking], content: &Content) -> Result<(), String> {
        let failed = |error: io::Error| format!("unable to move files of {}: {error}; run this again", self.queue.root().display());
        for taking in all {
            if let Some(files) = content.messages.get(&taking.number).filter(|files| is_it(files, taking)) {
                self.queue.give_up(files, &taking.id.to_string(), taking.number).map_err(failed)?;
            }
        }
        self.queue.sync().map_err(failed)?;
        let held = self.list(Place::Held)?;
        self.as_owner("release messages", || {
            let mut notes = String::new();
            for taking in all {
                if let Some(Listed { id, size, .. }) = held.get(&taking.id.0) {
                    self.store.wait_until(*id, *size, Place::Held, taking.due)?;
                    let (who, now) = (Uid::real(), seconds(SystemTime::now()));
                    notes.push_str(&format!("admin uid {who}: import msg {id} at {now} while stopped\n"));
                }
            }
            self.store.note(&notes)?;
            rustix::fs::syncfs(File::open(self.store.root())?).map_err(io::Error::from)
        })
    }

    /// Removes what is not to be kept of qmail's files, then the list: all of its messages are released.
    fn finish<'b>(&self, stage: Stage, released: impl IntoIterator<Item = &'b Taking>) -> Result<(), String> {
        if stage == Stage::Removing {
            for taking in released {
                let failed = |error| format!("unable to remove {} from queue/taken of qmail: {error}; run this again", taking.id);
                self.queue.remove_taken(&taking.id.to_string()).map_err(failed)?;
            }
        }
        self.as_owner("remove queue/importing", || record::remove(self.store))
    }
}

/// Whether a message of qmail is the one that was listed: numbers are used again.
fn is_it(files: &Files, taking: &Taking) -> bool {
    files.path(Part::Mess).and_then(written) == Some(taking.written)
}

/// When a file was written.
fn written(path: &Path) -> Option<u128> {
    path.symlink_metadata().ok()?.modified().ok().map(nanoseconds)
}
