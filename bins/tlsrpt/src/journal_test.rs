//! A day's file over restarts, torn, and long.

use super::*;
use stafett_sts::Kind;

const LOG: Log = Log::new("test");

fn count(host: &str) -> Count {
    let policy = vec!["version: STSv1".to_owned(), "mx: 50%|x".to_owned()];
    let text = str::to_owned;
    Count {
        domain: text("x.org"),
        kind: Kind::Sts,
        policy,
        patterns: Vec::new(),
        result: text("validation-failure"),
        from: text("192.0.2.1"),
        host: text(host),
        address: text("2001:db8::1"),
        words: text("100% of | it %7C"),
    }
}

#[test]
fn what_was_counted_is_there_after_a_restart() {
    let directory = tempfile::tempdir().unwrap();
    let path = path(directory.path(), Day::parse("2026-11-22").unwrap());
    for times in 1..4_u64 {
        let (mut journal, mut tally) = Journal::open(LOG, path.clone()).unwrap();
        assert_eq!(tally.rows().map(|(_, times)| times).sum::<u64>(), (times - 1) * 2);
        for host in ["a", "b"] {
            journal.note(tally.add(count(host), 1).unwrap());
        }
        journal.write(&tally);
        done(&path, "y.org").unwrap();
    }
    let kept = read(&path).unwrap();
    assert_eq!(kept.tally.of("x.org"), [(&count("a"), 3), (&count("b"), 3)]);
    assert_eq!(kept.done.into_iter().collect::<Vec<_>>(), ["y.org"]);
    assert_eq!(days(directory.path()).unwrap(), [Day::parse("2026-11-22").unwrap()]);
}

#[test]
fn a_torn_line_is_dropped_and_rubbish_counts_for_nothing() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("2026-11-22");
    let good = line(&count("a"), 5);
    fs::write(&path, format!("rubbish\n{good}x\ty\n7\tx.org\tsts\n-1{good}{}", good.trim_end())).unwrap();
    let (mut journal, mut tally) = Journal::open(LOG, path.clone()).unwrap();
    assert_eq!(tally.of("x.org"), [(&count("a"), 5)]);
    journal.note(tally.add(count("a"), 1).unwrap());
    journal.write(&tally);
    assert_eq!(read(&path).unwrap().tally.of("x.org"), [(&count("a"), 6)]);
}

#[test]
fn a_long_file_is_written_anew() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("2026-11-22");
    let (mut journal, mut tally) = Journal::open(LOG, path.clone()).unwrap();
    for _ in 0..SLACK + 100 {
        journal.note(tally.add(count("a"), 1).unwrap());
        journal.write(&tally);
    }
    assert!(fs::read_to_string(&path).unwrap().lines().count() < 200);
    assert_eq!(read(&path).unwrap().tally.of("x.org"), [(&count("a"), SLACK as u64 + 100)]);
}
