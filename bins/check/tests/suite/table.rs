//! One row per setting drives reader, checker, sample and manual: none of the four is missing for
//! any row, and no program reads what its row does not say.

use crate::ground::Ground;
use stafett_control::{Control, Form, Setting, rows};
use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Programs that go through the table as a whole; they are nobody's readers.
const JUDGES: &[&str] = &["check", "explain", "import", "setup"];

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn read(path: impl AsRef<Path>) -> String {
    fs::read_to_string(top().join(path)).unwrap()
}

/// The name of the row's constant, as readers write it.
fn constant(row: &Setting) -> String {
    let name = row.name.strip_suffix(".cdb").filter(|_| row.name.starts_with("more")).unwrap_or(row.name);
    format!("rows::{}", name.to_uppercase().replace('.', "_"))
}

/// The crates that read control files for the programs that link them.
const SHARED: &[&str] = &["certificates", "injection", "reception", "signing", "smtp-client", "taps"];

/// All source text with which a program reads control files.
fn text_of(program: &str) -> String {
    let mut text = sources(&top().join("bins").join(program).join("src"));
    let manifest = read(Path::new("bins").join(program).join("Cargo.toml"));
    let links = |shared: &str| manifest.contains(&format!("stafett-{shared}.workspace"));
    if links("https") {
        // Of the SMTP client these take no more than how hosts are reached.
        return text + &sources(&top().join("lib/https/src")) + &read("lib/smtp-client/src/reach.rs");
    }
    for shared in SHARED.iter().filter(|shared| links(shared)) {
        text.push_str(&sources(&top().join("lib").join(shared).join("src")));
    }
    if text.contains("Locals::read") {
        text.push_str(&read("lib/route/src/locals.rs"));
    }
    if text.contains("Lifetimes::read") {
        text.push_str(&read("lib/route/src/lifetimes.rs"));
    }
    if text.contains("Signed::read") {
        text.push_str(&read("lib/route/src/signed.rs"));
    }
    if text.contains("RcptHosts::read") {
        text.push_str(&read("lib/route/src/rcpthosts.rs"));
    }
    text
}

/// All source text of a directory.
fn sources(directory: &Path) -> String {
    let mut text = String::new();
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            text.push_str(&sources(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") && !path.to_string_lossy().ends_with("test.rs") {
            text.push_str(&fs::read_to_string(path).unwrap());
        }
    }
    text
}

fn names(text: &str, constant: &str) -> bool {
    let ends = |rest: &str| !rest.starts_with(|c: char| c.is_ascii_alphanumeric() || c == '_');
    text.match_indices(constant).any(|(at, found)| ends(&text[at + found.len()..]))
}

/// Whether a program takes the file: by its row; or by its run script, which the listener's does; or because
/// its name is an argument, as with the compiler of the rules.
fn takes(reader: &str, row: &Setting, text: &str) -> bool {
    let by_script = reader == "tcpserver" && {
        let script = read("service/templates/listener");
        script.contains(&format!("setting {} ", row.name)) || script.contains(&format!("/{}\"", row.name))
    };
    names(text, &constant(row)) || by_script || (reader == "tcprules" && row.name == rows::TCP_SMTP.name)
}

#[test]
fn every_row_is_read_by_those_it_names_and_by_nobody_else() {
    let programs: BTreeSet<String> =
        fs::read_dir(top().join("bins")).unwrap().flatten().map(|entry| entry.file_name().into_string().unwrap()).collect();
    let mut wrong = Vec::new();
    for program in
        programs.iter().filter(|program| !JUDGES.contains(&program.as_str()) && top().join("bins").join(program).join("src").is_dir())
    {
        let text = text_of(program);
        for row in rows::TABLE {
            let (named, real) = (row.readers.contains(&program.as_str()), takes(program, row, &text));
            if named != real {
                wrong.push(format!(
                    "{}: its row {} {program}, which {} it",
                    row.name,
                    if named { "names" } else { "does not name" },
                    if real { "reads" } else { "does not read" }
                ));
            }
        }
    }
    for row in rows::TABLE {
        assert!(!row.readers.is_empty(), "{} has no reader", row.name);
        wrong.extend(
            row.readers
                .iter()
                .filter(|reader| !programs.contains(**reader))
                .map(|reader| format!("{}: there is no program {reader}", row.name)),
        );
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn every_row_has_a_sample_and_a_manual_entry() {
    let manual = read("man/stafett-control.5");
    for row in rows::TABLE {
        assert!(manual.contains(&format!("\n.It Pa {}\n", row.name)), "{} is not in stafett-control(5)", row.name);
        assert!(row.text.ends_with('.') && !row.default.is_empty(), "{} is not explained", row.name);
        if !matches!(row.form, Form::Compiled(_) | Form::Directory(_)) {
            let sample = read(Path::new("control").join(row.name));
            assert!(sample.contains(row.example.lines().next().unwrap()), "control/{} does not show the example", row.name);
            assert_eq!(Control::new(top().join("control")).check(row), Ok(()));
        }
    }
}

#[test]
fn every_row_is_judged_by_the_checker() {
    let ground = Ground::all().pop().unwrap();
    for row in rows::TABLE {
        let kept = fs::read(ground.root.join("control").join(row.name)).ok();
        // A control character fits no form.
        ground.control(row.name, "a\u{7}b:\u{7}\n");
        let answer = ground.check(&[]);
        let words = format!("control/{}:1: error: ", row.name);
        let words = if matches!(row.form, Form::Compiled(_) | Form::Directory(_)) { words.replace(":1:", ":") } else { words };
        assert!(answer.code == 100 && answer.out.contains(&words), "{}: {answer:?}", row.name);
        for reader in row.readers.iter().filter(|reader| stafett_instance::tree::all_services().any(|service| service.name == **reader)) {
            assert_eq!(ground.check(&["--service", reader]).code, 100, "{reader} starts with a bad {}", row.name);
        }
        match kept {
            Some(kept) => ground.control(row.name, kept),
            None => ground.remove(&format!("control/{}", row.name)),
        }
    }
    assert_eq!(ground.check(&[]).out, "");
}
