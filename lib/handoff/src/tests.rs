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
    fn refresh(&mut self, _forced: bool) {}

    fn serve(&mut self, conversation: Conversation) -> i32 {
        let mut said = conversation.strings[0].clone();
        said.extend_from_slice(format!(" {}", Pid::own()).as_bytes());
        descriptor::write_all(&conversation.descriptor, &said).unwrap();
        let (talk, end) = wait_two(
            (conversation.descriptor.as_fd(), Interest::Read),
            Some(conversation.lifeline.as_fd()),
            Some(Duration::from_secs(20)),
        )
        .unwrap();
        if end.hangup {
            return 9;
        }
        i32::from(!talk.readable)
    }
}

fn start(path: &Path, most: usize) -> Pid {
    let parent = Parent::listen(Log::new("test"), path, &[], most).unwrap();
    match process::fork().unwrap() {
        Fork::Parent(pid) => pid,
        Fork::Child => {
            let done = parent.run(&mut Echo);
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

// One test: children of a threaded test process must not be born in parallel.
#[test]
fn a_conversation_is_born_served_counted_and_ended() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("socket");
    let parent = start(&path, 2);
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
