//! What a message on disk waits for, in the four bytes that its place in the line has left.
//!
//! A number made from its destination, where all its recipients that wait have the same one, and whether that destination
//! could not be reached. It says which messages are worth a look when the destination is there again; two destinations with
//! one number cost a look, or an attempt that comes early.
//! Users of this host can be told from other destinations.
//! Known limits: after a start nothing is known before a message is tried; what has several destinations has no number.

use stafett_wire::delivery::{Destination, Kind};
use std::hash::{DefaultHasher, Hash, Hasher};

/// The destination could not be reached.
const DOWN: u32 = 1 << 31;
/// Users of this host, and nobody else.
const USERS: u32 = 1 << 30;
/// More than one destination.
const SEVERAL: u32 = 1;

/// What a message waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(u32);

impl Mark {
    /// All users of this host.
    pub const OF_USERS: Mark = Mark(USERS);

    /// That of a destination.
    pub fn of(destination: &Destination) -> Mark {
        let mut hasher = DefaultHasher::new();
        destination.hash(&mut hasher);
        // 0 and 1 have meanings of their own.
        let bits = u32::try_from(hasher.finish() & u64::from(USERS - 1)).unwrap_or_default();
        Mark(bits.max(SEVERAL + 1) | users(destination))
    }

    /// That of recipients with these destinations.
    pub fn of_all(mut destinations: impl Iterator<Item = Destination>) -> Mark {
        let Some(first) = destinations.next() else { return Mark::default() };
        let (mut is_one, mut kind) = (true, users(&first));
        for other in destinations {
            is_one &= other == first;
            kind &= users(&other);
        }
        if is_one { Mark::of(&first) } else { Mark(SEVERAL | kind) }
    }

    /// The same, of a message that waits because its destination could not be reached.
    pub fn because_it_is_down(self) -> Mark {
        Mark(self.0 | DOWN)
    }

    /// The same, whyever the message waits.
    pub fn whyever(self) -> Mark {
        Mark(self.0 & !DOWN)
    }

    /// Whether it waits because its destination could not be reached.
    pub fn is_down(self) -> bool {
        self.0 & DOWN != 0
    }

    /// Whether it waits for users of this host alone.
    pub fn is_of_users(self) -> bool {
        self.0 & USERS != 0
    }

    /// Nothing is known.
    pub fn is_unknown(self) -> bool {
        self.0 == 0
    }

    /// It does not say whether a certain destination is among those that are waited for.
    pub fn is_vague(self) -> bool {
        self.is_unknown() || self.0 & !(DOWN | USERS) == SEVERAL
    }
}

fn users(destination: &Destination) -> u32 {
    if destination.kind == Kind::Local { USERS } else { 0 }
}

#[cfg(test)]
mod tests {
    use super::Mark;
    use stafett_wire::delivery::{Destination, Kind};

    #[test]
    fn a_mark_tells_destinations_apart_and_why_one_is_waited_for() {
        let [a, b] = ["a.example", "b.example"].map(|name| Destination::plain(Kind::Mx, name, 25));
        assert_ne!(Mark::of(&a), Mark::of(&b));
        assert_ne!(Mark::of(&a), Mark::of(&a).because_it_is_down());
        assert_eq!(Mark::of(&a), Mark::of(&a).because_it_is_down().whyever());
        assert_eq!(Mark::of_all([a.clone(), a.clone()].into_iter()), Mark::of(&a));
        let several = Mark::of_all([a.clone(), b].into_iter());
        assert!(
            several.is_vague() && several.because_it_is_down().is_vague() && Mark::default().is_vague() && Mark::default().is_unknown()
        );
        assert!(!several.is_unknown() && !Mark::of(&a).is_vague() && !Mark::of(&a).is_of_users());
        let [joe, ann] = ["joe", "ann"].map(Destination::user);
        let both = Mark::of_all([joe.clone(), ann].into_iter()).because_it_is_down();
        assert!(both.is_vague() && both.is_of_users() && Mark::of(&joe).is_of_users() && !Mark::of(&joe).is_vague());
        assert!(!Mark::of_all([joe.clone(), a].into_iter()).is_of_users() && Mark::of(&joe) != Mark::OF_USERS);
    }
}
