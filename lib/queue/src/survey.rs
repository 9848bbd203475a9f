//! Looking at a queue that others work on: by names alone where that is enough.

use crate::id::Id;
use crate::name::{Listed, Place, due, parse_name, shard};
use crate::store::Store;
use crate::walk::Order;
use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::{Path, PathBuf};

/// What the names in one place tell.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counted {
    /// Messages.
    pub messages: u64,
    /// Files whose names are no message's.
    pub odd: u64,
}

impl Store {
    /// Counts the messages of one place without looking at a single file.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn count(&self, place: Place) -> io::Result<Counted> {
        let mut counted = Counted::default();
        self.walk(place, Order::Found, &mut |file, _| {
            match file.file_name().to_str().and_then(parse_name) {
                Some(_) => counted.messages += 1,
                None => counted.odd += 1,
            }
            Ok(())
        })?;
        Ok(counted)
    }

    /// All messages of one place by their names alone: id and size. `odd` is called for a file whose
    /// name is no message's.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn names(&self, place: Place, found: &mut impl FnMut(Id, u64), odd: &mut impl FnMut(&Path)) -> io::Result<()> {
        self.walk(place, Order::Found, &mut |file, _| {
            match file.file_name().to_str().and_then(parse_name) {
                Some((id, size)) => found(id, size),
                None => odd(&file.path()),
            }
            Ok(())
        })
    }

    /// The messages of these ids, by id, whatever their sizes; those that are not queued are left out.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn locate(&self, ids: &BTreeSet<Id>) -> io::Result<BTreeMap<Id, Listed>> {
        let shards: BTreeSet<String> = ids.iter().map(|id| format!("cur/{}", shard(*id))).collect();
        let mut found = BTreeMap::new();
        // In the order in which messages move; the shards once more for what came back from hold.
        self.locate_in("new", Place::New, ids, &mut found)?;
        shards.iter().try_for_each(|shard| self.locate_in(shard, Place::Waiting, ids, &mut found))?;
        self.locate_in("hold", Place::Held, ids, &mut found)?;
        if found.len() < ids.len() {
            shards.iter().try_for_each(|shard| self.locate_in(shard, Place::Waiting, ids, &mut found))?;
        }
        Ok(found)
    }

    fn locate_in(&self, directory: &str, place: Place, ids: &BTreeSet<Id>, found: &mut BTreeMap<Id, Listed>) -> io::Result<()> {
        let files = match std::fs::read_dir(self.root().join(directory)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(()),
            files => files?,
        };
        for file in files {
            let file = file?;
            let Some((id, size)) = file.file_name().to_str().and_then(parse_name).filter(|(id, _)| ids.contains(id)) else { continue };
            if let Ok(seen) = file.metadata() {
                found.insert(id, Listed { id, size, place, due: due(place, &seen) });
            }
        }
        Ok(())
    }

    /// Finds a message again that has moved on since it was listed; `None` when it is done.
    ///
    /// # Errors
    /// When the file system cannot be asked.
    pub fn find(&self, id: Id, size: u64) -> io::Result<Option<Listed>> {
        // In this order a message that moves on while we look is not missed.
        for place in [Place::New, Place::Waiting, Place::Held, Place::Waiting] {
            match std::fs::symlink_metadata(self.path(id, size, place)) {
                Ok(seen) => return Ok(Some(Listed { id, size, place, due: due(place, &seen) })),
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
        }
        Ok(None)
    }

    /// The whole path of a message, for showing.
    pub fn path(&self, id: Id, size: u64, place: Place) -> PathBuf {
        self.root().join(self.name(id, size, place).to_string())
    }

    /// The files that were set aside as damaged, in order.
    ///
    /// # Errors
    /// When queue/bad cannot be read.
    pub fn damaged(&self) -> io::Result<Vec<PathBuf>> {
        let files: io::Result<Vec<PathBuf>> = std::fs::read_dir(self.root().join("bad"))?.map(|file| Ok(file?.path())).collect();
        let mut files = files?;
        files.sort();
        Ok(files)
    }
}
