//! stafett-log(5) and what the programs say, held to each other.
//!
//! The sources are searched for every call that writes a line of a log, and for anything else that writes to standard
//! error. An event line (`LOG.line`, `LOG.bare`, the scheduler's book, the listener's journal) must be an item of
//! stafett-log(5), with all its fixed words in their order. A complaint with words of its own must be found in that page
//! or in the page of its program. The other way round, the first words of each item in the page must stand
//! in a source. Complaints whose whole text is made elsewhere are out of reach.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use stafett_instance::tree;

/// Crates that speak for a service.
const SPEAKING: &[&str] = &["lib/handoff/src", "lib/instance/src", "lib/log/src"];
/// Where lines are written to standard error; whatever else wants to must use one of these.
const DOORS: &[&str] = &["lib/log/src/lib.rs", "bins/send/src/book.rs", "bins/tcpserver/src/journal.rs"];
/// Calls that write an event line, when a text of their own follows.
const EVENTS: &[&str] = &[".line(", ".bare("];
/// The scheduler's book is a text that is written whole.
const BOOK: &[&str] = &["write!(self.text, ", "writeln!(self.text, ", "self.text.push_str("];
/// Lines that the book only passes on: where they are made, and by which call. One entry for each text without words
/// of its own in the book.
const PASSED_ON: &[(&str, &str)] = &[("bins/qtool/src/direct.rs", "notes.push_str(")];
const COMPLAINTS: &[&str] = &[".fatal(", ".error(", ".warning(", ".note("];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn sources(directory: &str) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    let mut waiting = vec![top().join(directory)];
    while let Some(place) = waiting.pop() {
        for entry in fs::read_dir(&place).unwrap_or_else(|error| panic!("{}: {error}", place.display())).flatten() {
            let path = entry.path();
            let name = path.strip_prefix(top()).unwrap().display().to_string();
            if path.is_dir() {
                waiting.push(path);
            } else if name.ends_with(".rs") && !name.contains("test") {
                found.insert(name, code(&fs::read_to_string(&path).unwrap()));
            }
        }
    }
    found
}

/// A source without comments and unit tests.
fn code(text: &str) -> String {
    let text = text.split("#[cfg(test)]\nmod tests {").next().unwrap();
    text.lines().map(|line| if line.trim_start().starts_with("//") { "" } else { line }).collect::<Vec<_>>().join("\n")
}

/// The programs whose lines a supervisor keeps; the others speak to whoever calls them.
fn services() -> impl Iterator<Item = &'static str> {
    tree::all_services().filter_map(|service| service.command.split(' ').next()?.strip_prefix("stafett-"))
}

fn all_services() -> BTreeMap<String, String> {
    let directories = services().map(|name| format!("bins/{name}/src")).chain(SPEAKING.iter().map(|name| (*name).to_owned()));
    directories.flat_map(|directory| sources(&directory)).collect()
}

/// The string literal that `text` begins with, unescaped; behind `format_args!(` and `&format!(` too.
fn literal(text: &str) -> Option<String> {
    let text = text.trim_start();
    let text = ["format_args!(", "&format!(", "format!("].iter().find_map(|macro_call| text.strip_prefix(macro_call)).unwrap_or(text);
    let text = text.trim_start().strip_prefix('"')?;
    let mut out = String::new();
    let mut characters = text.chars();
    loop {
        match characters.next()? {
            '"' => return Some(out),
            '\\' => match characters.next()? {
                'n' => out.push('\n'),
                '\n' => {
                    let rest = characters.as_str().trim_start();
                    characters = rest.chars();
                }
                other => out.push(other),
            },
            other => out.push(other),
        }
    }
}

/// What follows each of these calls in a source, with the line it stands in.
fn calls<'a>(text: &'a str, names: &'a [&str]) -> impl Iterator<Item = (usize, &'a str, &'a str)> {
    names.iter().flat_map(move |name| {
        text.match_indices(name).map(move |(at, _)| {
            let before = &text[..at];
            let receiver = before.rsplit(|c: char| !c.is_alphanumeric() && c != '_' && c != '.').next().unwrap();
            (before.matches('\n').count() + 1, receiver, &text[at + name.len()..])
        })
    })
}

