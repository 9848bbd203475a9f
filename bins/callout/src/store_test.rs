//! The file over restarts, torn and too long.

use super::*;

const LOG: Log = Log::new("test");

fn read(path: &Path) -> (Store, Vec<(Said, String)>) {
    let mut told = Vec::new();
    let store = Store::open(LOG, path, |said, key| told.push((said, key.to_owned()))).unwrap();
    (store, told)
}

#[test]
fn what_is_written_is_told_again() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("known");
    let (mut store, told) = read(&path);
    assert!(told.is_empty());
    store.note(Said::Valid(5), "a@x");
    store.note(Said::Nothing, "b@x");
    store.note(Said::Unknown(7), "c@x");
    store.note(Said::Valid(6), "evil\n7 c@x");
    store.write(1, [(Said::Valid(5), "a@x")].into_iter());
    let told = [(Said::Valid(5), "a@x".to_owned()), (Said::Nothing, "b@x".to_owned()), (Said::Unknown(7), "c@x".to_owned())];
    assert_eq!(read(&path).1, told);
}

#[test]
fn a_torn_line_is_dropped_and_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("known");
    std::fs::write(&path, "5 a@x\nrubbish\nx@y z\n17634").unwrap();
    let (mut store, told) = read(&path);
    assert_eq!(told, [(Said::Valid(5), "a@x".to_owned())]);
    store.note(Said::Valid(9), "b@x");
    store.write(2, [(Said::Valid(5), "a@x"), (Said::Valid(9), "b@x")].into_iter());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "5 a@x\n9 b@x\n");
}

#[test]
fn the_file_does_not_grow_without_end() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("known");
    let (mut store, _) = read(&path);
    for second in 1..20_000 {
        store.note(Said::Valid(second), "a@x");
        store.write(1, [(Said::Valid(second), "a@x")].into_iter());
    }
    assert!(std::fs::metadata(&path).unwrap().len() < 20_000);
    assert!(std::fs::read_to_string(&path).unwrap().ends_with("19999 a@x\n"));
}

#[test]
fn a_disk_that_fails_is_no_end() {
    let directory = tempfile::tempdir().unwrap();
    let (mut store, _) = read(&directory.path().join("away/known"));
    store.note(Said::Valid(1), "a@x");
    store.write(1, [(Said::Valid(1), "a@x")].into_iter());
    assert!(store.is_faulty && !store.has_pending());
    std::fs::create_dir(directory.path().join("away")).unwrap();
    store.note(Said::Valid(2), "a@x");
    store.write(1, [(Said::Valid(2), "a@x")].into_iter());
    assert!(!store.is_faulty);
}
