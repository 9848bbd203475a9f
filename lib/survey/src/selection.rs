//! The messages that a command line names: by ids, by filters, or both.

use crate::filter::{Filter, State};
use crate::moment::Moment;
use stafett_queue_store::{Id, Listed, Place, Store};
use std::cmp::Reverse;
use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};

/// Ids, and what they must fit. Without ids, all that fits.
#[derive(Clone, Debug, Default)]
pub struct Selection {
    /// The ids that were named.
    pub ids: BTreeSet<Id>,
    /// What the messages must fit.
    pub filter: Filter,
}

/// The messages of a selection as far as names tell; the content is not judged yet.
#[derive(Debug, Default)]
pub struct Listing {
    /// The messages, the oldest first. Unless ids were named, when they are due is not known yet.
    pub messages: Vec<Listed>,
    /// The ids that were named and are not queued.
    pub missing: Vec<Id>,
}

impl Selection {
    /// Reads an argument: an id, or the name of a message's file. `None` when it is neither.
    pub fn id_of(argument: &str) -> Option<Id> {
        let name = argument.rsplit_once('/').map_or(argument, |(_, name)| name);
        let named = Listed::parse_name(name).map(|(id, _)| id);
        named.or_else(|| Id::parse(argument))
    }

    /// Finds them. `odd` is called for files whose names are no message's.
    ///
    /// # Errors
    /// When a directory of the queue cannot be read.
    pub fn list(&self, store: &Store, odd: &mut impl FnMut(&Path)) -> io::Result<Listing> {
        let now = Moment::now();
        let fits = |one: &Listed| self.filter.wants(State::In(one.place)) && self.filter.matches_name(one.id, one.size, now);
        if self.ids.is_empty() {
            return Ok(Listing { messages: self.all(store, &fits, odd)?, missing: Vec::new() });
        }
        let found = store.locate(&self.ids)?;
        let missing = self.ids.iter().filter(|id| !found.contains_key(id)).copied().collect();
        Ok(Listing { messages: found.into_values().filter(fits).collect(), missing })
    }

    fn all(&self, store: &Store, fits: &impl Fn(&Listed) -> bool, odd: &mut impl FnMut(&Path)) -> io::Result<Vec<Listed>> {
        let mut found = Vec::new();
        // Messages move from new to cur to hold: one that moves while we look is seen twice rather
        // than not at all.
        for place in [Place::New, Place::Waiting, Place::Held] {
            if self.filter.wants(State::In(place)) {
                store.names(place, &mut |id, size| found.extend(Some(Listed { id, size, place, due: 0 }).filter(fits)), odd)?;
            }
        }
        // The later place counts.
        found.sort_unstable_by_key(|one| (one.id, Reverse(one.place)));
        found.dedup_by_key(|one| one.id);
        Ok(found)
    }

    /// The files that were set aside and are meant.
    ///
    /// # Errors
    /// When queue/bad cannot be read.
    pub fn damaged(&self, store: &Store) -> io::Result<Vec<PathBuf>> {
        let now = Moment::now();
        let is_meant = |path: &PathBuf| {
            let name = path.file_name().and_then(|name| name.to_str());
            let known = name.and_then(Listed::parse_name);
            let is_named = self.ids.is_empty() || known.is_some_and(|(id, _)| self.ids.contains(&id));
            let fits =
                known.map_or(!self.filter.is_any() || self.filter.has_states(), |(id, size)| self.filter.matches_name(id, size, now));
            is_named && fits && !self.filter.needs_content()
        };
        let files = if self.filter.wants(State::Damaged) { store.damaged()? } else { Vec::new() };
        Ok(files.into_iter().filter(is_meant).collect())
    }
}