/// The fixed words of a line: `accept {} bytes {n}` has `accept` and `bytes`.
fn fixed_words(line: &str) -> Vec<String> {
    let mut plain = String::new();
    let mut depth = 0;
    for character in line.chars() {
        match character {
            '{' => depth += 1,
            '}' => {
                depth -= 1;
                plain.push('\u{0}');
            }
            _ if depth == 0 => plain.push(character),
            _ => {}
        }
    }
    words(&plain)
}

/// Words of letters alone; what touches a value or has other characters in it is left out.
fn words(text: &str) -> Vec<String> {
    let is_plain = |word: &&str| !word.is_empty() && word.chars().all(|c| c.is_ascii_alphabetic() || c == '-' || c == '\'');
    text.split_whitespace()
        .map(|word| word.trim_matches([':', ';', ',', '.', '<', '>', '(', ')']))
        .filter(is_plain)
        .map(str::to_owned)
        .collect()
}

/// A manual page: its items, one after the other, without macros; values are `\0`.
fn items(page: &str) -> Vec<String> {
    let text = fs::read_to_string(top().join("man").join(page)).unwrap_or_else(|error| panic!("{page}: {error}"));
    text.lines()
        .filter_map(|line| line.strip_prefix(".It "))
        .filter(|item| item.starts_with("Li ") || item.starts_with("Ar "))
        .map(unmacro)
        .collect()
}

fn unmacro(line: &str) -> String {
    let mut out = String::new();
    let mut is_value = false;
    for word in line.split(' ') {
        match word {
            "Ar" => is_value = true,
            "Li" | "Ns" => is_value = false,
            _ if is_value && word.chars().any(char::is_alphanumeric) => out.push_str("\0 "),
            _ => {
                out.push_str(word);
                out.push(' ');
            }
        }
    }
    out.trim_end().replace("\\&", "")
}

/// A page as one text without macros.
fn prose(page: &str) -> String {
    let Ok(text) = fs::read_to_string(top().join("man").join(page)) else { return String::new() };
    text.lines().map(unmacro).collect::<Vec<_>>().join(" ")
}

/// Whether `wanted` occur in `there`, in this order, beginning with its first word.
fn stand_in_order(wanted: &[String], there: &[String]) -> bool {
    let mut rest = there.iter();
    wanted.first() == there.first() && wanted.iter().all(|word| rest.any(|other| other == word))
}

/// Every event line: where it is written, and its text.
fn events() -> Vec<(String, String)> {
    let mut found = Vec::new();
    for (file, text) in all_services() {
        if DOORS[0] == file {
            continue;
        }
        for (line, receiver, rest) in calls(&text, EVENTS) {
            let is_log = ["log", "LOG", "journal"].iter().any(|name| receiver.to_lowercase().ends_with(&name.to_lowercase()))
                || file.ends_with("journal.rs");
            match literal(rest) {
                Some(format) => found.push((format!("{file}:{line}"), format)),
                None if is_log && !rest.starts_with("&mut self") => {
                    panic!("{file}:{line}: the text of an event line must stand in the call, or this test cannot see it")
                }
                None => {}
            }
        }
        if file.ends_with("send/src/book.rs") {
            for (line, _, rest) in calls(&text, BOOK) {
                let format = literal(rest).unwrap_or_else(|| panic!("{file}:{line}: the text of an event line must stand in the call"));
                found.extend(format.lines().map(|format| (format!("{file}:{line}"), format.to_owned())));
            }
            let passed_on = found.iter().filter(|(_, format)| format == "{}").count();
            assert_eq!(passed_on, PASSED_ON.len(), "{file}: say in this test where the texts are made that are passed on");
            found.retain(|(_, format)| format != "{}");
        }
    }
    for (file, call) in PASSED_ON {
        let text = code(&fs::read_to_string(top().join(file)).unwrap_or_else(|error| panic!("{file}: {error}")));
        let made: Vec<_> = calls(&text, &[call]).filter_map(|(line, _, rest)| Some((format!("{file}:{line}"), literal(rest)?))).collect();
        assert!(!made.is_empty(), "{file}: no {call}\"...\" there any more");
        found.extend(made);
    }
    found
}

