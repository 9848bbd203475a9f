//! Going through the directories of a queue.

use crate::name::{Listed, Place, due, parse_name, parse_shard, shard_number};
use crate::store::Store;
use std::fs::{DirEntry, ReadDir};
use std::io;
use std::os::unix::fs::DirEntryExt;
use std::path::Path;

/// In which order the files of a shard are gone through.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Order {
    /// As the directory gives them.
    Found,
    /// By inodes: those that a disk has side by side are read together.
    Disk,
}

impl Store {
    /// All messages of one place, by names and times alone. Calls `found` for each; `odd` for a
    /// file whose name is no message's, or which lies where its message is not looked for.
    ///
    /// # Errors
    /// When a directory cannot be read.
    pub fn list(&self, place: Place, found: &mut impl FnMut(Listed), odd: &mut impl FnMut(&Path)) -> io::Result<()> {
        self.walk(place, Order::Disk, &mut |file, lies_in| {
            let parsed = file.file_name().to_str().and_then(parse_name);
            let Some((id, size)) = parsed.filter(|(id, _)| place != Place::Waiting || lies_in == Some(shard_number(*id))) else {
                odd(&file.path());
                return Ok(());
            };
            if place == Place::New {
                found(Listed { id, size, place, due: 0 });
                return Ok(());
            }
            match file.metadata() {
                Ok(seen) => found(Listed { id, size, place, due: due(place, &seen) }),
                // A message that was delivered or moved while we read is not here any more.
                Err(error) if error.kind() == io::ErrorKind::NotFound => {}
                Err(error) => return Err(error),
            }
            Ok(())
        })
    }

    /// Each directory entry of one place, with the number of the shard that it lies in. What lies in queue/cur beside the
    /// shards is an entry too.
    pub(crate) fn walk(
        &self,
        place: Place,
        order: Order,
        each: &mut impl FnMut(&DirEntry, Option<u8>) -> io::Result<()>,
    ) -> io::Result<()> {
        let directory = match place {
            Place::New => "new",
            Place::Held => "hold",
            Place::Waiting => "cur",
        };
        for entry in std::fs::read_dir(self.root().join(directory))? {
            let entry = entry?;
            if place == Place::Waiting && entry.file_type()?.is_dir() {
                let lies_in = entry.file_name().to_str().and_then(parse_shard);
                let mut files = std::fs::read_dir(entry.path())?;
                match order {
                    Order::Found => files.try_for_each(|file| each(&file?, lies_in))?,
                    Order::Disk => in_disk_order(files)?.iter().try_for_each(|file| each(file, lies_in))?,
                }
            } else {
                each(&entry, None)?;
            }
        }
        Ok(())
    }
}

fn in_disk_order(files: ReadDir) -> io::Result<Vec<DirEntry>> {
    let mut files = files.collect::<io::Result<Vec<DirEntry>>>()?;
    files.sort_unstable_by_key(DirEntryExt::ino);
    Ok(files)
}
