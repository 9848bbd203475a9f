use crate::journal::{Event, Line, fold};
use crate::{Damage, Id, Ids, Listed, Place, Store, StrictLines};
use proptest::prelude::*;
use stafett_envelope::{Envelope, Recipient};
use std::fs;
use std::time::{Duration, UNIX_EPOCH};

fn queue() -> (tempfile::TempDir, Store) {
    let directory = tempfile::tempdir().unwrap();
    for name in ["tmp", "new", "cur", "hold", "bad"] {
        fs::create_dir(directory.path().join(name)).unwrap();
    }
    let store = Store::open(directory.path()).unwrap();
    (directory, store)
}

fn envelope() -> Envelope {
    let recipients = vec![Recipient::new("a@example.net"), Recipient::new("b@example.net")];
    Envelope { sender: "s@example.org".into(), recipients, ..Envelope::default() }
}

const ID: Id = Id(1_763_758_000_123_456);
const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

fn put(store: &Store) -> u64 {
    let mut draft = store.draft(ID).unwrap();
    draft.write(MESSAGE).unwrap();
    draft.commit(&envelope(), true).unwrap().size
}

#[test]
fn a_message_is_read_back_as_it_was_written() {
    let (directory, store) = queue();
    let size = put(&store);
    let path = directory.path().join(format!("new/{ID},S={size}"));
    assert_eq!(&fs::read(&path).unwrap()[..MESSAGE.len()], MESSAGE);
    let entry = store.read(ID, size, Place::New).unwrap().unwrap();
    assert_eq!(entry.envelope, envelope());
    assert!(entry.standings.iter().all(super::journal::Standing::is_waiting));
    assert_eq!(fs::read_dir(directory.path().join("tmp")).unwrap().count(), 0);
}

#[test]
fn a_message_with_a_past_is_held_until_it_is_released() {
    let (directory, store) = queue();
    let mut draft = store.draft(ID).unwrap();
    draft.write(MESSAGE).unwrap();
    let size = draft.commit_with_past(&envelope(), "5 0 K done elsewhere\n6 1 D no\n").unwrap().size;
    let entry = store.read(ID, size, Place::Held).unwrap().unwrap();
    let events: Vec<_> = entry.standings.iter().map(|standing| standing.event).collect();
    assert_eq!((events, entry.unusable_lines), (vec![Some(Event::Delivered), Some(Event::Failed)], 0));
    store.wait_until(ID, size, Place::Held, 77).unwrap();
    assert_eq!(store.find(ID, size).unwrap(), Some(Listed { id: ID, size, place: Place::Waiting, due: 77 }));
    assert_eq!(fs::read_dir(directory.path().join("hold")).unwrap().count(), 0);
}

#[test]
fn any_changed_or_missing_byte_of_what_was_accepted_is_noticed() {
    let (directory, store) = queue();
    let size = put(&store);
    let path = directory.path().join(format!("new/{ID},S={size}"));
    let good = fs::read(&path).unwrap();
    for at in 0..good.len() {
        let mut bad = good.clone();
        bad[at] ^= 1;
        fs::write(&path, &bad).unwrap();
        assert!(store.read(ID, size, Place::New).unwrap().is_err(), "byte {at} changed");
        fs::write(&path, &good[..at]).unwrap();
        assert_eq!(store.read(ID, size, Place::New).unwrap().unwrap_err(), Damage::Incomplete, "cut at {at}");
    }
}

#[test]
fn a_draft_that_is_given_up_leaves_nothing() {
    let (directory, store) = queue();
    let mut draft = store.draft(ID).unwrap();
    draft.write(&vec![b'x'; 300_000]).unwrap();
    drop(draft);
    for name in ["tmp", "new"] {
        assert_eq!(fs::read_dir(directory.path().join(name)).unwrap().count(), 0);
    }
}

