//! Birth, end and sudden death.

use crate::common::{Caller, MESSAGE, Site, envelope, is_root, letter, wait_until};
use stafett_queue_store::{Id, Place, Store};
use stafett_sys::signal::Signal;
use stafett_wire::injector::Answer;
use std::fs;
use std::io::Write;
use std::os::unix::net::UnixStream;
use std::process::Command;
use std::time::{Duration, Instant};

#[test]
fn it_refuses_to_be_root() {
    if !is_root() {
        return;
    }
    let site = Site::new();
    let output = Command::new(site.path("stafett-queued")).env("STAFETT", site.path("")).output().unwrap();
    assert_eq!(output.status.code(), Some(111));
    assert!(String::from_utf8_lossy(&output.stderr).contains("must not run as root"));
}

#[test]
fn a_missing_directory_is_fatal_and_named() {
    for name in ["queue/tmp", "queue/new", "queue/bad", "control", "run/smtpd", "run/queue"] {
        let site = Site::new();
        fs::remove_dir_all(site.path(name)).unwrap();
        let log = site.start_in_vain();
        assert!(log.contains("stafett-queued: fatal: ") && log.contains(name), "{name}: {log}");
    }
}

#[test]
fn a_second_one_on_the_same_queue_is_refused() {
    let site = Site::started();
    assert!(site.start_in_vain().contains("another stafett-queued runs on this queue"));
    site.call().inject(&envelope(), MESSAGE);
}

#[test]
fn unfinished_messages_are_swept_at_the_start() {
    let mut site = Site::new();
    fs::write(site.path("queue/tmp/1763758000123456"), "half a mess").unwrap();
    site.start();
    assert!(site.names("tmp").is_empty());
    assert!(site.log().contains("swept 1 unfinished"), "{}", site.log());
}

#[test]
fn a_message_under_way_is_finished_before_the_end() {
    let mut site = Site::started();
    let _idle = site.call();
    let mut caller = site.call();
    caller.say(&[&letter(b'E', &envelope()), &letter(b'D', MESSAGE)]);
    wait_until("the message is being written", || !site.names("tmp").is_empty());
    site.signal(Signal::Terminate);
    std::thread::sleep(Duration::from_millis(200));
    assert!(UnixStream::connect(site.path("run/queue/socket")).is_err(), "nobody new is taken");
    caller.say(&[b"."]);
    let Some(Answer::Accepted(id)) = caller.hear() else { panic!("{}", site.log()) };
    let begin = Instant::now();
    assert!(site.ended().success());
    assert!(begin.elapsed() < Duration::from_secs(8), "an idle caller held up the end");
    site.entry(&id, MESSAGE.len());
    assert!(site.log().ends_with("stafett-queued: status: exiting\n"), "{}", site.log());
}

#[test]
fn a_queue_that_vanishes_while_it_runs_is_a_temporary_failure() {
    let site = Site::started();
    fs::remove_dir(site.path("queue/tmp")).unwrap();
    let mut caller = site.call();
    caller.say(&[&letter(b'E', &envelope()), &letter(b'D', MESSAGE), b"."]);
    assert!(matches!(caller.hear(), Some(Answer::Temporary(text)) if text.starts_with("451 4.3.0")));
    fs::create_dir(site.path("queue/tmp")).unwrap();
    site.give("queue/tmp", crate::common::NOBODY);
    caller.inject(&envelope(), MESSAGE);
}

#[test]
fn sudden_death_loses_nothing_that_was_accepted() {
    let mut site = Site::new();
    let mut accepted = Vec::new();
    for round in 0..5 {
        site.start();
        let socket = site.path("run/queue/socket");
        let writers: Vec<_> = (0..4)
            .map(|_| {
                std::thread::spawn({
                    let socket = socket.clone();
                    move || write_until_it_dies(&socket)
                })
            })
            .collect();
        std::thread::sleep(Duration::from_millis(40 + 37 * round));
        site.signal(Signal::Kill);
        site.ended();
        accepted.extend(writers.into_iter().flat_map(|writer| writer.join().unwrap()));
    }
    assert!(!accepted.is_empty());
    let store = Store::open(&site.path("queue")).unwrap();
    for (id, size) in &accepted {
        store.read(Id::parse(id).unwrap(), *size, Place::New).unwrap().unwrap();
    }
    // What nobody was told may be there too; it must be whole all the same.
    let mut all = Vec::new();
    store.list(Place::New, &mut |listed| all.push(listed), &mut |odd| panic!("{}", odd.display())).unwrap();
    for listed in &all {
        store.read(listed.id, listed.size, listed.place).unwrap().unwrap();
    }
    assert!(all.len() < accepted.len() + 21);
    site.start();
    assert!(site.names("tmp").is_empty());
}

fn write_until_it_dies(socket: &std::path::Path) -> Vec<(String, u64)> {
    let mut accepted = Vec::new();
    let Ok(stream) = UnixStream::connect(socket) else { return accepted };
    drop(stream);
    let message = b"Subject: x\r\n\r\n0123456789\r\n".repeat(200);
    let mut whole = Vec::new();
    for piece in [letter(b'E', &envelope()), letter(b'D', &message), b".".to_vec()] {
        stafett_wire::netstring::push(&mut whole, &piece);
    }
    let Ok(mut stream) = UnixStream::connect(socket) else { return accepted };
    loop {
        if stream.write_all(&whole).is_err() {
            return accepted;
        }
        match Caller::hear_on(&stream) {
            Some(Answer::Accepted(id)) => accepted.push((id, message.len() as u64)),
            _ => return accepted,
        }
    }
}
