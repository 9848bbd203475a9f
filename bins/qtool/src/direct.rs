//! Doing it without a scheduler: under its lock, so that none starts meanwhile, and as the queue's
//! user, so that every file stays its own. What is done is noted in queue/admin; the scheduler
//! writes that into its log when it starts.

use crate::plan::Plan;
use crate::{LOG, Outcome};
use stafett_queue_store::{Id, Listed, Place, Store};
use stafett_survey::Moment;
use stafett_sys::privilege;
use stafett_sys::user::{Gid, Uid};
use stafett_wire::question::Verb;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::MetadataExt;

/// How long a message in queue/new is left to queued, in seconds: it may still be syncing it.
const SETTLE: u64 = 2;
/// Messages whose notes are written at once.
const BATCH: usize = 500;

/// Does it with all messages of the plan.
///
/// # Errors
/// When this caller cannot do it, with what to do instead.
pub fn all(store: &Store, plan: &Plan, verb: Verb) -> Result<Outcome, String> {
    let who = Uid::effective();
    let _scheduler = store.become_scheduler().map_err(|error| match error.kind() {
        io::ErrorKind::WouldBlock => "stafett-send is just starting or ending; try again".to_owned(),
        _ => format!("unable to lock {}/cur: {error}", store.root().display()),
    })?;
    become_owner(store, who)?;
    store.note("").map_err(|error| format!("unable to write {}/admin: {error}; nothing was done", store.root().display()))?;
    LOG.note("stafett-send is not running; doing it directly, its log will tell when it starts");
    let mut partly = plan.incomplete;
    let mut touched = Touched::default();
    for batch in plan.targets.chunks(BATCH) {
        let mut notes = String::new();
        for target in batch {
            match one(store, target.listed, verb, &mut touched) {
                Ok(word) => {
                    let id = target.listed.id;
                    notes.push_str(&format!("admin uid {who}: {verb} msg {id} at {} while stopped\n", Moment::now().0));
                    let _ = writeln!(io::stdout(), "{id} {word}");
                }
                Err(reason) => {
                    partly = true;
                    LOG.error(format_args!("{} not done: {reason}", target.listed.id));
                }
            }
        }
        if let Err(error) = store.note(&notes) {
            partly = true;
            LOG.error(format_args!("unable to write {}/admin: {error}; the log will not tell all of this", store.root().display()));
        }
    }
    touched.sync(store).map_err(|error| format!("unable to sync the queue: {error}; a power cut now could undo this"))?;
    Ok(if partly { Outcome::Partly } else { Outcome::Done })
}

/// Becomes the owner of the queue, for good.
fn become_owner(store: &Store, who: Uid) -> Result<(), String> {
    let directory = store.root().join("cur");
    let owner = std::fs::metadata(&directory).map_err(|error| format!("unable to look at {}: {error}", directory.display()))?;
    let (uid, gid) = (Uid(owner.uid()), Gid(owner.gid()));
    if who.is_root() && !uid.is_root() {
        return privilege::drop_to(uid, gid).map(drop).map_err(|error| format!("unable to become the queue's user {uid}: {error}"));
    }
    if who == uid {
        return Ok(());
    }
    Err(format!("stafett-send is not running; start it, or do this as root or as the queue's user {uid}"))
}

fn one(store: &Store, listed: Listed, verb: Verb, touched: &mut Touched) -> Result<&'static str, String> {
    let Listed { id, size, .. } = listed;
    // It may have moved since it was listed, before the lock was ours.
    let found = store.find(id, size).map_err(|error| error.to_string())?.ok_or("it is gone")?;
    let (place, dropped) = store.only_place(found);
    for one in dropped {
        LOG.error(&one);
        touched.add(one.place, id);
    }
    let moment = Moment::now().0;
    if place == Place::New && verb != Verb::Retry && id.birth_seconds() <= moment && id.birth_seconds() + SETTLE >= moment {
        return Err("it is just being accepted; try again in a few seconds".to_owned());
    }
    let done = match (verb, place) {
        (Verb::Hold, Place::Held) => return Ok("is held already"),
        (Verb::Hold, _) => store.hold(id, size, place),
        (Verb::Release, Place::New | Place::Waiting) => return Ok("is not held"),
        (Verb::Retry, Place::Held) => return Err("it is held; release it first".to_owned()),
        (Verb::Retry, Place::New) => return Ok("is tried when stafett-send starts"),
        (Verb::Release | Verb::Retry, _) => store.wait_until(id, size, place, moment),
        (Verb::Delete, _) => store.remove(id, size, place),
        _ => return Err("only stafett-send can do this; start it".to_owned()),
    };
    done.map_err(|error| error.to_string())?;
    touched.add(place, id);
    touched.add(if verb == Verb::Hold { Place::Held } else { Place::Waiting }, id);
    Ok("done")
}

/// The directories in which names came or went.
#[derive(Debug, Default)]
struct Touched {
    new: bool,
    held: bool,
    shards: BTreeMap<u8, Id>,
}

impl Touched {
    fn add(&mut self, place: Place, id: Id) {
        match place {
            Place::New => self.new = true,
            Place::Held => self.held = true,
            Place::Waiting => drop(self.shards.insert((id.0 & 0xff) as u8, id)),
        }
    }

    fn sync(&self, store: &Store) -> io::Result<()> {
        let sync = |directory: OwnedFd| File::from(directory).sync_all();
        if self.new {
            sync(store.new_directory().try_clone_to_owned()?)?;
        }
        if self.held {
            sync(store.open_held()?)?;
        }
        for id in self.shards.values() {
            match store.open_shard(*id) {
                Ok(shard) => sync(shard)?,
                // Nothing was ever put there: a message was removed from elsewhere.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