#[test]
fn the_journal_folds_and_survives_a_torn_line() {
    let (_directory, store) = queue();
    let size = put(&store);
    let line = |recipient, event, text: &str| {
        let mut out = String::new();
        Line { time: 5, recipient, event, text: text.into() }.write(&mut out);
        out
    };
    store.append(ID, size, Place::New, &line(0, Event::Deferred, "450 later\nforged")).unwrap();
    store.append(ID, size, Place::New, "6 1 K 250 torn").unwrap();
    store.append(ID, size, Place::New, &line(1, Event::Failed, "550 no")).unwrap();
    store.append(ID, size, Place::New, &line(0, Event::Delivered, "250 ok")).unwrap();
    store.append(ID, size, Place::New, &line(0, Event::Deferred, "never back")).unwrap();
    let entry = store.read(ID, size, Place::New).unwrap().unwrap();
    assert_eq!(entry.standings[0].event, Some(Event::Delivered));
    assert_eq!(entry.standings[0].deferrals, 1);
    assert_eq!(entry.standings[1].text, "550 no");
    assert_eq!(entry.unusable_lines, 0, "the torn line is gone");
}

#[test]
fn a_warning_changes_nothing_else_and_can_be_taken_back() {
    let (standings, unusable) = fold(b"5 0 Z 450 later\n6 0 W asked\n6 0 W 1763758000123457\n7 1 W asked\n8 1 W \n", 2);
    assert_eq!((standings[0].event, standings[0].time, standings[0].text.as_str()), (Some(Event::Deferred), 5, "450 later"));
    assert_eq!((standings[0].warned, standings[1].warned, standings[1].event, unusable), (true, false, None, 0));
}

#[test]
fn a_torn_last_line_counts_as_not_written() {
    let (standings, unusable) = fold(b"5 0 Z 450 later\n6 0 K 250 o", 1);
    assert_eq!(standings[0].event, Some(Event::Deferred));
    assert_eq!(unusable, 0);
    assert_eq!(fold(b"nonsense\n9 7 K no such recipient\n", 1).1, 2);
}

#[test]
fn waiting_messages_carry_their_next_attempt_in_their_time() {
    let (directory, store) = queue();
    let size = put(&store);
    store.wait_until(ID, size, Place::New, 1_900_000_000).unwrap();
    let mut seen = Vec::new();
    store.list(Place::Waiting, &mut |listed| seen.push(listed), &mut |odd| panic!("{}", odd.display())).unwrap();
    assert_eq!(seen.len(), 1);
    assert_eq!((seen[0].id, seen[0].size, seen[0].due), (ID, size, 1_900_000_000));
    store.remove(ID, size, Place::Waiting).unwrap();
    let left: usize =
        fs::read_dir(directory.path().join("cur")).unwrap().map(|shard| fs::read_dir(shard.unwrap().path()).unwrap().count()).sum();
    assert_eq!(left, 0);
}

#[test]
fn a_missing_directory_is_named() {
    let (directory, _) = queue();
    fs::remove_dir(directory.path().join("hold")).unwrap();
    assert!(Store::open(directory.path()).unwrap_err().to_string().contains("/hold"));
}

#[test]
fn ids_increase_even_when_the_clock_goes_back() {
    let ids = Ids::after(Id(1_000));
    let late = UNIX_EPOCH + Duration::from_secs(1_763_758_000);
    let first = ids.next(late);
    let second = ids.next(late);
    let third = ids.next(UNIX_EPOCH);
    assert!(first < second && second < third);
    assert_eq!(first.to_string(), "1763758000000000");
    assert_eq!(Id::parse("1763758000000000"), Some(first));
    assert_eq!(Id::parse("+763758000000000"), None);
}

proptest! {
    #[test]
    fn strict_lines_judge_the_same_however_the_bytes_are_cut(bytes in proptest::collection::vec(prop_oneof![Just(b'\r'), Just(b'\n'), Just(b'a')], 0..20), cut in 0_usize..20) {
        let whole = String::from_utf8(bytes.clone()).unwrap();
        let expected = whole.replace("\r\n", "").chars().all(|c| c == 'a') && (whole.is_empty() || whole.ends_with("\r\n"));
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let mut lines = StrictLines::default();
        lines.look(first);
        lines.look(second);
        prop_assert_eq!(lines.are_whole(), expected);
    }
}

