//! What a message on disk waits for, in the four bytes that its place in the line has left.
//!
//! A number made from its destination, where all its recipients that wait have the same one, and whether that destination
//! could not be reached. It says which messages are worth a look when the destination is there again; two destinations with
//! one number cost a look, or an attempt that comes early.
//! Known limits: after a start nothing is known before a message is tried; what has several destinations has no number.

use stafett_wire::delivery::Destination;
use std::hash::{DefaultHasher, Hash, Hasher};

/// The destination could not be reached.
const DOWN: u32 = 1 << 31;
/// More than one destination.
const SEVERAL: u32 = 1;

/// What a message waits for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Mark(u32);

impl Mark {
    /// That of a destination.
    pub fn of(destination: &Destination) -> Mark {
        let mut hasher = DefaultHasher::new();
        destination.hash(&mut hasher);
        // 0 and 1 have meanings of their own.
        let bits = u32::try_from(hasher.finish() & u64::from(DOWN - 1)).unwrap_or_default();
        Mark(bits.max(SEVERAL + 1))
    }

    /// That of recipients with these destinations.
    pub fn of_all(mut destinations: impl Iterator<Item = Destination>) -> Mark {
        let Some(first) = destinations.next() else { return Mark::default() };
        if destinations.all(|other| other == first) { Mark::of(&first) } else { Mark(SEVERAL) }
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

    /// Nothing is known.
    pub fn is_unknown(self) -> bool {
        self.0 == 0
    }

    /// It does not say whether a certain destination is among those that are waited for.
    pub fn is_vague(self) -> bool {
        self.is_unknown() || self.whyever() == Mark(SEVERAL)
    }
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
        assert!(!several.is_unknown() && !Mark::of(&a).is_vague());
    }
}
