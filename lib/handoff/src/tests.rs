use crate::{Answer, Client, Conversation, Parent, Service};
use stafett_log::Log;
use stafett_sys::descriptor;
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::process::{self, Fork, Pid};
use stafett_sys::signal::Signal;
use stafett_sys::socket::{Style, pair};
use std::os::fd::AsFd;
use std::path::Path;
use std::time::Duration;

/// Says its first string and its own pid; then waits for a byte or the end of the lifeline.
struct Echo;

impl Service for Echo {
    fn refresh(&mut self, _forced: bool) -> bool {
        false
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        let mut said = conversation.strings[0].clone();
        said.extend_from_slice(format!(" {}", Pid::own()).as_bytes());
        descriptor::write_all(&conversation.descriptor, &said).unwrap();
        let (talk, end) =
            wait_two((conversation.descriptor.as_fd(), Interest::Read), Some(conversation.lifeline.as_fd()), Some(Duration::from_secs(20)))
                .unwrap();
        if end.hangup {
            return 9;
        }
        i32::from(!talk.readable)
    }
}

/// As [`Echo`], for one client after the other; the first string names the client.
struct Clients;

impl Service for Clients {
    fn refresh(&mut self, forced: bool) -> bool {
        forced
    }

    fn key(&self, _door: usize, strings: &[&[u8]]) -> Option<Vec<u8>> {
        strings.first().map(|first| first.to_vec())
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        Echo.serve(conversation)
    }
}

/// Keeps a process from one conversation to the next, and says its number.
#[derive(Default)]
struct Keeper {
    kept: Option<std::process::Child>,
}

impl Service for Keeper {
    fn refresh(&mut self, _forced: bool) -> bool {
        false
    }

    fn key(&self, _door: usize, _strings: &[&[u8]]) -> Option<Vec<u8>> {
        Some(Vec::new())
    }

    fn serve(&mut self, conversation: Conversation) -> i32 {
        let kept = self.kept.get_or_insert_with(|| {
            std::process::Command::new("sleep")
                .arg("300")
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap()
        });
        descriptor::write_all(&conversation.descriptor, kept.id().to_string().as_bytes()).unwrap();
        0
    }

    fn leave(&mut self) {
        if let Some(mut kept) = self.kept.take() {
            kept.kill().unwrap();
            kept.wait().unwrap();
        }
    }
}

fn start(path: &Path, most: usize, mut service: impl Service) -> Pid {
    let parent = Parent::listen(Log::new("test"), path, &[], most).unwrap();
    match process::fork().unwrap() {
        Fork::Parent(pid) => pid,
        Fork::Child => {
            let done = parent.run(&mut service);
            process::exit_now(i32::from(done.is_err()));
        }
    }
}

fn next(client: &mut Client) -> Answer {
    loop {
        if let Some(answer) = client.answer().unwrap() {
            return answer;
        }
        wait_two((client.as_fd(), Interest::Read), None, Some(Duration::from_secs(20))).unwrap();
    }
}

fn read(from: impl AsFd) -> String {
    let mut buffer = [0; 200];
    let length = descriptor::read(from, &mut buffer).unwrap();
    String::from_utf8_lossy(&buffer[..length]).into_owned()
}

/// One whole conversation; the process that served it.
fn converse(client: &mut Client, tag: u64, name: &str) -> Pid {
    let (ours, theirs) = pair(Style::Stream).unwrap();
    client.hand_over(tag, &[name], theirs.as_fd()).unwrap();
    drop(theirs);
    let Answer::Started { tag: started, pid } = next(client) else { panic!("not started") };
    assert_eq!(started, tag);
    assert_eq!(read(&ours), format!("{name} {pid}"));
    descriptor::write_all(&ours, b"x").unwrap();
    assert_eq!(next(client), Answer::Ended { tag, status: 0 });
    pid
}

#[test]
fn what_a_child_keeps_is_ended_by_it_before_it_goes() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let parent = start(&path, 10, Keeper::default());
    let mut client = Client::connect(&path).unwrap();
    let mut ask = |tag| {
        let (ours, theirs) = pair(Style::Stream).unwrap();
        client.hand_over(tag, &["a"], theirs.as_fd()).unwrap();
        drop(theirs);
        let Answer::Started { pid, .. } = next(&mut client) else { panic!("not started") };
        assert_eq!(next(&mut client), Answer::Ended { tag, status: 0 });
        (pid, read(&ours))
    };
    let (child, kept) = ask(1);
    assert_eq!(ask(2), (child, kept.clone()));
    // It is there no more, not even as one that nobody has waited for.
    wait_until(|| !Path::new(&format!("/proc/{child}")).exists());
    assert!(!Path::new(&format!("/proc/{kept}")).exists());
    process::kill(parent, Signal::Terminate).unwrap();
    process::wait_for(parent).unwrap();
}

