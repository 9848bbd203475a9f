//! What the tests of the program share: an instance in a temporary directory, a queued that keeps messages in memory, and
//! a client.

#![allow(dead_code)] // each test program uses its own part
#![allow(clippy::unwrap_used)] // a test that cannot go on has failed

pub mod resident;

use std::fs;
use std::io::{ErrorKind, Read, Write};
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use stafett_ask::{Desk, Question, Service, Verdict};
use stafett_log::Log;
use stafett_wire::injector::Answer;
use stafett_wire::netstring::{self, Reader};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_stafett-smtpd");

/// The text of an envelope, and a message.
pub type Pair = (String, Vec<u8>);

/// What the fake queued has taken.
#[derive(Clone, Debug, Default)]
pub struct Taken(Arc<Mutex<Vec<Pair>>>);

impl Taken {
    pub fn all(&self) -> Vec<Pair> {
        self.0.lock().unwrap().clone()
    }
}

/// How the fake queued behaves.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mood {
    Accept,
    Full,
    Away,
    /// Takes everything and never answers a dot.
    HangUp,
}

pub struct Instance {
    pub directory: tempfile::TempDir,
    pub taken: Taken,
}

impl Instance {
    pub fn new(mood: Mood) -> Instance {
        let directory = tempfile::tempdir().unwrap();
        for path in ["control", "spool", "run/queue", "run/smtpd", "run/dnsbl"] {
            fs::create_dir_all(directory.path().join(path)).unwrap();
        }
        let instance = Instance { directory, taken: Taken::default() };
        instance.control("me", "relay.example\n");
        if mood != Mood::Away {
            let socket = instance.path("run/queue/socket");
            let listener = UnixListener::bind(&socket).unwrap();
            fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
            let taken = instance.taken.clone();
            std::thread::spawn(move || queued(&listener, mood, &taken));
        }
        instance
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Writes a control file, in one step as an editor does: one that is found empty is a file too.
    pub fn control(&self, name: &str, content: &str) {
        fs::write(self.path("control/.new"), content).unwrap();
        fs::rename(self.path("control/.new"), self.path("control").join(name)).unwrap();
    }

    /// Starts a stafett-dnsbl that finds this, each a part, a letter, a rule and a text.
    pub fn look(&self, findings: Vec<String>) {
        let path = self.path("run/dnsbl/socket");
        let (ready, is_ready) = std::sync::mpsc::channel();
        std::thread::spawn(move || {
            let desk = Desk::listen(Log::new("dnsbl"), &path, &[]).unwrap();
            ready.send(()).unwrap();
            desk.run(&mut Looks(findings))
        });
        is_ready.recv().unwrap();
    }

    /// A command with no variables but the instance's and these.
    pub fn command(&self, variables: &[(String, String)]) -> Command {
        let mut command = Command::new(PROGRAM);
        command.env_clear().env("STAFETT", self.directory.path()).env("PATH", "/usr/bin:/bin");
        command.envs(variables.iter().map(|(name, value)| (name, value)));
        command
    }

    /// The program in UCSPI mode with a socket for both descriptors.
    pub fn serve(&self, variables: &[(String, String)]) -> Client {
        Self::serve_by(self.command(variables))
    }

    /// The same by this command.
    pub fn serve_by(mut command: Command) -> Client {
        let (ours, theirs) = UnixStream::pair().unwrap();
        let both: OwnedFd = theirs.into();
        command.stdin(Stdio::from(both.try_clone().unwrap())).stdout(Stdio::from(both)).stderr(Stdio::piped());
        let child = command.spawn().unwrap();
        drop(command);
        Client::new(ours, Some(child))
    }
}

struct Looks(Vec<String>);

impl Service for Looks {
    fn refresh(&mut self, _forced: bool) {}

