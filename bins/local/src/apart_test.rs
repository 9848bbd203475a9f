use super::{Answer, Apart, Limit, Outcome, Task, Work, is_forsaken};
use rustix::process::{Signal, getpid, kill_process};
use stafett_sys::descriptor;
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{self, Style};
use stafett_wire::Verdict;
use stafett_wire::delivery::Scope;
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

/// Somebody who asks for this.
struct Asker {
    _asker: OwnedFd,
    asked: OwnedFd,
    apart: Apart,
}

impl Asker {
    fn new() -> Asker {
        let (asker, asked) = socket::pair(Style::Packets).unwrap();
        Asker { _asker: asker, asked, apart: Apart::default() }
    }

    fn ask(&mut self, patience: Duration, key: &str, work: impl Work) -> Outcome {
        let task = Task { key: key.as_bytes(), packet: b"task", files: &[] };
        self.apart.carry_out(limit(patience), self.asked.as_fd(), task, || Ok(()), work).first
    }

    /// The number of the process that does a task of this key, and stays.
    fn process(&mut self, key: &str) -> i32 {
        let outcome = self.ask(HOUR, key, |_, _, _| Answer::More(own_number()));
        assert_eq!(outcome.verdict, Verdict::Ok, "{}", outcome.text);
        outcome.text.parse().unwrap()
    }
}

fn own_number() -> Outcome {
    Outcome::done(getpid().as_raw_nonzero().to_string())
}

fn exists(process: i32) -> bool {
    rustix::process::test_kill_process(rustix::process::Pid::from_raw(process).unwrap()).is_ok()
}

#[test]
fn who_stops_the_process_stops_nothing_else() {
    let outcome = Asker::new().ask(Duration::from_millis(100), "joe", |_, _, _| {
        stop();
        Answer::Last(Outcome::never(""))
    });
    assert_eq!((outcome.verdict, outcome.text.as_str()), (Verdict::Temporary, "It took too long: the limit. (#4.4.7)"));
    assert_eq!(outcome.scope, Scope::Interrupted, "nobody has said that the user was found");
}

#[test]
fn a_process_that_has_said_its_last_word_is_not_waited_for() {
    let began = Instant::now();
    let outcome = Asker::new().ask(HOUR, "joe", |_, _, report| {
        let _ = socket::send_packet(report, &Answer::Last(Outcome::done("done")).encode(), None);
        stop();
        Answer::Last(Outcome::never(""))
    });
    assert_eq!((outcome.verdict, outcome.text.as_str(), outcome.scope), (Verdict::Ok, "done", Scope::Message));
    assert!(began.elapsed() < HOUR / 60);
}

#[test]
fn a_process_that_says_nothing_has_put_its_task_off() {
    let outcome = Asker::new().ask(HOUR, "joe", |_, _, report| {
        let _ = socket::stop(report);
        stop();
        Answer::Last(Outcome::never(""))
    });
    assert_eq!((outcome.verdict, outcome.scope), (Verdict::Temporary, Scope::Interrupted), "{}", outcome.text);
}

#[test]
fn one_process_does_what_has_one_key_and_no_more() {
    let mut asker = Asker::new();
    let first = asker.process("joe");
    assert_eq!(asker.process("joe"), first);
    let second = asker.process("ann");
    assert_ne!(second, first);
    assert!(!exists(first), "the process of the former key is still there");
    asker.apart.rest();
    assert!(!exists(second), "nobody ended the process that waited");
}

#[test]
fn who_is_foreign_to_a_task_is_replaced() {
    let mut asker = Asker::new();
    let begin = |asker: &mut Asker| {
        let mut tasks = 0;
        let outcome = asker.ask(HOUR, "joe", move |_, _, _| {
            tasks += 1;
            if tasks == 2 { Answer::Foreign } else { Answer::More(own_number()) }
        });
        outcome.text
    };
    let first = begin(&mut asker);
    assert_ne!(begin(&mut asker), first);
}