#[test]
fn a_queue_is_surveyed_by_names() {
    let (directory, store) = queue();
    let size = put(&store);
    fs::write(directory.path().join("new/README"), "").unwrap();
    assert_eq!(store.count(Place::New).unwrap(), crate::Counted { messages: 1, odd: 1 });
    assert_eq!(store.find(ID, size).unwrap().unwrap().place, Place::New);
    store.wait_until(ID, size, Place::New, 1_900_000_000).unwrap();
    fs::write(directory.path().join("cur/stray"), "").unwrap();
    assert_eq!(store.count(Place::Waiting).unwrap(), crate::Counted { messages: 1, odd: 1 });
    assert_eq!(store.find(ID, size).unwrap().unwrap().due, 1_900_000_000);
    store.set_aside(ID, size, Place::Waiting).unwrap();
    assert_eq!(store.find(ID, size).unwrap(), None);
    assert_eq!(store.damaged().unwrap(), [directory.path().join(format!("bad/{ID},S={size}"))]);
    put(&store);
    assert_eq!(store.set_aside(ID, size, Place::New).unwrap(), directory.path().join(format!("bad/{ID},S={size}.2")));
    assert_eq!(store.damaged().unwrap().len(), 2, "what was set aside is never overwritten");
}

#[test]
fn messages_are_located_by_id_alone_wherever_they_lie() {
    let (_directory, store) = queue();
    let size = put(&store);
    let ids = [ID, Id(ID.0 + 1)].into();
    assert_eq!(store.locate(&ids).unwrap().into_values().map(|one| (one.size, one.place)).collect::<Vec<_>>(), [(size, Place::New)]);
    store.wait_until(ID, size, Place::New, 77).unwrap();
    assert_eq!(store.locate(&ids).unwrap()[&ID].due, 77);
    store.hold(ID, size, Place::Waiting).unwrap();
    assert_eq!(store.locate(&ids).unwrap()[&ID].place, Place::Held);
    let mut names = Vec::new();
    store.names(Place::Held, &mut |id, size| names.push((id, size)), &mut |_| {}).unwrap();
    assert_eq!(names, [(ID, size)]);
}

#[test]
fn every_attempt_can_be_read_and_a_forged_line_is_none() {
    let (_directory, store) = queue();
    let size = put(&store);
    for (time, text) in [(5, "450 first"), (6, "450 second")] {
        let mut line = String::new();
        Line { time, recipient: 1, event: Event::Deferred, text: text.into() }.write(&mut line);
        store.append(ID, size, Place::New, &line).unwrap();
    }
    store.append(ID, size, Place::New, "7 x Z no\n8 1 K torn").unwrap();
    let file = store.open_message(ID, size, Place::New).unwrap();
    let (entry, lines) = crate::Entry::glance_with_lines(&file, ID, size).unwrap().unwrap();
    assert_eq!(lines.iter().map(|line| (line.time, line.text.as_str())).collect::<Vec<_>>(), [(5, "450 first"), (6, "450 second")]);
    assert_eq!((entry.standings[1].deferrals, entry.unusable_lines), (2, 1));
}

#[test]
fn notes_are_taken_once() {
    let (_directory, store) = queue();
    assert_eq!(store.take_notes().unwrap(), "");
    store.note("a\n").unwrap();
    store.note("b\n").unwrap();
    assert_eq!(store.take_notes().unwrap(), "a\nb\n");
    assert_eq!(store.take_notes().unwrap(), "");
}

#[test]
fn no_move_puts_one_file_in_the_place_of_another() {
    let (_directory, store) = queue();
    let size = put(&store);
    let copy = std::fs::read(store.path(ID, size, Place::New)).unwrap();
    store.hold(ID, size, Place::New).unwrap();
    std::fs::write(store.path(ID, size, Place::New), &copy).unwrap();
    assert_eq!(store.hold(ID, size, Place::New).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    store.wait_until(ID, size, Place::New, 1).unwrap();
    assert_eq!(store.wait_until(ID, size, Place::Held, 1).unwrap_err().kind(), std::io::ErrorKind::AlreadyExists);
    // Of equals the one that lies further on counts, and the other goes.
    let listed = Listed { id: ID, size, place: Place::Waiting, due: 1 };
    let (best, dropped) = store.only_place(listed);
    assert_eq!((best, dropped.len()), (Place::Held, 1));
    assert!(dropped[0].to_string().ends_with("that in queue/cur was removed, because it is the same"), "{}", dropped[0]);
    assert!(!store.path(ID, size, Place::Waiting).exists() && store.path(ID, size, Place::Held).exists());
}
