//! The program as smtpd meets it: a process of its own, with a name server of ours that answers well, badly or not at all.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test that cannot go on has failed

#[allow(dead_code, reason = "it serves the tests of several services")]
#[path = "../../../lib/ask/tests/support/resident.rs"]
mod resident;

use resident::{Kind, Resident as Program};
use stafett_ask::{Answer, Verdict};
use std::collections::HashMap;
use std::io::Write;
use std::net::{SocketAddr, UdpSocket};
use std::os::fd::AsFd;
use std::sync::{Arc, Mutex};

/// What the name server does for a name.
#[derive(Clone)]
enum Act {
    /// TXT records with these texts.
    Texts(Vec<String>),
    /// An alias.
    Alias(&'static str),
    /// Another id, another name, then rubbish.
    Nonsense,
    Silence,
    ServerFailure,
}

/// A name server on loopback; what it does not know does not exist.
#[derive(Clone, Default)]
struct Names(Arc<Mutex<HashMap<String, Act>>>);

impl Names {
    fn add(&self, name: &str, act: Act) {
        self.0.lock().unwrap().insert(name.to_owned(), act);
    }

    fn text(&self, name: &str, text: &str) {
        self.add(name, Act::Texts(vec![text.to_owned()]));
    }

    fn serve(&self) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let (address, names) = (socket.local_addr().unwrap(), self.clone());
        std::thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok((length, from)) = socket.recv_from(&mut buffer) {
                for answer in names.answers(&buffer[..length]) {
                    let _ = socket.send_to(&answer, from);
                }
            }
        });
        address
    }

    fn answers(&self, question: &[u8]) -> Vec<Vec<u8>> {
        let (name, end) = name(question);
        let kind = u16::from_be_bytes([question[end], question[end + 1]]);
        let asked = &question[12..end + 4];
        let answer = |code: u8, records: &[Vec<u8>]| {
            let head = [question[0], question[1], 0x81, 0x80 | code, 0, 1, 0, u8::try_from(records.len()).unwrap(), 0, 0, 0, 0];
            [&head[..], asked, &records.concat()].concat()
        };
        let act = self.0.lock().unwrap().get(&name).cloned();
        match act {
            Some(Act::Texts(texts)) if kind == 16 => {
                vec![answer(0, &texts.iter().map(|text| record(16, &strings(text))).collect::<Vec<_>>())]
            }
            Some(Act::Texts(_)) => vec![answer(0, &[])],
            Some(Act::Alias(target)) => vec![answer(0, &[record(5, &labels(target))])],
            Some(Act::Nonsense) => {
                let mut other = answer(0, &[record(16, &strings("v=spf1 +all"))]);
                other[0] ^= 0xff;
                vec![other, vec![0; 3], answer(0, &[vec![0xc0; 40]])]
            }
            Some(Act::ServerFailure) => vec![answer(2, &[])],
            Some(Act::Silence) => Vec::new(),
            None => vec![answer(3, &[])],
        }
    }
}

fn name(question: &[u8]) -> (String, usize) {
    let (mut at, mut parts) = (12, Vec::new());
    while question[at] != 0 {
        let length = usize::from(question[at]);
        parts.push(String::from_utf8_lossy(&question[at + 1..=at + length]).to_lowercase());
        at += length + 1;
    }
    (parts.join("."), at + 1)
}

fn labels(name: &str) -> Vec<u8> {
    let one = |label: &str| [&[u8::try_from(label.len()).unwrap()], label.as_bytes()].concat();
    [name.split('.').flat_map(one).collect(), vec![0]].concat()
}

fn strings(text: &str) -> Vec<u8> {
    text.as_bytes().chunks(200).flat_map(|piece| [&[u8::try_from(piece.len()).unwrap()], piece].concat()).collect()
}

/// A record of the name that was asked for, valid for a minute.
fn record(kind: u8, data: &[u8]) -> Vec<u8> {
    let length = u16::try_from(data.len()).unwrap().to_be_bytes();
    [&[0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60], &length[..], data].concat()
}

const KIND: Kind =
    Kind { service: "verify", caller: "smtpd", program: env!("CARGO_BIN_EXE_stafett-verify"), hello: &["hello"], complete: |_, _| {} };

impl Program {
    fn start(names: &Names) -> Program {
        Program::serving(KIND, &[("me", "relay.example\n"), ("resolvers", &format!("{}\n", names.serve()))])
    }

    fn spf(&self, sender: &str) -> String {
        self.question(&["spf", "192.0.2.1", "client.example", sender]).field(0).unwrap()
    }

    fn message(&self, text: &[u8]) -> Answer {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(text).unwrap();
        let question = ["message", "192.0.2.1", "client.example", "a@b.example", "none", "b.example"];
        self.asked_with(&question, Some(file.as_fd())).unwrap()
    }
}

const MESSAGE: &[u8] = b"From: x@reject.example\r\nSubject: x\r\n\r\ntext\r\n";

