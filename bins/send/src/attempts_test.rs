use super::Attempts;
use stafett_queue_store::Id;

#[test]
fn what_was_begun_and_not_ended_is_suspected_after_a_crash() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (Id(1_763_758_000_000_001), Id(1_763_758_000_000_002));
    let (mut attempts, suspects) = Attempts::open(directory.path()).unwrap();
    assert!(suspects.ids.is_empty() && !suspects.all_due);
    attempts.begin(one);
    attempts.begin(two);
    attempts.end(two);
    attempts.flush().unwrap();
    drop(attempts);
    for _ in 0..2 {
        let (_, suspects) = Attempts::open(directory.path()).unwrap();
        assert_eq!(suspects.ids.into_iter().collect::<Vec<_>>(), [one]);
    }
    let path = directory.path().join("attempts");
    let other_boot = std::fs::read_to_string(&path).unwrap().replace(['a', 'b'], "c");
    std::fs::write(&path, format!("x{other_boot}")).unwrap();
    assert!(Attempts::open(directory.path()).unwrap().1.all_due);
}
