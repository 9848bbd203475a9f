//! The same rules with djb's tools: his tcprulescheck reads our files, we read those of his
//! tcprules, and both say the same about every client.

use crate::common;

use stafett_ucspi::{Client, Match, Rules};
use std::path::Path;
use std::process::Command;

const SOURCES: &[&str] = &[
    "",
    ":deny\n",
    ":allow\n127.:allow,RELAYCLIENT=\"\"\n",
    "18.23.0.32:deny\n18.23.0.1-22:allow,A=\"1\"\n18.23.:allow,B='2'\n18.:deny\n",
    "10.2-3.:allow,X=/y/,Z=\"a=b,c\"\n10.:deny,WHY=xx\n:allow\n",
    "=host.example.com:allow,H=\"h\"\n=.example.com:allow,S=\"s\"\n=.com:deny\n=:allow,N=\"n\"\n:deny\n",
    "joe@127.0.0.1:deny\njoe@=host.example.com:allow,J=\"j\"\n127.0.0.1:allow,P=\"p\"\n",
    "# comment\n\n0-255.:allow,ALL=\"a\"\n1.2.3.4:deny\n1.2.3.4:allow\n",
    "10.2.3.4:allow,DATABYTES=\"52428800\",RELAYCLIENT=\"@relay\"  \t\n10.2.3.:deny",
    "Joe@10.2.3.4:deny\njoe@10.2.3.4:allow,L=\"l\"\n",
];

const CLIENTS: &[(&str, Option<&str>, Option<&str>)] = &[
    ("127.0.0.1", None, None),
    ("127.0.0.1", None, Some("joe")),
    ("127.0.0.1", Some("host.example.com"), Some("joe")),
    ("127.0.0.1", Some("other.example.com"), Some("ann")),
    ("18.23.0.1", None, None),
    ("18.23.0.22", None, None),
    ("18.23.0.23", None, None),
    ("18.23.0.32", Some("a.b.com"), None),
    ("18.24.1.1", Some("com"), None),
    ("10.2.3.4", None, Some("joe")),
    ("10.2.3.4", None, Some("Joe")),
    ("10.2.3.5", Some("example.com"), None),
    ("10.3.0.0", Some("x.org"), None),
    ("10.4.0.0", None, None),
    ("1.2.3.4", Some("host.example.com"), None),
    ("255.255.255.255", None, None),
];

#[test]
fn files_are_the_same_byte_for_byte() {
    if !common::have_ucspi_tcp() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (ours, his) = (directory.path().join("ours.cdb"), directory.path().join("his.cdb"));
    for source in SOURCES {
        common::compile(source, &ours);
        assert!(common::compile_with_tcprules(source, &his), "{source}");
        assert!(std::fs::read(&ours).unwrap() == std::fs::read(&his).unwrap(), "compiled differently:\n{source}");
    }
}

#[test]
fn both_say_the_same_about_every_client() {
    if !common::have_ucspi_tcp() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let (ours, his) = (directory.path().join("ours.cdb"), directory.path().join("his.cdb"));
    for source in SOURCES {
        common::compile(source, &ours);
        assert!(common::compile_with_tcprules(source, &his));
        compare(source, &ours, &his, CLIENTS);
    }
}

/// His tcprules knows no networks, but his tcpserver reads ours.
#[test]
fn ipv4_networks_are_readable_for_him() {
    if !common::have_ucspi_tcp() {
        return;
    }
    let source = "10.0.0.0/8:allow,N=\"8\"\n10.16.0.0/12:allow,N=\"12\"\n10.17.254.0/23:allow,N=\"23\"\n10.17.254.:allow,N=\"24\"\n10.17.254.128/25:deny\n0.0.0.0/0:deny,N=\"0\"\n";
    let directory = tempfile::tempdir().unwrap();
    let ours = directory.path().join("ours.cdb");
    common::compile(source, &ours);
    let clients: Vec<String> =
        ["10.1.1.1", "10.31.2.3", "10.32.2.3", "10.17.254.1", "10.17.255.1", "10.17.254.127", "10.17.254.128", "11.1.1.1", "255.1.1.1"]
            .map(str::to_owned)
            .into();
    let clients: Vec<_> = clients.iter().map(|ip| (ip.as_str(), None, None)).collect();
    compare(source, &ours, &ours, &clients);
}

/// He compiles names as they were written and looks them up as DNS spells them.
#[test]
fn a_file_of_his_with_capitals_denies_here_too() {
    if !common::have_ucspi_tcp() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let his = directory.path().join("his.cdb");
    assert!(common::compile_with_tcprules("=.Example.COM:deny\n", &his));
    compare("", &his, &his, &[("10.1.1.1", Some("a.Example.COM"), None), ("10.1.1.1", Some("a.example.com"), None)]);
}

/// What we refuse although he takes it never had an effect; what he refuses we refuse too, except
/// for networks and IPv6.
#[test]
fn what_he_refuses_is_refused() {
    if !common::have_ucspi_tcp() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    let his = directory.path().join("his.cdb");
    for source in
        ["1.2.3.a-9:allow\n", "1.2.3.4:allowx\n", "a:permit\n", ":allow,A\n", ":allow,A=\n", ":allow,A=\"x\n", ":allow\r\n", "a-b:allow\n"]
    {
        assert!(!common::compile_with_tcprules(source, &his), "{source}");
        assert!(stafett_ucspi::parse(source.as_bytes()).is_err(), "{source}");
    }
}

fn compare(source: &str, for_him: &Path, for_us: &Path, clients: &[(&str, Option<&str>, Option<&str>)]) {
    let rules = Rules::open(for_us).unwrap();
    for (ip, host, info) in clients {
        let client = Client { ip: ip.parse().unwrap(), host: *host, info: *info };
        let ours = in_his_words(rules.look_up(&client).unwrap());
        assert_eq!(ours, tcprulescheck(for_him, ip, *host, *info), "{ip} {host:?} {info:?} with\n{source}");
    }
}

fn in_his_words(found: Option<Match>) -> String {
    let Some(found) = found else { return "default:\nallow connection\n".to_owned() };
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let mut words = format!("rule {}:\n", text(&found.key));
    if found.instructions.deny {
        return words + "deny connection\n";
    }
    for (name, value) in &found.instructions.variables {
        words += &format!("set environment variable {}={}\n", text(name), text(value));
    }
    words + "allow connection\n"
}

fn tcprulescheck(cdb: &Path, ip: &str, host: Option<&str>, info: Option<&str>) -> String {
    let mut command = Command::new("tcprulescheck");
    command.arg(cdb).env_clear().env("PATH", std::env::var_os("PATH").unwrap()).env("TCPREMOTEIP", ip);
    for (name, value) in [("TCPREMOTEHOST", host), ("TCPREMOTEINFO", info)] {
        if let Some(value) = value {
            command.env(name, value);
        }
    }
    String::from_utf8(command.output().unwrap().stdout).unwrap()
}
