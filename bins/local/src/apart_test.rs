use super::{Limit, Outcome, carry_out, is_forsaken, listen};
use rustix::process::{Signal, getpid, kill_process};
use stafett_sys::descriptor;
use stafett_sys::poll::{self, Interest};
use stafett_sys::process::{self, Fork};
use stafett_sys::socket::{self, Style};
use stafett_wire::Verdict;
use std::os::fd::{AsFd, OwnedFd};
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::time::{Duration, Instant};

const HOUR: Duration = Duration::from_secs(3600);

fn limit(patience: Duration) -> Limit {
    Limit { what: "It", patience, reason: "the limit" }
}

fn stop() {
    let _ = kill_process(getpid(), Signal::STOP);
}

#[test]
fn who_stops_the_process_stops_nothing_else() {
    let (_asker, asked) = socket::pair(Style::Packets).unwrap();
    let outcome = carry_out(
        limit(Duration::from_millis(100)),
        asked.as_fd(),
        || {},
        |_| {
            stop();
            Outcome::never("")
        },
    );
    assert_eq!((outcome.verdict, outcome.text.as_str()), (Verdict::Temporary, "It took too long: the limit. (#4.4.7)"));
}

#[test]
fn a_process_that_has_nothing_more_to_say_is_not_waited_for() {
    let (_asker, asked) = socket::pair(Style::Packets).unwrap();
    for (said, wanted) in [(&b"K-done"[..], Verdict::Ok), (b"", Verdict::Temporary)] {
        let (read, write) = descriptor::pipe().unwrap();
        match process::fork().unwrap() {
            Fork::Child => {
                let _ = descriptor::write_all(&write, said);
                drop(write);
                stop();
                process::exit_now(0);
            }
            Fork::Parent(pid) => {
                drop(write);
                let outcome = listen(limit(HOUR), pid, (&read, asked.as_fd()), Instant::now() + HOUR).unwrap();
                assert_eq!(outcome.verdict, wanted, "{}", outcome.text);
            }
        }
    }
}

/// A program that hangs, and a pipe that tells of its end.
struct Program {
    ended: OwnedFd,
    held: OwnedFd,
}

impl Program {
    fn new() -> Program {
        let (ended, held) = descriptor::pipe().unwrap();
        Program { ended, held }
    }

    /// In the process that is to be ended.
    fn start(&self) -> Child {
        let output = Stdio::from(self.held.try_clone().unwrap());
        Command::new("sleep").arg("300").stdin(Stdio::null()).stdout(output).stderr(Stdio::null()).spawn().unwrap()
    }

    fn must_have_ended(self) {
        drop(self.held);
        let (ended, _) = poll::wait_two((self.ended.as_fd(), Interest::Hangup), None, Some(Duration::from_secs(30))).unwrap();
        assert!(ended.hangup);
    }
}

#[test]
fn what_was_started_ends_when_nobody_waits_any_more() {
    let (asker, asked) = socket::pair(Style::Packets).unwrap();
    let asker = Arc::new(asker);
    let (started, tell) = descriptor::pipe().unwrap();
    let program = Program::new();
    let its = Arc::clone(&asker);
    let asking = std::thread::spawn(move || {
        descriptor::read(&started, &mut [0]).unwrap();
        descriptor::forget(&its).unwrap();
    });
    let work = |_: &OwnedFd| {
        descriptor::forget(&asker).unwrap();
        let mut child = program.start();
        descriptor::write_all(&tell, b"x").unwrap();
        let _ = child.wait();
        Outcome::never("")
    };
    let outcome = carry_out(limit(HOUR), asked.as_fd(), || {}, work);
    asking.join().unwrap();
    assert!(outcome.text.starts_with("Nobody waits"), "{}", outcome.text);
    program.must_have_ended();
}

#[test]
fn what_a_killed_process_had_started_ends_with_it() {
    let (_asker, asked) = socket::pair(Style::Packets).unwrap();
    let program = Program::new();
    let work = |_: &OwnedFd| {
        let mut child = program.start();
        let _ = kill_process(getpid(), Signal::KILL);
        let _ = child.wait();
        Outcome::never("")
    };
    let outcome = carry_out(limit(HOUR), asked.as_fd(), || {}, work);
    assert_eq!(outcome.text, "It was ended by signal 9. (#4.3.0)");
    program.must_have_ended();
}

#[test]
fn a_process_sees_that_it_is_forsaken() {
    let (read, write) = descriptor::pipe().unwrap();
    assert!(!is_forsaken(write.as_fd()));
    drop(read);
    assert!(is_forsaken(write.as_fd()));
}
