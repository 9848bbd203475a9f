use super::{Delays, MOST, Tally};

#[test]
fn frequent_kinds_survive_a_flood_of_rare_ones() {
    let mut tally: Tally<u64> = Tally::default();
    for number in 0..MOST * 5 {
        tally.count(&format!("rare {number}"));
        tally.count("frequent");
    }
    assert!(tally.len() <= MOST);
    assert_eq!(tally.total(), MOST as u64 * 10);
    assert_eq!(tally.top(1), [("frequent", MOST as u64 * 5)]);
}

#[test]
fn delays_are_right_within_a_tenth() {
    let mut delays = Delays::default();
    (1..=1000).for_each(|thousandths| delays.count(thousandths * 1000));
    for (percent, wanted) in [(50, 500_000), (95, 950_000), (100, 1_000_000)] {
        let found = delays.percentile(percent);
        assert!(found >= wanted && found <= wanted * 11 / 10, "{percent}: {found}");
    }
    assert_eq!(delays.longest(), 1_000_000);
    delays.count(i64::MAX);
    assert_eq!(delays.percentile(50), delays.percentile(50));
}
