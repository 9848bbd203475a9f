//! Connections end when their pipe does.

use super::Slots;
use stafett_sys::descriptor::pipe;

#[test]
fn a_connection_counts_until_its_end_is_closed() {
    let mut slots = Slots::new(100).unwrap();
    let place = |key: &str| ("connections per address at once".to_owned(), key.to_owned());
    let mut ends = Vec::new();
    for number in 0..100 {
        let (read, write) = pipe().unwrap();
        slots.hold(read, vec![place("a"), place(&number.to_string())]).unwrap();
        ends.push(write);
    }
    slots.collect();
    assert_eq!((slots.count(&place("a")), slots.count(&place("7"))), (100, 1));
    assert!(slots.hold(pipe().unwrap().0, Vec::new()).is_err());
    ends.truncate(30);
    slots.collect();
    assert_eq!((slots.count(&place("a")), slots.all().len()), (30, 31));
    drop(ends);
    slots.collect();
    assert!(slots.all().is_empty());
}