#[test]
fn every_event_line_is_an_item_of_the_page() {
    let items: Vec<Vec<String>> = items("stafett-log.5").iter().map(|item| words(item)).collect();
    let in_prose = prose("stafett-log.5");
    let events = events();
    for known in ["new msg {id}", "info msg {id}: bytes {bytes} from <{sender}> qp {id} uid {uid}", "status: {count}/{limit}"] {
        assert!(events.iter().any(|(_, format)| format == known), "this test does not see the line \"{known}\" any more");
    }
    for first in ["accept", "refuse", "end"] {
        assert!(
            events.iter().any(|(place, format)| place.contains("smtpd") && format.starts_with(first)),
            "this test does not see {first} of smtpd"
        );
    }
    let lacking = events.iter().filter(|(_, format)| {
        let wanted = fixed_words(format);
        assert!(!wanted.is_empty(), "{format}: a line must begin with a word of its own");
        let is_item = items.iter().any(|item| stand_in_order(&wanted, item));
        let is_status = format.starts_with("status: ") && in_prose.contains(format.as_str());
        !is_item && !is_status
    });
    let lacking: Vec<String> = lacking.map(|(place, format)| format!("{place}: {format}")).collect();
    assert!(lacking.is_empty(), "man/stafett-log.5 lacks items for\n{}", lacking.join("\n"));
}

#[test]
fn every_complaint_stands_in_a_page() {
    let common = prose("stafett-log.5");
    let mut lacking = Vec::new();
    for (file, text) in all_services() {
        let program = file.strip_prefix("bins/").and_then(|rest| rest.split('/').next()).unwrap_or("log");
        let own = prose(&format!("stafett-{program}.8"));
        for (line, _, rest) in calls(&text, COMPLAINTS) {
            // A usage is the synopsis of the program's own page.
            let Some(format) = literal(rest).filter(|format| !format.starts_with("usage: ")) else { continue };
            let words = format.split('{').next().unwrap().trim_end_matches(|c: char| !c.is_alphanumeric()).to_owned();
            let is_there = |page: &str| page.contains(&words) || page.contains(words.split(';').next().unwrap());
            if words.contains(' ') && !is_there(&common) && !is_there(&own) {
                lacking.push(format!("{file}:{line}: {format}"));
            }
        }
    }
    assert!(lacking.is_empty(), "neither man/stafett-log.5 nor the page of the program explains\n{}", lacking.join("\n"));
}

#[test]
fn no_item_of_the_page_has_outlived_its_line() {
    let mut sources: String = all_services().into_values().collect();
    // Errors whose texts are made in libraries that a service hands on.
    for library in fs::read_dir(top().join("lib")).unwrap().flatten() {
        let directory = format!("lib/{}/src", library.file_name().to_string_lossy());
        sources.extend(self::sources(&directory).into_values());
    }
    let plain = sources.replace("{program}", "\0");
    let stale = items("stafett-log.5").into_iter().filter(|item| {
        let text = ["error: ", "warning: ", "note: ", "fatal: "].iter().find_map(|severity| item.strip_prefix(severity)).unwrap_or(item);
        let fixed = text.split('\0').find(|part| part.contains(char::is_alphabetic)).unwrap_or_default();
        let first = fixed.split([';', ',', '.']).next().unwrap_or_default();
        let first = first.trim_matches(|c: char| !c.is_alphanumeric());
        !plain.contains(first)
    });
    let stale: Vec<String> = stale.map(|item| item.replace('\0', "X")).collect();
    assert!(stale.is_empty(), "no source says what man/stafett-log.5 explains:\n{}", stale.join("\n"));
}

#[test]
fn lines_are_written_through_known_doors() {
    assert!(services().count() >= 5);
    for (file, text) in all_services() {
        let writes = ["stderr()", "eprint!", "eprintln!", "std_err", "STDERR"].iter().find(|word| text.contains(**word));
        if let Some(word) = writes {
            assert!(
                DOORS.contains(&file.as_str()),
                "{file}: {word}: write lines through stafett_log, so that they are safe and documented"
            );
        }
    }
}

#[test]
fn a_line_that_nobody_documented_is_noticed() {
    let items = [words(&unmacro("accept Ar id Li bytes Ar n Li from < Ns Ar sender Ns Li >"))];
    let is_there = |format: &str| items.iter().any(|item| stand_in_order(&fixed_words(format), item));
    assert!(is_there("accept {} bytes {}"));
    assert!(is_there("accept {id} bytes {} from <{}>"));
    assert!(!is_there("accept {id} lines {}") && !is_there("hold {id}") && !is_there("bytes {}"));
    assert_eq!(literal(" format_args!(\n    \"a {b} \\\"c\\\"\\nd\", x)"), Some("a {b} \"c\"\nd".to_owned()));
}
