//! Files that a crash, a disk or a careless hand may have changed.

use std::io::Write;
use std::sync::LazyLock;

use stafett_queue_store::{Entry, Id, StrictLines, journal as lines};
use stafett_ucspi::{Client, Instructions, Rules};

/// A queue file whose message is its first bytes; the first byte of the input says how many.
pub fn queue_entry(input: &[u8]) {
    let (size, bytes) = input.split_first().map_or((0, input), |(first, rest)| (u64::from(*first % 4), rest));
    let Ok(mut file) = tempfile::tempfile() else { return };
    if file.write_all(bytes).is_err() {
        return;
    }
    let id = Id(1_763_758_000_123_456);
    let seen = Entry::glance(&file, id, size).ok().and_then(Result::ok);
    let verified = Entry::read(&file, id, size).ok().and_then(Result::ok);
    if verified.is_some() {
        assert_eq!(verified, seen, "what is verified is what is shown");
    }
    if let Some(entry) = seen {
        assert_eq!(entry.standings.len(), entry.envelope.recipients.len());
    }
    strict_lines(bytes);
}

/// The guard of line ends says the same whatever the pieces.
fn strict_lines(bytes: &[u8]) {
    let verdict = |cut: usize| {
        let mut guard = StrictLines::default();
        bytes.chunks(cut).for_each(|piece| guard.look(piece));
        guard.are_whole()
    };
    let plain = String::from_utf8_lossy(bytes).replace("\r\n", "\u{1}");
    let naive = (plain.is_empty() || plain.ends_with('\u{1}') && bytes.ends_with(b"\n")) && !plain.contains(['\r', '\n']);
    for cut in 1..4 {
        assert_eq!(verdict(cut), naive, "{bytes:?}");
    }
}

/// A journal: folded at once or line by line it means the same, and final is final.
pub fn journal(bytes: &[u8]) {
    let (whole, unusable) = lines::fold(bytes, 3);
    let mut standings = vec![lines::Standing::default(); 3];
    let mut counted = 0;
    for line in bytes.split_inclusive(|byte| *byte == b'\n') {
        let before = standings.clone();
        counted += lines::apply_all(line, &mut standings);
        let brought_back = |(old, new): (&lines::Standing, &lines::Standing)| matches!(old.event, Some(lines::Event::Delivered)) && old != new;
        assert!(!before.iter().zip(&standings).any(brought_back), "{bytes:?}");
    }
    assert_eq!((standings, counted), (whole, unusable), "{bytes:?}");
}

/// The source of a listener's rules: faults lie inside the source; variables survive the compiled form.
pub fn rules(bytes: &[u8]) {
    match stafett_ucspi::parse(bytes) {
        Ok(rules) => {
            for rule in rules {
                assert_eq!(Instructions::decode(&rule.instructions.encode()).as_ref(), Some(&rule.instructions), "line {}", rule.line);
            }
        }
        Err(fault) => {
            let line = bytes.split(|byte| *byte == b'\n').nth(fault.line - 1);
            assert!(line.is_some_and(|line| fault.column >= 1 && fault.column <= line.len() + 2), "{fault}");
        }
    }
}

/// Compiled rules: a small good table with the input written over it somewhere. What opens can be asked.
pub fn rules_table(input: &[u8]) {
    static GOOD: LazyLock<Vec<u8>> = LazyLock::new(|| good_table().unwrap_or_default());
    let mut table = GOOD.clone();
    let (place, bytes) = input.split_at(input.len().min(2));
    let at = place.iter().fold(0, |at, byte| at * 256 + usize::from(*byte)) % table.len().max(1);
    table.splice(at..table.len().min(at + bytes.len()), bytes.iter().copied());
    let Ok(mut file) = tempfile::NamedTempFile::new() else { return };
    if file.write_all(&table).is_err() {
        return;
    }
    let Ok(rules) = Rules::open(file.path()) else { return };
    for (ip, host) in [("127.0.0.1", None), ("192.0.2.1", Some("a.example")), ("2001:db8::1", None)] {
        let Ok(ip) = ip.parse() else { continue };
        let found = rules.look_up(&Client { ip, host, info: Some("joe") });
        assert!(found.is_ok(), "a table that opens can be asked");
    }
}

fn good_table() -> std::io::Result<Vec<u8>> {
    let directory = tempfile::tempdir()?;
    let path = directory.path().join("cdb");
    let source = b"127.:allow,RELAYCLIENT=\"\"\n=.example:deny\n2001:db8::/32:deny\n:allow,A=\"b\"\n";
    let rules = stafett_ucspi::parse(source).map_err(std::io::Error::other)?;
    stafett_ucspi::write(&rules, &path, &path.with_extension("tmp"))?;
    std::fs::read(&path)
}