#[test]
fn a_client_that_comes_again_meets_its_process_and_nobody_elses() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let parent = start(&path, 10, Clients);
    let mut client = Client::connect(&path).unwrap();
    let first = converse(&mut client, 1, "a");
    assert_eq!(converse(&mut client, 2, "a"), first);
    let other = converse(&mut client, 3, "b");
    assert_ne!(other, first);
    assert_eq!(converse(&mut client, 4, "a"), first, "it still waited");

    process::kill(parent, Signal::Hangup).unwrap();
    let ended = |pid: Pid| wait_until(|| !Path::new(&format!("/proc/{pid}")).exists());
    ended(first);
    ended(other);
    let second = converse(&mut client, 5, "a");
    assert_ne!(second, first, "what was read again counts from the next conversation");
    ended(second); // it does not wait for long

    process::kill(parent, Signal::Terminate).unwrap();
    assert_eq!(process::wait_for(parent).unwrap(), process::Ending::Exited(0));
}

#[test]
fn a_process_that_dies_in_its_second_conversation_is_told_of() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let parent = start(&path, 10, Clients);
    let mut client = Client::connect(&path).unwrap();
    let pid = converse(&mut client, 1, "a");
    let (ours, theirs) = pair(Style::Stream).unwrap();
    client.hand_over(2, &["a"], theirs.as_fd()).unwrap();
    assert_eq!(next(&mut client), Answer::Started { tag: 2, pid });
    read(&ours);
    process::kill(pid, Signal::Kill).unwrap();
    assert_eq!(next(&mut client), Answer::Ended { tag: 2, status: 9 });
    assert_ne!(converse(&mut client, 3, "a"), pid);
    process::kill(parent, Signal::Terminate).unwrap();
    assert_eq!(process::wait_for(parent).unwrap(), process::Ending::Exited(0));
}

fn wait_until(done: impl Fn() -> bool) {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while !done() {
        assert!(std::time::Instant::now() < end, "it did not happen");
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[test]
fn a_conversation_is_born_served_counted_and_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let parent = start(&path, 2, Echo);
    let mut client = Client::connect(&path).unwrap();

    let (ours, theirs) = pair(Style::Stream).unwrap();
    client.hand_over(7, &["hello"], theirs.as_fd()).unwrap();
    drop(theirs);
    let Answer::Started { tag: 7, pid } = next(&mut client) else { panic!("not started") };
    assert_eq!(read(&ours), format!("hello {pid}"));
    descriptor::write_all(&ours, b"x").unwrap();
    assert_eq!(next(&mut client), Answer::Ended { tag: 7, status: 0 });

    let mut open = Vec::new();
    for tag in [1, 2] {
        let (ours, theirs) = pair(Style::Stream).unwrap();
        client.hand_over(tag, &["again"], theirs.as_fd()).unwrap();
        assert!(matches!(next(&mut client), Answer::Started { .. }));
        read(&ours);
        open.push(ours);
    }
    let (_ours, theirs) = pair(Style::Stream).unwrap();
    client.hand_over(3, &["too many"], theirs.as_fd()).unwrap();
    assert!(matches!(next(&mut client), Answer::Refused { tag: 3, .. }));

    process::kill(parent, Signal::Terminate).unwrap();
    assert_eq!(process::wait_for(parent).unwrap(), process::Ending::Exited(0));
    for ours in open {
        assert_eq!(read(&ours), "", "the lifeline ended the child, which closed the conversation");
    }
}

#[test]
fn a_caller_is_told_whether_somebody_serves_it() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let parent = start(&path, 1, Echo);
    let within = Duration::from_secs(30);
    let (ours, theirs) = pair(Style::Stream).unwrap();
    let mut first = Client::connect(&path).unwrap();
    first.hand_over(1, &["hello"], theirs.as_fd()).unwrap();
    let pid = first.started(1, within).unwrap();
    drop(theirs);
    assert_eq!(read(&ours), format!("hello {pid}"));

    let (_ours, theirs) = pair(Style::Stream).unwrap();
    let mut second = Client::connect(&path).unwrap();
    second.hand_over(1, &["too many"], theirs.as_fd()).unwrap();
    assert!(second.started(1, within).unwrap_err().to_string().contains("which is the limit"));
    // nothing was handed over, so nothing comes
    assert_eq!(second.started(1, Duration::from_millis(10)).unwrap_err().kind(), std::io::ErrorKind::TimedOut);

    process::kill(parent, Signal::Terminate).unwrap();
    assert_eq!(process::wait_for(parent).unwrap(), process::Ending::Exited(0));
    assert!(second.started(1, within).is_err());
}
