//! Files that were cut, changed or are no files of ours.

use super::{Found, read, write};
use std::fs;

#[test]
fn what_was_written_is_read() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("counters");
    assert_eq!(read(&path).unwrap(), Found::Nothing);
    for text in ["", "one\n", "one\ntwo\n"] {
        write(&path, text.into()).unwrap();
        assert_eq!(read(&path).unwrap(), Found::Text(text.into()));
    }
}

#[test]
fn a_file_torn_anywhere_is_set_aside() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("counters");
    write(&path, b"one\ntwo\n".to_vec()).unwrap();
    let whole = fs::read(&path).unwrap();
    for length in 0..whole.len() {
        fs::write(&path, &whole[..length]).unwrap();
        assert_eq!(read(&path).unwrap(), Found::Damaged(directory.path().join("counters.damaged")), "{length}");
        assert!(!path.exists());
    }
    for place in 0..whole.len() {
        let mut wrong = whole.clone();
        wrong[place] ^= 1;
        fs::write(&path, &wrong).unwrap();
        assert!(matches!(read(&path).unwrap(), Found::Damaged(_)), "{place}");
    }
}
