//! Runs every script in tests/dialogue against the program in UCSPI mode, with a fake queued behind it.
//!
//! A script is read line by line; blank lines and lines that begin with `#` are skipped.
//! `control NAME TEXT` writes a control file (`\n` between lines), `env NAME=VALUE` sets a variable, `queue full`, `queue
//! away` and `queue hangup` change queued's mood, `look PART K|Z|D RULE TEXT` is what stafett-dnsbl finds (`look away`: it is
//! not there); all of these count before the first step.
//! `C: TEXT` sends a line, `C! TEXT` sends exactly TEXT; `\r \n \0 \t \\` and `\xHH` are understood in both.
//! `S: PATTERN` is the next line from the server, `*` standing for anything; `R: PATTERN` the last line of its next reply;
//! `E` the end of the connection.
//! `Q: PATTERN` is a line (of envelope or message) of any message that queued took; `N: COUNT` how many it took.
//! `L: PATTERN` is a line of the log, `X: CODE` the exit code; both come last.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod support;

use std::fs;
use std::path::Path;

use support::{Client, Instance, Mood, variables};

#[test]
fn scripts_go_as_written() {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/dialogue");
    let mut scripts: Vec<_> = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    scripts.sort();
    assert!(!scripts.is_empty());
    for script in scripts {
        run(&script);
    }
}

fn run(path: &Path) {
    let name = path.file_name().unwrap().to_string_lossy().into_owned();
    let text = fs::read_to_string(path).unwrap();
    let lines: Vec<_> = text.lines().enumerate().filter(|(_, line)| !line.is_empty() && !line.starts_with('#')).collect();
    let setting = |line: &&str| ["control ", "env ", "queue ", "look "].iter().any(|word| line.starts_with(word));
    let (settings, steps): (Vec<_>, Vec<_>) = lines.iter().partition(|(_, line)| setting(line));
    let (instance, mut client) = prepare(settings.iter().map(|(_, line)| *line));
    let mut steps = steps.into_iter().peekable();
    while let Some((number, line)) = steps.next_if(|(_, line)| !line.starts_with("L: ") && !line.starts_with("X: ")) {
        step(&instance, &mut client, line, &format!("{name}:{}", number + 1));
    }
    let (code, log) = client.end();
    for (number, line) in steps {
        let place = format!("{name}:{}", number + 1);
        match line.split_at(3) {
            ("L: ", pattern) => assert!(log.lines().any(|line| fits(pattern, line)), "{place}: no log line \"{pattern}\" in\n{log}"),
            ("X: ", expected) => assert_eq!(code.map(|code| code.to_string()).as_deref(), Some(expected), "{place}\n{log}"),
            _ => panic!("{place}: out of place: {line}"),
        }
    }
}

fn prepare<'a>(settings: impl Iterator<Item = &'a str>) -> (Instance, Client) {
    let mut mood = Mood::Accept;
    let (mut files, mut looks) = (Vec::new(), None);
    let mut environment = variables(&[("PROTO", "TCP"), ("TCPREMOTEIP", "192.0.2.7"), ("TCPLOCALIP", "192.0.2.1")]);
    for line in settings {
        let (word, rest) = line.split_once(' ').unwrap();
        let (name, value) = rest.split_once([' ', '=']).unwrap_or((rest, ""));
        match word {
            "control" => files.push((name, unescape(value))),
            "look" if name == "away" => {}
            "look" => looks.get_or_insert_with(Vec::new).push(format!("{name} {value}")),
            "env" => environment.push((name.to_owned(), String::from_utf8(unescape(value)).unwrap())),
            _ => mood = mood_of(name),
        }
    }
    let instance = Instance::new(mood);
    for (name, content) in files {
        instance.control(name, &String::from_utf8(content).unwrap());
    }
    if let Some(looks) = looks {
        instance.look(looks);
    }
    let client = instance.serve(&environment);
    (instance, client)
}

fn mood_of(word: &str) -> Mood {
    match word {
        "full" => Mood::Full,
        "away" => Mood::Away,
        "hangup" => Mood::HangUp,
        other => panic!("unknown mood {other}"),
    }
}

fn step(instance: &Instance, client: &mut Client, line: &str, place: &str) {
    match line.split_at_checked(3).unwrap_or((line, "")) {
        ("C: ", text) => client.send(&[unescape(text), b"\r\n".to_vec()].concat()),
        ("C! ", text) => client.send(&unescape(text)),
        ("S: ", pattern) => {
            let said = client.line();
            assert!(fits(pattern, &said), "{place}: expected \"{pattern}\", the server said \"{said}\"");
        }
        ("R: ", pattern) => {
            let said = client.reply();
            assert!(fits(pattern, &said), "{place}: expected \"{pattern}\", the server said \"{said}\"");
        }
        ("E", "") => assert_eq!(client.line(), "", "{place}: the server goes on"),
        ("Q: ", pattern) => {
            let taken = instance.taken.all();
            let found = taken.iter().any(|(envelope, message)| has_line(pattern, envelope.as_bytes()) || has_line(pattern, message));
            assert!(found, "{place}: queued took no line \"{pattern}\" but {taken:?}");
        }
        ("N: ", count) => assert_eq!(instance.taken.all().len().to_string(), count, "{place}: messages taken"),
        _ => panic!("{place}: not understood: {line}"),
    }
}

fn has_line(pattern: &str, text: &[u8]) -> bool {
    String::from_utf8_lossy(text).lines().any(|line| fits(pattern, line))
}

/// Whether a text fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, text: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == text,
        Some((before, after)) => text.strip_prefix(before).is_some_and(|rest| {
            let ends = rest.char_indices().map(|(at, _)| at).chain([rest.len()]);
            ends.into_iter().any(|at| fits(after, &rest[at..]))
        }),
    }
}

fn unescape(text: &str) -> Vec<u8> {
    let mut bytes = text.bytes();
    let mut out = Vec::new();
    while let Some(byte) = bytes.next() {
        out.push(match (byte, byte == b'\\') {
            (_, true) => match bytes.next() {
                Some(b'r') => b'\r',
                Some(b'n') => b'\n',
                Some(b't') => b'\t',
                Some(b'0') => 0,
                Some(b'x') => {
                    let digits = [bytes.next().unwrap(), bytes.next().unwrap()];
                    u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
                }
                other => other.unwrap(),
            },
            (plain, false) => plain,
        });
    }
    out
}
