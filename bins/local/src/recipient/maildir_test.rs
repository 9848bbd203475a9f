use super::super::tests::delivery;
use super::{deliver_all, link, rename};
use crate::recipient::{Content, Delivery, Stop};
use stafett_envelope::Envelope;
use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

fn maildir(path: &Path) -> PathBuf {
    for part in ["", "tmp", "new", "cur"] {
        fs::create_dir(path.join(part)).unwrap();
    }
    path.to_owned()
}

/// A message with this text; `size` is what its order says, and may be a lie.
fn message(text: &str, size: usize) -> Delivery {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    let content = Content::new(std::iter::empty(), file.into(), size as u64);
    Delivery { content, ..delivery(Envelope::default(), Path::new("/"), "") }
}

fn texts(directory: &Path) -> Vec<String> {
    let mut texts: Vec<String> = fs::read_dir(directory).unwrap().map(|entry| fs::read_to_string(entry.unwrap().path()).unwrap()).collect();
    texts.sort();
    texts
}

#[test]
fn messages_that_land_together_land_whole_and_each_for_itself() {
    let place = tempfile::tempdir().unwrap();
    let (one, other) = (maildir(&place.path().join("one")), maildir(&place.path().join("other")));
    let none = place.path().join("none");
    let messages = [message("1\r\n", 3), message("2\r\n", 3), message("short", 9), message("4\r\n", 3), message("5\r\n", 3)];
    let paths = [&one, &other, &one, &none, &one];
    let landed = deliver_all(&messages.iter().zip(paths).map(|(message, path)| (message, path.as_path())).collect::<Vec<_>>());
    let is_put_off = |result: &Result<(), Stop>, words: &str| matches!(result, Err(Stop::Later(text)) if text.contains(words));
    assert_eq!(landed.iter().map(Result::is_ok).collect::<Vec<_>>(), [true, true, false, false, true], "{landed:?}");
    assert!(is_put_off(&landed[2], "shorter than its message") && is_put_off(&landed[3], "it is not there"), "{landed:?}");
    let head = "Return-Path: <>\nDelivered-To: joe@here.test\n";
    assert_eq!(texts(&one.join("new")), [format!("{head}1\n"), format!("{head}5\n")]);
    assert_eq!(texts(&other.join("new")), [format!("{head}2\n")]);
    assert!(texts(&one.join("tmp")).is_empty(), "what did not land is removed");
}

#[test]
fn messages_that_come_together_are_counted_one_by_one_against_a_quota() {
    let place = tempfile::tempdir().unwrap();
    let one = maildir(&place.path().join("one"));
    fs::write(one.join("maildirsize"), "2C\n0 0\n").unwrap();
    let messages = [message("1\n", 2), message("2\n", 2), message("3\n", 2)];
    let landed = deliver_all(&messages.iter().map(|message| (message, one.as_path())).collect::<Vec<_>>());
    assert_eq!(landed, [Ok(()), Ok(())], "of the third is not known whether there is room for it");
    let landed = deliver_all(&messages[1..].iter().map(|message| (message, one.as_path())).collect::<Vec<_>>());
    let is_too_much = |landed: &Result<(), Stop>| matches!(landed, Err(Stop::Never(text)) if text.contains("mailbox is full"));
    assert!(landed.len() == 2 && landed.iter().all(is_too_much), "{landed:?}");
    assert_eq!(texts(&one.join("new")).len(), 2);
    assert_eq!(fs::read_to_string(one.join("maildirsize")).unwrap().lines().next_back(), Some("92 2"), "counted anew");
}

#[test]
fn what_is_ended_while_it_writes_has_delivered_none_where_there_is_a_quota_too() {
    let place = tempfile::tempdir().unwrap();
    let one = maildir(&place.path().join("one"));
    fs::write(one.join("maildirsize"), "10C\n0 0\n").unwrap();
    let large = "x".repeat(8 * 1024 * 1024);
    let messages = [message("1\n", 2), message(&large, large.len())];
    let landed = deliver_all(&messages.iter().map(|message| (message, one.as_path())).collect::<Vec<_>>());
    assert_eq!(landed, [Ok(()), Ok(())]);
    let mut found: Vec<fs::Metadata> = fs::read_dir(one.join("new")).unwrap().map(|entry| entry.unwrap().metadata().unwrap()).collect();
    found.sort_by_key(fs::Metadata::len);
    // A name that is given later changes the status later.
    let (named, written) = ((found[0].ctime(), found[0].ctime_nsec()), (found[1].mtime(), found[1].mtime_nsec()));
    assert!(named >= written, "{named:?} {written:?}");
}

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
