use super::{Tail, without_time};
use std::fs;
use std::io::Write;
use std::path::Path;

fn add(directory: &Path, text: &str) {
    fs::OpenOptions::new().create(true).append(true).open(directory.join("current")).unwrap().write_all(text.as_bytes()).unwrap();
}

fn lines(tail: &mut Tail) -> Vec<String> {
    let mut lines = Vec::new();
    tail.read(&mut |line| lines.push(line.to_owned()));
    lines
}

#[test]
fn both_forms_of_time_are_taken_away() {
    assert_eq!(without_time("@400000006921000a12345678 a b"), "a b");
    assert_eq!(without_time("2026-11-21_22:02:59.10144 a b"), "a b");
    assert_eq!(without_time("2026-11-21T22:02:59.10144 a b"), "a b");
    assert_eq!(without_time("tcpserver: status: 1/2"), "tcpserver: status: 1/2");
    assert_eq!(without_time(""), "");
}

#[test]
fn nothing_is_lost_or_told_twice_over_rotations() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path();
    add(path, "@400000006921000a00000000 old\n@400000006921000a00000001 last\n");
    let mut before = Vec::new();
    let mut tail = Tail::at_end(path, &mut |line| before.push(line.to_owned()));
    assert_eq!(before, ["old", "last"]);
    assert!(lines(&mut tail).is_empty());
    add(path, "one\ntw");
    assert_eq!(lines(&mut tail), ["one"]);
    add(path, "o\nthree\n");
    fs::rename(path.join("current"), path.join("@400000006921000b00000000.s")).unwrap();
    assert_eq!(lines(&mut tail), ["two", "three"], "there is no current file for a moment");
    add(path, "four\n");
    fs::rename(path.join("current"), path.join("@400000006921000c00000000.s")).unwrap();
    add(path, "five\n");
    assert_eq!(lines(&mut tail), ["four", "five"], "two rotations between two looks");
    assert!(lines(&mut tail).is_empty());
    fs::write(path.join("current"), "").unwrap();
    assert!(lines(&mut tail).is_empty());
    add(path, "six\n");
    assert_eq!(lines(&mut tail), ["six"], "somebody emptied the file");
}

#[test]
fn a_log_that_comes_later_is_read_from_its_beginning() {
    let directory = tempfile::tempdir().unwrap();
    let mut tail = Tail::at_end(directory.path(), &mut |_| panic!());
    assert!(lines(&mut tail).is_empty());
    add(directory.path(), &format!("{}\nshort\n", "x".repeat(200_000)));
    let found = lines(&mut tail);
    assert_eq!((found[0].len(), found[1].as_str()), (8192, "short"));
}
