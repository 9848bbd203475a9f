//! Both halves against each other, and each against a peer that misbehaves.

use crate::{Answer, Calls, Desk, Question, Service, Verdict, ask};
use stafett_log::Log;
use stafett_sys::socket::{self, Style};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd};
use std::path::{Path, PathBuf};
use std::time::Duration;

const PATIENCE: Duration = Duration::from_secs(30);

struct Echo;

impl Service for Echo {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, mut question: Question) {
        match question.verb() {
            "silence" => drop(question),
            "never" => std::mem::forget(question),
            "long" => question.answer(&Answer::new(Verdict::Ok, "x".repeat(100_000))),
            "file" => {
                let mut text = String::new();
                std::fs::File::from(question.descriptor.take().unwrap()).read_to_string(&mut text).unwrap();
                question.answer(&Answer::new(Verdict::Ok, text));
            }
            _ => {
                let answer = question
                    .fields
                    .iter()
                    .skip(1)
                    .fold(Answer::new(Verdict::Permanent, "so be it"), |answer, field| answer.with(field.clone()));
                std::thread::spawn(move || question.answer(&answer));
            }
        }
    }
}

fn desk() -> (tempfile::TempDir, PathBuf) {
    // Callers and service are one process here; an ordinary user begins with 1024 descriptors.
    stafett_sys::limit::raise_open_files(4096).unwrap();
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let desk = Desk::listen(Log::new("desk"), &path, &[]).unwrap();
    std::thread::spawn(move || desk.run(&mut Echo));
    (directory, path)
}

fn asked(path: &Path, question: &[&[u8]]) -> std::io::Result<Answer> {
    ask(path, question, None, PATIENCE)
}

#[test]
fn an_answer_comes_back_as_it_was_given() {
    let (_directory, path) = desk();
    let answer = asked(&path, &[b"echo", b"one", b"", b"\xff\0,"]).unwrap();
    assert_eq!(answer, Answer::new(Verdict::Permanent, "so be it").with("one").with("").with(*b"\xff\0,"));
}

#[test]
fn answers_of_all_lengths_come_whole() {
    let (_directory, path) = desk();
    for length in [0, 1, 2000, 2040, 2048, 2049, 30_000] {
        let field = vec![b'x'; length];
        assert_eq!(asked(&path, &[b"echo", &field]).unwrap().fields, [field], "{length}");
    }
}

#[test]
fn a_descriptor_goes_along() {
    let (_directory, path) = desk();
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(b"what it holds").unwrap();
    std::io::Seek::rewind(&mut file).unwrap();
    assert!(file.as_raw_fd() > 0);
    assert_eq!(ask(&path, &[b"file"], Some(file.as_fd()), PATIENCE).unwrap().text, "what it holds");
}

#[test]
fn no_answer_is_an_error() {
    let (directory, path) = desk();
    assert_eq!(asked(&path, &[b"silence"]).unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    let late = ask(&path, &[b"never"], None, Duration::from_millis(50)).unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
    assert_eq!(asked(&path, &[b"long"]).unwrap().verdict, Verdict::Temporary);
    assert_eq!(asked(&directory.path().join("nobody"), &[b"echo"]).unwrap_err().kind(), std::io::ErrorKind::NotFound);
}

#[test]
fn callers_that_misbehave_hold_nobody_up() {
    let (_directory, path) = desk();
    let silent: Vec<_> = (0..600).map(|_| socket::connect(&path, Style::Packets).unwrap()).collect();
    let rude = socket::connect(&path, Style::Packets).unwrap();
    socket::send_packet(&rude, b"17:not a netstring", None).unwrap();
    assert_eq!(asked(&path, &[b"echo"]).unwrap().text, "so be it");
    drop(silent);
}

/// A service by hand, which accepts a caller for each of `conversations`, and there answers as often as that says. The callers are
/// kept until the end.
fn by_hand(conversations: &'static [usize]) -> (tempfile::TempDir, PathBuf, std::thread::JoinHandle<()>) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = socket::listen(&path, Style::Packets, 5).unwrap();
    let service = std::thread::spawn(move || {
        for answers in conversations {
            stafett_sys::poll::wait_two((listener.as_fd(), stafett_sys::poll::Interest::Read), None, Some(PATIENCE)).unwrap();
            let caller = socket::accept(&listener).unwrap().unwrap();
            for _ in 0..*answers {
                let length = socket::receive_packet(&caller, &mut [0; 100]).unwrap().length;
                assert!(length > 0);
                socket::send_packet(&caller, b"1:K,4:text,", None).unwrap();
            }
        }
    });
    (directory, path, service)
}

#[test]
fn a_connection_is_kept_for_the_next_question() {
    let (_directory, path, service) = by_hand(&[3]);
    let mut calls = Calls::default();
    for _ in 0..3 {
        assert_eq!(calls.ask(&path, &[b"echo"], None, PATIENCE).unwrap().text, "text");
    }
    service.join().unwrap();
}

#[test]
fn a_connection_that_was_closed_is_opened_once_more() {
    let (_directory, path, service) = by_hand(&[1, 2, 1, 0, 0]);
    let mut calls = Calls::default();
    for _ in 0..4 {
        assert_eq!(calls.ask(&path, &[b"echo"], None, PATIENCE).unwrap().text, "text");
    }
    // closed while idle, and then again with the question unanswered
    assert!(calls.ask(&path, &[b"echo"], None, PATIENCE).is_err());
    assert!(calls.ask(&path, &[b"echo"], None, PATIENCE).is_err());
    service.join().unwrap();
}

/// A resident parent whose children answer so many questions each, with their own number and the question, then close.
fn parent(each: usize) -> (tempfile::TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = socket::listen(&path, Style::Packets, 64).unwrap();
    socket::set_nonblocking(&listener, false).unwrap();
    std::thread::spawn(move || {
        for child in 0.. {
            let caller = socket::accept(&listener).unwrap().unwrap();
            let mut buffer = [0; 4096];
            let handoff = socket::receive_packet(&caller, &mut buffer).unwrap();
            let pair = handoff.descriptor.unwrap();
            // What is behind the number of the handoff is the first question.
            let mut question = buffer[4..handoff.length].to_vec();
            for left in (0..each).rev() {
                let text = format!("{child} {}", String::from_utf8_lossy(&question));
                socket::send_packet(&pair, &Answer::new(Verdict::Ok, text).encode(), None).unwrap();
                if left > 0 {
                    let length = socket::receive_packet(&pair, &mut buffer).unwrap().length;
                    question = buffer[..length].to_vec();
                }
            }
        }
    });
    (directory, path)
}

#[test]
fn a_child_takes_question_after_question_and_another_goes_on() {
    let (_directory, path) = parent(3);
    let mut calls = Calls::default();
    let texts: Vec<String> = (0..5).map(|_| calls.ask_child(&path, &[b"who", b"is"], PATIENCE).unwrap().text).collect();
    assert_eq!(texts, ["0 3:who,2:is,", "0 3:who,2:is,", "0 3:who,2:is,", "1 3:who,2:is,", "1 3:who,2:is,"]);
}

#[test]
fn after_silence_an_answer_that_comes_late_is_nobodys() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = socket::listen(&path, Style::Packets, 5).unwrap();
    let mut calls = Calls::default();
    let late = calls.ask(&path, &[b"one"], None, Duration::from_millis(20)).unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
    let first = socket::accept(&listener).unwrap().unwrap();
    assert!(socket::send_packet(&first, b"1:K,3:one,", None).is_err());
    let late = calls.ask(&path, &[b"two"], None, Duration::from_millis(20)).unwrap_err();
    assert_eq!(late.kind(), std::io::ErrorKind::TimedOut);
}

