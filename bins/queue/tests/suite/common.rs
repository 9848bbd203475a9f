//! Runs the program and stands for queued.

use stafett_envelope::Envelope;
use stafett_sys::poll::{Interest, wait_two};
use stafett_wire::netstring::Reader;
use std::fs::{self, File};
use std::io::{Read, Write};
use std::os::fd::{AsFd, AsRawFd, OwnedFd};
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::thread::JoinHandle;
use std::time::Duration;

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
    command: Command,
    text: Option<(File, OwnedFd)>,
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
        Run { command: direct(), text: None }.at(site.root())
    }

    pub fn at(mut self, root: &Path) -> Run {
        self.command.env("STAFETT", root);
        self
    }

    /// Gives it a pipe at descriptor 6.
    pub fn listening_for_text(mut self) -> Run {
        let (reader, writer) = stafett_sys::descriptor::pipe().unwrap();
        stafett_sys::descriptor::keep_across_exec(&writer).unwrap();
        let redirection = format!("exec \"$0\" 6>&{}", writer.as_fd().as_raw_fd());
        self.command = through_shell(&redirection, &self.command);
        self.text = Some((File::from(reader), writer));
        self
    }

    /// Gives it a file at descriptor 6.
    pub fn with_file_at_six(mut self, file: &Path) -> Run {
        self.command = through_shell(&format!("exec \"$0\" 6>'{}'", file.display()), &self.command);
        self
    }

    /// Bounds its memory, in KiB.
    pub fn with_memory(mut self, kibibytes: u32) -> Run {
        self.command = through_shell(&format!("ulimit -v {kibibytes}; exec \"$0\""), &self.command);
        self
    }

    /// Writes message and envelope as a caller does, message first.
    pub fn feed(self, message: &[u8], envelope: &[u8]) -> Ended {
        let Run { mut command, text } = self;
        let (envelope_end, mut envelope_pipe) = pipe();
        let (mut child, message_pipe) = start(&mut command, envelope_end);
        drop(command);
        let text = text.map(|(reader, _)| reader);
        // It may end before it has read everything.
        let _ = (&message_pipe).write_all(message);
        drop(message_pipe);
        let _ = envelope_pipe.write_all(envelope);
        drop(envelope_pipe);
        let code = child.wait().unwrap().code().unwrap();
        end(child, code, text)
    }
}

fn end(mut child: Child, code: i32, text: Option<File>) -> Ended {
    let mut ended = Ended { code, stderr: String::new(), text: String::new() };
    child.stderr.take().unwrap().read_to_string(&mut ended.stderr).unwrap();
    if let Some(mut reader) = text {
        reader.read_to_string(&mut ended.text).unwrap();
    }
    ended
}

fn start(command: &mut Command, envelope: File) -> (Child, File) {
    let (message_end, message_pipe) = pipe();
    let child = command.stdin(message_end).stdout(envelope).stderr(Stdio::piped()).spawn().unwrap();
    (child, message_pipe)
}

fn pipe() -> (File, File) {
    let (reader, writer) = stafett_sys::descriptor::pipe().unwrap();
    (File::from(reader), File::from(writer))
}

pub fn direct() -> Command {
    Command::new(env!("CARGO_BIN_EXE_stafett-queue"))
}

/// The shell sets up what std cannot; the program is its `$0`. Not every sh knows descriptors above 9, which the tests
/// beside this one may push ours to.
fn through_shell(line: &str, inner: &Command) -> Command {
    let mut command = Command::new("bash");
    command.arg("-c").arg(line).arg(inner.get_program());
    for (name, value) in inner.get_envs() {
        command.env(name, value.unwrap_or_default());
    }
    command
}

/// Runs a shell command line with the program as `$0`.
pub fn shell(site: &Site, line: &str) -> Output {
    Command::new("sh").arg("-c").arg(line).arg(env!("CARGO_BIN_EXE_stafett-queue")).env("STAFETT", site.root()).output().unwrap()
}