#[test]
fn who_has_become_a_user_is_asked_nothing_more_whatever_it_says() {
    let mut asker = Asker::new();
    for answer in [Answer::More(own_number()), Answer::Several(vec![own_number()]), Answer::Leaves] {
        let packet = answer.encode();
        let said = asker.ask(HOUR, "", |_, _, report| {
            socket::send_packet(report, &Answer::Leaves.encode(), None).unwrap();
            socket::send_packet(report, &packet, None).unwrap();
            stop();
            Answer::Foreign
        });
        assert_eq!((said.verdict, asker.apart.is_kept()), (Verdict::Temporary, false), "{}", said.text);
    }
    let said = asker.ask(HOUR, "", |_, _, report| {
        socket::send_packet(report, &Answer::Leaves.encode(), None).unwrap();
        Answer::Last(Outcome::never("not here"))
    });
    assert_eq!((said.verdict, said.text.as_str()), (Verdict::Permanent, "not here"));
}

#[test]
fn a_process_that_cannot_close_what_is_not_for_it_does_nothing() {
    let (_asker, asked) = socket::pair(Style::Packets).unwrap();
    let task = Task { key: b"joe", packet: b"task", files: &[] };
    let own = || Err(std::io::ErrorKind::Other.into());
    let said = Apart::default().carry_out(limit(HOUR), asked.as_fd(), task, own, |_, _, _| Answer::More(Outcome::done("done"))).first;
    assert_eq!((said.verdict, said.scope), (Verdict::Temporary, Scope::Interrupted), "{}", said.text);
}

#[test]
fn a_process_that_was_ended_while_it_waited_is_replaced() {
    let mut asker = Asker::new();
    let first = asker.process("joe");
    // As its user may. It is seen to be gone when its end of the way is closed.
    kill_process(rustix::process::Pid::from_raw(first).unwrap(), Signal::KILL).unwrap();
    let link = asker.apart.kept.as_ref().unwrap().link.as_fd();
    poll::wait_two((link, Interest::Hangup), None, Some(Duration::from_secs(30))).unwrap();
    assert_ne!(asker.process("joe"), first);
}

#[test]
fn a_process_that_was_stopped_while_it_waited_delays_nobody_else() {
    let mut asker = Asker::new();
    let first = asker.process("joe");
    kill_process(rustix::process::Pid::from_raw(first).unwrap(), Signal::STOP).unwrap();
    assert_ne!(asker.process("ann"), first);
    assert!(!exists(first));
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
    let work = |_: &[u8], _, _: &OwnedFd| {
        descriptor::forget(&asker).unwrap();
        let mut child = program.start();
        descriptor::write_all(&tell, b"x").unwrap();
        let _ = child.wait();
        Answer::Last(Outcome::never(""))
    };
    let task = Task { key: b"joe", packet: b"task", files: &[] };
    let outcome = Apart::default().carry_out(limit(HOUR), asked.as_fd(), task, || Ok(()), work).first;
    asking.join().unwrap();
    assert!(outcome.text.starts_with("Nobody waits"), "{}", outcome.text);
    program.must_have_ended();
}

#[test]
fn what_a_killed_process_had_started_ends_with_it() {
    let program = Program::new();
    let outcome = Asker::new().ask(HOUR, "joe", |_, _, _| {
        let mut child = program.start();
        let _ = kill_process(getpid(), Signal::KILL);
        let _ = child.wait();
        Answer::Last(Outcome::never(""))
    });
    assert_eq!((outcome.text.as_str(), outcome.scope), ("It was ended by signal 9. (#4.3.0)", Scope::Interrupted));
    program.must_have_ended();
}

#[test]
fn a_process_sees_that_it_is_forsaken() {
    let (keeper, report) = socket::pair(Style::Packets).unwrap();
    assert!(!is_forsaken(report.as_fd()));
    drop(keeper);
    assert!(is_forsaken(report.as_fd()));
}