#[test]
fn what_is_not_answered_is_known_at_once_on_a_kept_connection_too() {
    let (_directory, path) = desk();
    let mut calls = Calls::default();
    assert!(calls.ask(&path, &[b"echo"], None, PATIENCE).is_ok());
    assert_eq!(calls.ask(&path, &[b"silence"], None, PATIENCE).unwrap_err().kind(), std::io::ErrorKind::UnexpectedEof);
    assert!(calls.ask(&path, &[b"echo"], None, PATIENCE).is_ok());
    assert!(calls.ask(&path, &[b"never"], None, Duration::from_millis(50)).is_err());
    let long = vec![b'x'; 30_000];
    for field in [&long[..], b"short"] {
        assert_eq!(calls.ask(&path, &[b"echo", field], None, PATIENCE).unwrap().fields, [field]);
    }
}

#[test]
fn more_callers_than_a_service_keeps_are_all_answered() {
    let (_directory, path) = desk();
    let mut many: Vec<Calls> = (0..600).map(|_| Calls::default()).collect();
    for _ in 0..2 {
        for calls in &mut many {
            assert!(calls.ask(&path, &[b"echo"], None, PATIENCE).is_ok());
        }
    }
}

#[test]
fn a_service_that_talks_nonsense_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let listener = socket::listen(&path, Style::Packets, 5).unwrap();
    let service = std::thread::spawn(move || {
        for nonsense in [&b"rubbish"[..], b"1:X,0:,", b"0:,0:,", b"1:K,", &[b'1'; 40_000]] {
            stafett_sys::poll::wait_two((listener.as_fd(), stafett_sys::poll::Interest::Read), None, Some(PATIENCE)).unwrap();
            let caller = socket::accept(&listener).unwrap().unwrap();
            socket::receive_packet(&caller, &mut [0; 100]).unwrap();
            socket::send_packet(&caller, nonsense, None).unwrap();
        }
    });
    for _ in 0..5 {
        assert_eq!(asked(&path, &[b"echo"]).unwrap_err().kind(), std::io::ErrorKind::InvalidData);
    }
    service.join().unwrap();
}

#[test]
fn a_line_carries_question_after_question() {
    let (ours, theirs) = socket::pair(Style::Packets).unwrap();
    let child = std::thread::spawn(move || {
        let line = crate::Line::new(theirs);
        let mut buffer = vec![0; stafett_wire::LARGEST_PACKET];
        while let Some(heard) = line.hear(&mut buffer).unwrap() {
            let descriptor = heard.descriptor.as_ref().map(AsFd::as_fd);
            line.answer(&Answer { fields: heard.what, ..Answer::new(Verdict::Ok, "heard") }, descriptor).unwrap();
        }
    });
    let mut line = crate::Line::new(ours);
    for number in 0..3_u8 {
        let heard = line.ask(&[&[number; 30_000], b"x"], Some(std::io::stdin().as_fd()), PATIENCE).unwrap();
        assert_eq!(heard.what.fields, [vec![number; 30_000], b"x".to_vec()]);
        assert!(heard.descriptor.is_some());
    }
    drop(line);
    child.join().unwrap();
}

#[test]
fn after_a_fault_a_line_is_silent() {
    let (ours, theirs) = socket::pair(Style::Packets).unwrap();
    let mut line = crate::Line::new(ours);
    assert!(line.ask(&[b"anybody?"], None, Duration::from_millis(10)).is_err());
    // too late: it must not be taken for the answer to the next question
    assert!(crate::Line::new(theirs).answer(&Answer::new(Verdict::Ok, "yes"), None).is_err());
    assert!(line.ask(&[b"really?"], None, PATIENCE).is_err());
}
