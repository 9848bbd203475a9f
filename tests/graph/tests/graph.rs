//! Who links what, held to the table in stafett-architecture(7); and the list of other people's crates, to deny.toml.
//!
//! In the page's table an item is `.It Nm PROGRAM`, followed by lines of words: our crates by their directory under
//! lib/, then `;`, then the crates of others, both with all that they link in turn (for this host; what runs in the
//! compiler or in tests alone is not linked). When
//! a test fails it prints the table as it should read.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

/// Our crates and those of others that a program links.
type Links = (BTreeSet<String>, BTreeSet<String>);

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").canonicalize().unwrap()
}

fn read(name: &str) -> String {
    let file = top().join(name);
    fs::read_to_string(&file).unwrap_or_else(|error| panic!("unable to read {}: {error}", file.display()))
}

fn directories(parent: &str) -> Vec<String> {
    let with_manifest = |entry: &fs::DirEntry| entry.path().join("Cargo.toml").is_file();
    let mut names: Vec<String> = fs::read_dir(top().join(parent))
        .unwrap()
        .flatten()
        .filter(with_manifest)
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    names.sort();
    names
}

/// The package that a manifest describes.
fn package(directory: &str) -> String {
    let manifest = read(&format!("{directory}/Cargo.toml"));
    let line = manifest.lines().find(|line| line.starts_with("name = ")).expect("a name");
    line.split('"').nth(1).unwrap().to_owned()
}

fn linked(package: &str) -> Links {
    let mut cargo = Command::new(std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into()));
    cargo.current_dir(top()).args([
        "tree",
        "--locked",
        "--offline",
        "--edges",
        "normal,no-proc-macro",
        "--prefix",
        "none",
        "--format",
        "{p}",
        "--package",
        package,
    ]);
    let output = cargo.output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let ours: BTreeMap<String, String> = directories("lib").into_iter().map(|name| (self::package(&format!("lib/{name}")), name)).collect();
    let mut links = Links::default();
    for line in String::from_utf8(output.stdout).unwrap().lines() {
        let Some(name) = line.split(' ').next().filter(|name| !name.is_empty() && *name != package) else { continue };
        match ours.get(name) {
            Some(directory) => links.0.insert(directory.clone()),
            None => links.1.insert(name.to_owned()),
        };
    }
    links
}

fn all_linked() -> BTreeMap<String, Links> {
    let programs = directories("bins").into_iter().map(|name| format!("bins/{name}"));
    programs.map(|directory| (program(&directory), linked(&package(&directory)))).collect()
}

/// The name of the program that a package makes: its own, unless the manifest says otherwise.
fn program(directory: &str) -> String {
    let manifest = read(&format!("{directory}/Cargo.toml"));
    let said = manifest.split("[[bin]]").nth(1).and_then(|part| part.lines().find_map(|line| line.strip_prefix("name = ")));
    said.map_or_else(|| package(directory), |name| name.trim_matches('"').to_owned())
}

fn documented() -> BTreeMap<String, Links> {
    let page = read("man/stafett-architecture.7");
    let mut table = BTreeMap::new();
    let mut current: Option<(String, String)> = None;
    let section = page.split(".Sh WHO LINKS WHAT").nth(1).expect("a section WHO LINKS WHAT").split("\n.Sh ").next().unwrap();
    for line in section.lines().chain([".El"]) {
        if line.starts_with('.') {
            if let Some((name, words)) = current.take() {
                let (ours, others) = words.split_once(';').unwrap_or((&words, ""));
                let set = |text: &str| text.split_whitespace().map(str::to_owned).collect();
                table.insert(name, (set(ours), set(others)));
            }
            current = line.strip_prefix(".It Nm ").map(|name| (name.trim().to_owned(), String::new()));
        } else if let Some((_, words)) = &mut current {
            words.push(' ');
            words.push_str(line);
        }
    }
    table
}

fn as_page(table: &BTreeMap<String, Links>) -> String {
    let mut text = ".Bl -tag -width Ds\n".to_owned();
    for (name, (ours, others)) in table {
        text.push_str(&format!(".It Nm {name}\n"));
        let words: Vec<&str> = ours.iter().map(String::as_str).chain([";"]).chain(others.iter().map(String::as_str)).collect();
        let mut line = String::new();
        for word in words {
            if line.len() + word.len() > 76 {
                text.push_str(line.trim_end());
                text.push('\n');
                line.clear();
            }
            line.push_str(word);
            line.push(' ');
        }
        text.push_str(line.trim_end());
        text.push('\n');
    }
    text + ".El\n"
}

#[test]
fn the_page_says_who_links_what() {
    let (real, page) = (all_linked(), documented());
    assert!(real == page, "the table of man/stafett-architecture.7 must read:\n{}", as_page(&real));
}

