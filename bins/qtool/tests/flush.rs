//! What qtool asks of the scheduler, in whose place the test answers.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::{Id, Place, Store};
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{self, Style};
use stafett_wire::question::{Question, Reply, Verb};
use std::fs;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

const ID: u64 = 1_763_758_000_123_456;

struct Site {
    directory: tempfile::TempDir,
    store: Store,
    listener: OwnedFd,
}

impl Site {
    /// Two messages that wait for back.test, and between them one that does not.
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        for name in ["control", "queue/tmp", "queue/new", "queue/cur", "queue/hold", "queue/bad", "run/send"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        fs::write(directory.path().join("control/me"), "relay.test\n").unwrap();
        let store = Store::open(&directory.path().join("queue")).unwrap();
        let listener = socket::listen(&directory.path().join("run/send/socket"), Style::Packets, 5).unwrap();
        for (number, recipient) in [(0, "a@back.test"), (1, "b@other.test"), (2, "c@back.test")] {
            let mut draft = store.draft(Id(ID + number)).unwrap();
            draft.write(b"x\r\n").unwrap();
            draft.commit(&Envelope { recipients: vec![Recipient::new(recipient)], ..Envelope::default() }, false).unwrap();
            fs::create_dir_all(directory.path().join(format!("queue/cur/{:02x}", (ID + number) & 0xff))).unwrap();
            store.wait_until(Id(ID + number), 3, Place::New, 4_102_444_800).unwrap();
        }
        Site { directory, store, listener }
    }

    /// Runs qtool and answers each of its questions with these lines; the questions, and how it ended.
    fn answer(&self, arguments: &[&str], mut answer: impl FnMut(&Question) -> Vec<String>) -> (Vec<(Verb, Vec<String>)>, Output) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_qtool"));
        command.args(arguments).env("STAFETT", self.directory.path()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        let wanted = (self.listener.as_fd(), Interest::Read);
        assert!(poll::wait_two(wanted, None, Some(Duration::from_secs(20))).unwrap().0.any(), "it does not connect");
        let line = socket::accept(&self.listener).unwrap().unwrap();
        socket::set_nonblocking(&line, false).unwrap();
        let (mut questions, mut space) = (Vec::new(), vec![0; 100_000]);
        loop {
            let length = socket::receive_packet(&line, &mut space).unwrap().length;
            let Some(packet) = space.get(..length).filter(|packet| !packet.is_empty()) else { break };
            let question = Question::parse(packet).unwrap();
            socket::send_packet(&line, &Reply::Lines(answer(&question), false).encode(), None).unwrap();
            questions.push((question.verb, question.arguments));
        }
        (questions, child.wait_with_output().unwrap())
    }
}

#[test]
fn what_was_found_is_tried_while_the_rest_is_looked_for() {
    let site = Site::new();
    let (questions, output) = site.answer(&["flush", "back.test"], |question| match question.verb {
        Verb::Flush => vec!["1 destinations are tried again now".to_owned()],
        Verb::Retry => {
            // The last of the queue goes before it is read: who reads all of it first asks for it too.
            let _ = site.store.remove(Id(ID + 2), 3, Place::Waiting);
            question.arguments.iter().map(|name| format!("{} done", name.split(',').next().unwrap_or_default())).collect()
        }
        verb => panic!("{verb}"),
    });
    assert_eq!(questions, [(Verb::Flush, vec!["back.test".to_owned()]), (Verb::Retry, vec![format!("{ID},S=3")])]);
    let said = String::from_utf8(output.stdout).unwrap();
    assert_eq!((output.status.code(), said), (Some(0), format!("1 destinations are tried again now\n{ID} done\n")));
}

#[test]
fn all_that_waits_for_a_destination_is_asked_for_once() {
    let site = Site::new();
    let (questions, output) = site.answer(&["flush", "back.test"], |question| match question.verb {
        Verb::Flush => vec!["1 destinations are tried again now".to_owned()],
        _ => question.arguments.iter().map(|name| format!("{name} not done: it is odd")).collect(),
    });
    let mut asked: Vec<String> = questions.into_iter().skip(1).flat_map(|(_, names)| names).collect();
    asked.sort();
    assert_eq!(asked, [format!("{ID},S=3"), format!("{},S=3", ID + 2)]);
    assert_eq!(output.status.code(), Some(1));
}

#[test]
fn without_names_the_queue_is_not_read() {
    let site = Site::new();
    let (questions, output) = site.answer(&["flush"], |_| vec!["2 destinations are tried again now".to_owned()]);
    assert_eq!((questions, output.status.code()), (vec![(Verb::Flush, Vec::new())], Some(0)));
}

#[test]
fn an_answer_that_does_not_come_is_told() {
    let site = Site::new();
    drop(site.listener);
    // A process that another test is just starting may hold it open until its program runs.
    let path = site.directory.path().join("run/send/socket");
    while socket::connect_within(&path, Style::Packets, Duration::from_secs(20)).is_ok() {}
    let output = Command::new(env!("CARGO_BIN_EXE_qtool")).args(["flush", "back.test"]).env("STAFETT", site.directory.path()).output();
    let output = output.unwrap();
    let said = String::from_utf8(output.stderr).unwrap();
    assert!(output.status.code() == Some(111) && said.contains("stafett-send is not running, and only that"), "{said}");
}
