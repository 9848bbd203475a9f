use super::{link, rename};
use std::fs::{self, File};

#[test]
fn a_message_that_has_its_name_was_delivered_whatever_the_answer_is() {
    let directory = tempfile::tempdir().unwrap();
    let (draft, last) = (directory.path().join("draft"), directory.path().join("last"));
    let file = File::create(&draft).unwrap();
    fs::hard_link(&draft, &last).unwrap();
    // As after an answer that was lost: the name is taken, by this very file.
    rename(&file, &draft, &last).unwrap();
    assert!(rename(&file, &draft, &directory.path().join("none/last")).is_err());
    fs::write(directory.path().join("other"), "other").unwrap();
    assert!(rename(&file, &draft, &directory.path().join("other")).is_err());
    assert_eq!(fs::read_to_string(directory.path().join("other")).unwrap(), "other");
}

#[test]
fn without_rename_it_gets_its_name_by_a_link() {
    let directory = tempfile::tempdir().unwrap();
    let (draft, last) = (directory.path().join("draft"), directory.path().join("last"));
    File::create(&draft).unwrap();
    link(&draft, &last).unwrap();
    assert!(last.exists() && !draft.exists());
}