/// What must hold whatever the page says.
#[test]
fn no_program_links_what_it_must_not_reach() {
    let table = all_linked();
    // the importer writes messages that have a past, which the injectors' socket has no words for
    let keeps_queue = ["stafett-queued", "stafett-send", "stafett-import", "stafett-metrics", "qstat", "qtool"];
    for (name, (ours, others)) in &table {
        assert!(!ours.contains("queue") || keeps_queue.contains(&name.as_str()), "{name} links the queue store");
        assert!(!ours.contains("survey") || ["qstat", "qtool"].contains(&name.as_str()), "{name} links what is the admin's");
        assert!(
            !ours.contains("dns")
                || ["callout", "check", "dnsbl", "mtasts", "remote", "tcpserver", "tlsrpt", "verify"]
                    .iter()
                    .any(|program| name.strip_prefix("stafett-") == Some(program)),
            "{name} links the resolver"
        );
        assert!(!others.contains("redis") || name == "stafett-limit", "{name} links the client of a shared store");
        let has_tls = others.iter().any(|other| ["rustls", "ring", "openssl", "native-tls", "aws-lc-rs"].contains(&other.as_str()));
        // the checker judges certificates; whoever goes out to other servers speaks TLS itself; dkim signs, and passwords are
        // hashed, by what rustls has beneath, without the rest
        let may =
            ["stafett-callout", "stafett-check", "stafett-mtasts", "stafett-remote", "stafett-tls", "stafett-tlskeys", "stafett-tlsrpt"];
        let hashes = ["stafett-auth", "stafett-dkim", "stafett-passwd"].contains(&name.as_str());
        assert!(!has_tls || hashes || may.contains(&name.as_str()), "{name} links TLS");
        assert!(!hashes || !others.contains("rustls"), "{name} links TLS");
        let knows_verifiers = others.contains("argon2") || ours.contains("verifiers");
        assert!(!knows_verifiers || ["stafett-auth", "stafett-passwd"].contains(&name.as_str()), "{name} links what verifies passwords");
        // mail-auth brings the runtime of its resolver along, which is never used
        let verifies = name == "stafett-verify";
        assert!(
            verifies || !others.iter().any(|other| ["tokio", "async-std", "smol", "regex", "serde"].contains(&other.as_str())),
            "{name} links a runtime: {others:?}"
        );
        assert!(verifies || !others.iter().any(|other| other.starts_with("mail-")), "{name} links mail-auth");
    }
    let smtpd = &table["stafett-smtpd"].0;
    for forbidden in ["queue", "dns"] {
        assert!(!smtpd.contains(forbidden), "smtpd links {forbidden}");
    }
}

fn sources(directory: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(directory).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() && entry.file_name() != "target" {
            sources(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

#[test]
fn only_lib_sys_holds_unsafe_code() {
    let mut found = Vec::new();
    for part in ["bins", "lib", "tests"] {
        sources(&top().join(part), &mut found);
    }
    for manifest in
        ["bins", "lib", "tests"].iter().flat_map(|parent| directories(parent).into_iter().map(move |name| format!("{parent}/{name}")))
    {
        let text = read(&format!("{manifest}/Cargo.toml"));
        let own_workspace = text.contains("[workspace]");
        assert!(
            manifest == "lib/sys" || own_workspace || text.contains("[lints]\nworkspace = true"),
            "{manifest} does not take the lints of the workspace"
        );
    }
    assert!(read("Cargo.toml").contains("unsafe_code = \"forbid\""));
    // Put together here, so that this file does not hold what it looks for.
    let words = [concat!("un", "safe {"), concat!("un", "safe fn"), concat!("un", "safe impl"), concat!("un", "safe extern")];
    for source in found.iter().filter(|source| !source.starts_with(top().join("lib/sys")) && !source.starts_with(top().join("tests/fuzz")))
    {
        let text = fs::read_to_string(source).unwrap();
        assert!(!words.iter().any(|word| text.contains(word)), "{} holds unsafe code", source.display());
    }
}

#[test]
fn deny_toml_lists_every_crate_of_others() {
    let lock = read("Cargo.lock");
    let foreign = |block: &&str| block.contains("\nsource = ");
    let named = |block: &str| block.lines().find_map(|line| line.strip_prefix("name = ")).map(|name| name.trim_matches('"').to_owned());
    let real: BTreeSet<String> = lock.split("[[package]]").filter(foreign).filter_map(named).collect();
    let deny = read("deny.toml");
    let listed: BTreeSet<String> = deny
        .lines()
        .filter_map(|line| line.trim().strip_prefix("{ crate = \""))
        .filter_map(|rest| rest.split('"').next())
        .map(str::to_owned)
        .collect();
    let missing: Vec<_> = real.difference(&listed).collect();
    let spare: Vec<_> = listed.difference(&real).collect();
    assert!(missing.is_empty() && spare.is_empty(), "deny.toml lacks {missing:?} and need not list {spare:?}");
}
