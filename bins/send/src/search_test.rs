use super::{Candidates, PIECE, Search};
use crate::mark::Mark;
use crate::waiting::Waiting;
use stafett_queue_store::{Id, Listed, Place};
use stafett_wire::delivery::{Destination, Kind};
use std::collections::HashSet;

fn listed(id: u64) -> Listed {
    Listed { id: Id(id), size: 1, place: Place::Waiting, due: 1000 }
}

/// All pieces.
fn gone_through(candidates: Candidates, waiting: &Waiting) -> Vec<Vec<Listed>> {
    let (mut search, receiver) = Search::new(candidates, waiting);
    let mut pieces = Vec::new();
    while search.go_on(waiting) {
        pieces.extend(receiver.try_recv());
    }
    assert!(receiver.recv().is_err(), "the end is told");
    pieces
}

#[test]
fn each_message_is_in_one_piece_and_no_piece_is_large() {
    let mut waiting = Waiting::default();
    let count = 5 * PIECE as u64 + 17;
    (0..count).for_each(|id| waiting.add(listed(id)));
    let pieces = gone_through(Candidates::All, &waiting);
    assert!(pieces.iter().all(|piece| piece.len() <= PIECE), "{:?}", pieces.iter().map(Vec::len).collect::<Vec<_>>());
    let mut ids: Vec<u64> = pieces.iter().flatten().map(|listed| listed.id.0).collect();
    ids.sort_unstable();
    assert_eq!(ids, (0..count).collect::<Vec<_>>());
}

/// Each piece takes a look at the whole line: with many small ones the scheduler would stand still.
#[test]
fn few_among_many_are_one_piece() {
    let mut waiting = Waiting::default();
    let known = Mark::of(&Destination::plain(Kind::Mx, "a.example", 25));
    (0..20 * PIECE as u64).for_each(|id| waiting.add_marked(listed(id), if id % 1000 == 0 { Mark::default() } else { known }));
    let pieces = gone_through(Candidates::VagueOr(HashSet::new()), &waiting);
    assert_eq!(pieces.iter().map(Vec::len).collect::<Vec<_>>(), [164]);
}

#[test]
fn only_those_are_read_of_which_not_enough_is_known() {
    let mut waiting = Waiting::default();
    let [a, b] = ["a.example", "b.example"].map(|name| Mark::of(&Destination::plain(Kind::Mx, name, 25)));
    waiting.add(listed(300));
    waiting.add_marked(listed(1), a);
    waiting.add_marked(listed(2), b.because_it_is_down());
    let found = |marks: &[Mark]| -> Vec<u64> {
        let pieces = gone_through(Candidates::VagueOr(marks.iter().copied().collect::<HashSet<_>>()), &waiting);
        assert!(pieces.len() <= 1, "a short line is one piece");
        let mut ids: Vec<u64> = pieces.iter().flatten().map(|listed| listed.id.0).collect();
        ids.sort_unstable();
        ids
    };
    assert_eq!((found(&[]), found(&[b])), (vec![300], vec![2, 300]));
}