#[test]
fn questions_are_answered() {
    let names = Names::default();
    names.text("pass.example", "v=spf1 ip4:192.0.2.0/24 -all");
    names.text("why.example", "because of %{i}");
    names.text("fail.example", "v=spf1 exp=why.example -all");
    names.text("_dmarc.reject.example", "v=DMARC1; p=reject");
    let program = Program::start(&names);
    assert_eq!(program.spf("a@pass.example"), "pass");
    let answer = program.question(&["spf", "192.0.2.1", "client.example", "a@fail.example"]);
    assert_eq!((answer.field(0).unwrap().as_str(), answer.field(3).unwrap().as_str()), ("fail", "because of 192.0.2.1"));
    assert!(answer.field(4).unwrap().starts_with("Received-SPF: fail (relay.example: "), "{answer:?}");
    let answer = program.message(MESSAGE);
    let fields: Vec<String> = (0..7).map(|index| answer.field(index).unwrap()).collect();
    let expected = ["fail", "reject", "reject", "reject.example", "reject.example", "", "Authentication-Results: relay.example;"];
    assert_eq!(fields, expected, "{answer:?}");
    program.control("spfguess", "ip4:192.0.2.1 ?all\n");
    program.until("control/spfguess does not count", || program.spf("a@nothing.example") == "pass");
    program.control("spfguess", "nonsense\n");
    program.until("the fault is not told", || {
        assert_eq!(program.spf("a@nothing.example"), "pass");
        program.log().contains("control/spfguess:1: ")
    });
}

#[test]
fn a_name_server_that_misbehaves_is_trouble_and_never_a_yes() {
    let names = Names::default();
    names.add("nonsense.example", Act::Nonsense);
    names.add("failure.example", Act::ServerFailure);
    names.add("silent.example", Act::Silence);
    names.add("loop.example", Act::Alias("loop.example"));
    names.add("_dmarc.reject.example", Act::ServerFailure);
    let program = Program::start(&names);
    std::thread::scope(|scope| {
        for name in ["nonsense", "failure", "silent", "loop"] {
            let program = &program;
            scope.spawn(move || assert_eq!(program.spf(&format!("a@{name}.example")), "temperror", "{name}"));
        }
    });
    assert_eq!(program.message(MESSAGE).field(0).unwrap(), "temperror");
}

#[test]
fn records_that_explode_end_soon() {
    let names = Names::default();
    let includes: String = (0..50).map(|index| format!(" include:i{index}.example")).collect();
    for index in 0..50 {
        names.text(&format!("i{index}.example"), &format!("v=spf1{includes} -all"));
    }
    names.text("long.example", &format!("v=spf1{} -all", " ip4:203.0.113.1".repeat(200)));
    names.text("macros.example", &format!("v=spf1 exists:{}.example -all", "%{s}%{d}".repeat(100)));
    let program = Program::start(&names);
    for (name, verdict) in [("i0", "permerror"), ("long", "fail"), ("macros", "fail")] {
        assert_eq!(program.spf(&format!("a@{name}.example")), verdict, "{name}");
    }
}

#[test]
fn questions_that_are_none_are_refused() {
    let program = Program::start(&Names::default());
    for question in
        [&["spf"][..], &["spf", "here", "h", "s"], &["message", "192.0.2.1", "h", "s", "", ""], &["what", "192.0.2.1", "h", "s"], &[""]]
    {
        assert_eq!(program.question(question).verdict, Verdict::Permanent, "{question:?}");
    }
    assert_eq!(program.spf("\u{fc}@\u{fc}.example"), "none");
}

#[test]
fn messages_of_any_shape_are_judged() {
    let program = Program::start(&Names::default());
    let forged = "A: b\r\nAuthentication-Results: relay.example; none\r\n".repeat(501);
    assert_eq!(program.message(forged.as_bytes()).verdict, Verdict::Permanent);
    let signature = "DKIM-Signature: v=1; a=rsa-sha256; d=x.example; s=s; h=from; bh=AAAA; b=AAAA\r\n".repeat(3000);
    for (text, verdict) in [
        (&b""[..], "permerror"),
        (b"\r\n", "permerror"),
        (&[0; 100_000], "permerror"),
        (b"From: a@x.example\r\n", "none"),
        (b"From : a@x.example\r\n\r\n", "none"),
        (b"FROM:\r\n a@x.example\r\n\r\n", "none"),
        (b"From: a@x.example\n\ntext\n", "none"),
    ] {
        let answer = program.message(text);
        assert_eq!(answer.field(0).as_deref(), Some(verdict), "{answer:?}");
    }
    for header in [signature, "A: b\r\n".repeat(20_000), "A: b\r\n c\r\n".repeat(100_000)] {
        assert_eq!(program.message(header.as_bytes()).verdict, Verdict::Permanent);
    }
    // larger than what is read
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"From: a@x.example\r\n\r\n").unwrap();
    file.set_len(70 * 1024 * 1024).unwrap();
    let answer = program.asked_with(&["message", "192.0.2.1", "c", "", "", ""], Some(file.as_fd())).unwrap();
    assert_eq!(answer.field(0).unwrap(), "none", "{answer:?}");
}

#[test]
fn many_at_once_are_all_answered() {
    let names = Names::default();
    names.text("pass.example", "v=spf1 a:%{l}.many.example ip4:192.0.2.1 -all");
    let program = Program::start(&names);
    std::thread::scope(|scope| {
        for thread in 0..16 {
            let program = &program;
            scope.spawn(move || {
                for index in 0..20 {
                    assert_eq!(program.spf(&format!("u{thread}x{index}@pass.example")), "pass");
                }
            });
        }
    });
}
