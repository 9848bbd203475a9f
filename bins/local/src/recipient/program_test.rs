use super::nameless;
use std::io::{Read, Seek, Write};

#[test]
fn a_file_without_a_name_is_made_where_the_system_makes_none() {
    let directory = tempfile::tempdir().unwrap();
    let mut file = nameless(directory.path()).unwrap();
    file.write_all(b"hello").unwrap();
    file.rewind().unwrap();
    let mut text = String::new();
    file.read_to_string(&mut text).unwrap();
    assert_eq!(text, "hello");
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}
