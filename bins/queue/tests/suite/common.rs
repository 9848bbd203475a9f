//! Runs the program and stands for queued.

use stafett_envelope::Envelope;
use stafett_sys::poll::{Interest, wait_two};
use stafett_wire::netstring::Reader;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::AsFd;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

const PROGRAM: &str = env!("CARGO_BIN_EXE_stafett-queue");

pub const ENVELOPE: &[u8] = b"Fs@example.org\0Ta@example.net\0Tb@example.net\0\0";

/// A directory with run/queue, as much of an instance as the program looks at.
pub struct Site(tempfile::TempDir);

impl Site {
    pub fn new() -> Site {
        let site = Site(tempfile::tempdir().unwrap());
        fs::create_dir_all(site.0.path().join("run/queue")).unwrap();
        site
    }

    pub fn socket(&self) -> PathBuf {
        self.0.path().join("run/queue/socket")
    }

    pub fn root(&self) -> &Path {
        self.0.path()
    }

    /// Answers one caller with these bytes and returns what it sent.
    pub fn answering(&self, answer: &'static [u8]) -> JoinHandle<Sent> {
        let listener = UnixListener::bind(self.socket()).unwrap();
        std::thread::spawn(move || receive(&listener, answer))
    }

    pub fn queue(&self, message: &[u8], envelope: &[u8]) -> Ended {
        Run::new(self).feed(message, envelope)
    }
}

/// What a caller sent.
#[derive(Debug, Default)]
pub struct Sent {
    pub message: Vec<u8>,
    pub envelope: Option<Envelope>,
    /// It ended with `.`.
    pub whole: bool,
}

fn receive(listener: &UnixListener, answer: &[u8]) -> Sent {
    let patience = Some(Duration::from_secs(20));
    let (called, _) = wait_two((listener.as_fd(), Interest::Read), None, patience).unwrap();
    assert!(called.readable, "nobody called");
    let (stream, _) = listener.accept().unwrap();
    let mut reader = Reader::new(&stream, 64 * 1024);
    let (mut sent, mut envelope) = (Sent::default(), Vec::new());
    while let Ok(Some(bytes)) = reader.next() {
        match bytes.split_first() {
            Some((b'D', piece)) => sent.message.extend_from_slice(piece),
            Some((b'E', piece)) => envelope.extend_from_slice(piece),
            Some((b'.', [])) => {
                sent.whole = true;
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    sent.envelope = Envelope::parse(&envelope).ok();
    let _ = (&stream).write_all(answer);
    sent
}

/// One run that is to be started.
pub struct Run {
    root: PathBuf,
    /// Shell words in front of the program's start, and its redirection of descriptor 6.
    before: String,
    six: String,
    /// Where its messages are if the pipe of descriptor 2 serves as 6.
    words: Option<PathBuf>,
}

/// How a run ended.
#[derive(Debug)]
pub struct Ended {
    pub code: i32,
    pub stderr: String,
    /// What came on descriptor 6.
    pub text: String,
}

impl Run {
    pub fn new(site: &Site) -> Run {
        // Whoever runs the tests may have something open there.
        Run { root: site.root().to_path_buf(), before: String::new(), six: "6>&-".to_owned(), words: None }
    }

    pub fn at(mut self, root: &Path) -> Run {
        self.root = root.to_path_buf();
        self
    }

    /// Gives it a pipe at descriptor 6.
    pub fn listening_for_text(mut self) -> Run {
        // The pipe of descriptor 2 moves to 6, and messages go to a file: a pipe of our own that stays open across an
        // exec would be inherited by the programs that other tests start at the same time.
        let words = self.root.join("words");
        self.six = format!("6>&2 2>'{}'", words.display());
        self.words = Some(words);
        self
    }

    /// Gives it a file at descriptor 6.
    pub fn with_file_at_six(mut self, file: &Path) -> Run {
        self.six = format!("6>'{}'", file.display());
        self
    }

    /// Bounds its memory, in KiB.
    pub fn with_memory(mut self, kibibytes: u32) -> Run {
        self.before = format!("ulimit -v {kibibytes}; ");
        self
    }

    /// Writes message and envelope as a caller does, message first.
    pub fn feed(self, message: &[u8], envelope: &[u8]) -> Ended {
        let (envelope_end, mut envelope_pipe) = pipe();
        let (mut child, message_pipe) = self.start(envelope_end);
        // It may end before it has read everything.
        let _ = (&message_pipe).write_all(message);
        drop(message_pipe);
        let _ = envelope_pipe.write_all(envelope);
        drop(envelope_pipe);
        let code = child.wait().unwrap().code().unwrap();
        let mut piped = String::new();
        child.stderr.take().unwrap().read_to_string(&mut piped).unwrap();
        match self.words {
            Some(file) => Ended { code, stderr: fs::read_to_string(file).unwrap(), text: piped },
            None => Ended { code, stderr: piped, text: String::new() },
        }
    }

    /// The shell sets up what std cannot; the program is its `$0`.
    fn start(&self, envelope: File) -> (Child, File) {
        let (message_end, message_pipe) = pipe();
        let line = format!("{}exec \"$0\" {}", self.before, self.six);
        let mut command = Command::new("sh");
        command.arg("-c").arg(line).arg(PROGRAM).env("STAFETT", &self.root);
        let child = command.stdin(message_end).stdout(envelope).stderr(Stdio::piped()).spawn().unwrap();
        (child, message_pipe)
    }
}

fn pipe() -> (File, File) {
    let (reader, writer) = stafett_sys::descriptor::pipe().unwrap();
    (File::from(reader), File::from(writer))
}

/// Runs a shell command line with the program as `$0`.
pub fn shell(site: &Site, line: &str) -> Output {
    Command::new("sh").arg("-c").arg(line).arg(PROGRAM).env("STAFETT", site.root()).output().unwrap()
}