    fn take(&mut self, question: Question) {
        let finding = |part: &str| {
            let found = self.0.iter().find(|finding| finding.split(' ').next() == Some(part)).map_or("x K  ", String::as_str);
            found.splitn(4, ' ').skip(1).map(str::to_owned).collect::<Vec<_>>()
        };
        let parts = question.fields.iter().skip(4).map(|part| String::from_utf8_lossy(part).into_owned());
        let nothing = stafett_ask::Answer::new(Verdict::Ok, "looked");
        let add = |answer: stafett_ask::Answer, part: String| {
            let words = finding(&part);
            words.into_iter().fold(answer.with(part), |answer, word| answer.with(word))
        };
        let answer = parts.fold(nothing, add);
        question.answer(&answer);
    }
}

fn queued(listener: &UnixListener, mood: Mood, taken: &Taken) {
    for stream in listener.incoming() {
        let (stream, taken) = (stream.unwrap(), taken.clone());
        std::thread::spawn(move || serve_injector(stream, mood, &taken));
    }
}

fn serve_injector(stream: UnixStream, mood: Mood, taken: &Taken) {
    let mut out = stream.try_clone().unwrap();
    let mut reader = Reader::new(stream, 16 * 1024 * 1024);
    let mut message = (String::new(), Vec::new());
    while let Ok(Some(bytes)) = reader.next() {
        let answer = match bytes.split_first() {
            Some((b'E', text)) => {
                message.0 = String::from_utf8(text.to_vec()).unwrap();
                continue;
            }
            Some((b'D', data)) => {
                message.1.extend_from_slice(data);
                continue;
            }
            Some((b'.', [])) if mood == Mood::HangUp => return,
            _ if mood == Mood::Full => Answer::Temporary("452 4.3.1 the queue is full".into()),
            Some((b'.', [])) => {
                taken.0.lock().unwrap().push(std::mem::take(&mut message));
                Answer::Accepted("1763758000123456".into())
            }
            _ => Answer::Accepted("ok".into()),
        };
        let mut packet = Vec::new();
        netstring::push(&mut packet, &answer.encode());
        out.write_all(&packet).unwrap();
    }
}

/// The test's end of a connection.
pub struct Client {
    stream: UnixStream,
    buffer: Vec<u8>,
    child: Option<Child>,
}

impl Client {
    pub fn new(stream: UnixStream, child: Option<Child>) -> Client {
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream.set_write_timeout(Some(Duration::from_secs(20))).unwrap();
        Client { stream, buffer: Vec::new(), child }
    }

    pub fn send(&mut self, bytes: &[u8]) {
        // a server that has hung up shows in what it said before
        let _ = self.stream.write_all(bytes);
    }

    /// The next line without its CR LF; empty at the end.
    pub fn line(&mut self) -> String {
        loop {
            if let Some(end) = self.buffer.windows(2).position(|pair| pair == b"\r\n") {
                let line = String::from_utf8(self.buffer[..end].to_vec()).unwrap();
                self.buffer.drain(..end + 2);
                return line;
            }
            let mut piece = [0; 4096];
            match self.stream.read(&mut piece) {
                // Of a child that another test has waited for, in a thread that blocks the signal.
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => return String::from_utf8_lossy(&std::mem::take(&mut self.buffer)).into_owned(),
                Ok(length) => self.buffer.extend_from_slice(&piece[..length]),
            }
        }
    }

    /// A whole reply: its last line.
    pub fn reply(&mut self) -> String {
        loop {
            let line = self.line();
            if line.as_bytes().get(3) != Some(&b'-') {
                return line;
            }
        }
    }

    /// Sends a command and gives the last line of the reply.
    pub fn ask(&mut self, command: &str) -> String {
        self.send(format!("{command}\r\n").as_bytes());
        self.reply()
    }

    /// Reads the greeting.
    pub fn greeted(&mut self) {
        let greeting = self.reply();
        assert!(greeting.starts_with("220 "), "{greeting}");
    }

    /// From the greeting to an open transaction.
    pub fn open(&mut self, sender: &str, recipient: &str) {
        self.greeted();
        assert!(self.ask("EHLO client.example").starts_with("250 "));
        assert_eq!(self.ask(&format!("MAIL FROM:<{sender}>")), "250 2.1.0 ok");
        assert_eq!(self.ask(&format!("RCPT TO:<{recipient}>")), "250 2.1.5 ok");
    }

    pub fn hang_up(&self) {
        let _ = self.stream.shutdown(std::net::Shutdown::Both);
    }

    /// Waits for the program's end: exit code and log.
    pub fn end(mut self) -> (Option<i32>, String) {
        drop(self.stream);
        let mut child = self.child.take().unwrap();
        let mut log = String::new();
        child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (child.wait().unwrap().code(), log)
    }
}

/// Writes a program. Another process does so: a child that another test's thread forks just now would hold our descriptor,
/// and a file that is open for writing cannot be executed.
pub fn write_program(path: &std::path::Path, text: &str) {
    let script = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
    let done = Command::new("/bin/sh").args(["-c", script, "sh", text]).arg(path).status().unwrap();
    assert!(done.success());
}

pub fn variables(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}
