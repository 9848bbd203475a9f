//! Drafts keep, cut and replace what they are given, and leave nothing behind.

use crate::draft::{Draft, Patch};
use stafett_envelope::Envelope;
use std::io::Write;
use std::os::unix::fs::FileExt;

fn content(draft: &Draft) -> Vec<u8> {
    let mut all = Vec::new();
    draft.read(|bytes| all.extend_from_slice(bytes)).unwrap();
    assert_eq!(all.len() as u64, draft.size());
    all
}

fn draft(bytes: &[u8]) -> (tempfile::TempDir, Draft) {
    let directory = tempfile::tempdir().unwrap();
    let mut draft = Draft::new(directory.path(), Envelope::default()).unwrap();
    bytes.chunks(1000).for_each(|piece| draft.write(piece).unwrap());
    draft.flush().unwrap();
    (directory, draft)
}

#[test]
fn what_was_written_can_be_read_by_others_but_not_changed() {
    let message = b"0123456789\r\n".repeat(20_000);
    let (directory, draft) = draft(&message);
    assert_eq!(content(&draft), message);
    let theirs = std::fs::File::from(draft.descriptor().try_clone_to_owned().unwrap());
    let mut seen = [0; 12];
    theirs.read_exact_at(&mut seen, 12).unwrap();
    assert_eq!(&seen, b"0123456789\r\n");
    assert!((&theirs).write_all(b"x").is_err());
    assert_eq!(std::fs::read_dir(directory.path()).unwrap().count(), 0);
}

#[test]
fn parts_are_cut_out() {
    let (_directory, mut draft) = draft(b"0123456789");
    draft.cut(&[0..2, 4..4, 5..6, 9..10]).unwrap();
    assert_eq!(content(&draft), b"234678");
    for wrong in [vec![(0, 7)], vec![(3, 2)], vec![(3, 4), (2, 5)]] {
        let wrong: Vec<_> = wrong.into_iter().map(|(start, end)| start..end).collect();
        assert!(draft.cut(&wrong).is_err());
        assert_eq!(content(&draft), b"234678");
    }
}

#[test]
fn another_file_takes_its_place() {
    let (_directory, mut draft) = draft(b"before");
    let mut other = tempfile::tempfile().unwrap();
    other.write_all(b"afterwards").unwrap();
    draft.replace(&other).unwrap();
    assert_eq!(content(&draft), b"afterwards");
}

#[test]
fn parts_and_the_rest_are_changed() {
    let patch = |range, with: &[u8]| Patch { range, with: with.to_vec() };
    let (_directory, mut draft) = draft(b"0123456789");
    let mut body = tempfile::tempfile().unwrap();
    body.write_all("b\u{f6}dy".as_bytes()).unwrap();
    draft.change(&[patch(0..0, b"front"), patch(2..4, b"ab"), patch(4..4, b"c")], Some((6, &body))).unwrap();
    assert_eq!(content(&draft), "front01abc45b\u{f6}dy".as_bytes());
    assert!(draft.envelope.eight_bit);
    let size = draft.size();
    assert!(draft.change(&[patch(0..1, b"")], Some((0, &body))).is_err());
    assert!(draft.change(&[], Some((size + 1, &body))).is_err());
    assert_eq!(draft.size(), size);
}
