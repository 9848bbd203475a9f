//! What becomes of the file.

use super::{Counts, ROOM};
use crate::throttle::Barred;
use stafett_log::Log;
use std::fs;
use std::net::IpAddr;
use std::path::Path;

const LOG: Log = Log::new("test");
const BOUNDS: (u64, u32) = (3, 8);

fn ip(last: u8) -> Option<IpAddr> {
    Some(IpAddr::from([192, 0, 2, last]))
}

fn guess(counts: &mut Counts, from: u8) -> Result<(), Barred> {
    counts.begin(ip(from), "alice", BOUNDS)?;
    counts.end(ip(from), "alice", Some(false));
    Ok(())
}

fn text(directory: &Path) -> String {
    fs::read_to_string(directory.join("failures")).unwrap()
}

#[test]
fn counts_outlast_the_process_and_a_line_that_was_cut_off() {
    let directory = tempfile::tempdir().unwrap();
    let mut counts = Counts::open(LOG, directory.path());
    (0..3).for_each(|_| guess(&mut counts, 1).unwrap());
    (0..2).for_each(|_| guess(&mut counts, 2).unwrap());
    drop(counts);
    let written = text(directory.path());
    fs::write(directory.path().join("failures"), &written[..written.len() - 1]).unwrap();
    let mut counts = Counts::open(LOG, directory.path());
    assert_eq!(guess(&mut counts, 1), Err(Barred::Wrong));
    (0..2).for_each(|_| guess(&mut counts, 2).unwrap());
    assert_eq!(guess(&mut counts, 2), Err(Barred::Wrong));
}

#[test]
fn a_file_that_makes_no_sense_is_put_aside() {
    for broken in [&b"from 1 2 192.0.2.1\nwhat\nfrom 1 3 192.0.2.1\n"[..], b"\xff\n"] {
        let directory = tempfile::tempdir().unwrap();
        fs::write(directory.path().join("failures"), broken).unwrap();
        let mut counts = Counts::open(LOG, directory.path());
        (0..3).for_each(|_| guess(&mut counts, 1).unwrap());
        assert_eq!(fs::read(directory.path().join("failures.bad")).unwrap(), broken);
        assert_eq!(guess(&mut Counts::open(LOG, directory.path()), 1), Err(Barred::Wrong), "it is kept again");
    }
}

#[test]
fn the_file_stays_small() {
    let directory = tempfile::tempdir().unwrap();
    let mut counts = Counts::open(LOG, directory.path());
    for number in 0..20_000 {
        counts.begin(ip(1), "alice", (0, 8)).unwrap();
        counts.end(ip(1), "alice", Some(number % 2 == 0));
    }
    let length = fs::metadata(directory.path().join("failures")).unwrap().len();
    assert!(length < ROOM + 1024, "{length}");
    let mut counts = Counts::open(LOG, directory.path());
    assert!(text(directory.path()).lines().count() <= 2);
    assert_eq!(counts.begin(ip(1), "bob", BOUNDS), Err(Barred::Wrong));
}

#[test]
fn without_a_place_to_write_they_are_counted_all_the_same() {
    let directory = tempfile::tempdir().unwrap();
    let mut counts = Counts::open(LOG, &directory.path().join("missing"));
    (0..3).for_each(|_| guess(&mut counts, 1).unwrap());
    assert_eq!(guess(&mut counts, 1), Err(Barred::Wrong));
}
