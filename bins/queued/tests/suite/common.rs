//! An instance with queued alone, and a caller of it.

use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::{Entry, Id, Place, Store};
use stafett_sys::process::{self, Pid};
use stafett_sys::signal::Signal;
use stafett_wire::injector::Answer;
use stafett_wire::netstring::{self, Reader};
use std::fs;
use std::io::Write;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Whom queued runs as when the tests run as root, which it refuses to be.
pub const NOBODY: u32 = 65534;

pub fn is_root() -> bool {
    stafett_sys::user::Uid::effective().is_root()
}

pub struct Site {
    directory: tempfile::TempDir,
    child: Option<Child>,
}

impl Site {
    /// An instance that is not started.
    pub fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let site = Site { directory, child: None };
        for name in [
            "control",
            "queue",
            "queue/tmp",
            "queue/new",
            "queue/cur",
            "queue/hold",
            "queue/bad",
            "run",
            "run/queue",
            "run/send",
            "run/smtpd",
        ] {
            fs::create_dir(site.path(name)).unwrap();
            site.give(name, NOBODY);
        }
        // By a process of its own: what another test's thread forks would hold a file that is written here, and it could not be run.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_stafett-queued")).arg(site.path("stafett-queued")).status();
        assert!(copied.unwrap().success());
        site.control("me", "relay.example");
        site
    }

    pub fn started() -> Site {
        let mut site = Site::new();
        site.start();
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Makes a path belong to a user, where the tests run as root.
    pub fn give(&self, name: &str, user: u32) {
        if is_root() {
            chown(self.path(name), Some(user), Some(user)).unwrap();
        }
    }

    /// Writes a control file, in one step as an editor does: one that is found empty is a file too.
    pub fn control(&self, name: &str, text: &str) {
        fs::write(self.path("control/.new"), format!("{text}\n")).unwrap();
        fs::rename(self.path("control/.new"), self.path("control").join(name)).unwrap();
    }

    pub fn command(&self) -> Command {
        let program = self.path("stafett-queued");
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(program);
            command
        } else {
            Command::new(program)
        };
        command.env("STAFETT", self.directory.path()).stdin(Stdio::null());
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("log")).unwrap();
        command.stderr(log);
        command
    }

    pub fn start(&mut self) {
        let ready = self.log().matches("status: ready").count();
        self.child = Some(self.command().spawn().unwrap());
        wait_until("queued is ready", || self.log().matches("status: ready").count() > ready);
    }

    /// Runs it to its end, which must be a failure.
    pub fn start_in_vain(&self) -> String {
        let status = self.command().status().unwrap();
        assert_eq!(status.code(), Some(111), "{}", self.log());
        self.log()
    }

    pub fn signal(&self, signal: Signal) {
        let pid = self.child.as_ref().unwrap().id();
        process::kill(Pid(i32::try_from(pid).unwrap()), signal).unwrap();
    }

    /// Waits for the end of the process.
    pub fn ended(&mut self) -> ExitStatus {
        let mut child = self.child.take().unwrap();
        let mut status = None;
        wait_until("queued has ended", || {
            status = child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }

    pub fn stop(&mut self) {
        self.signal(Signal::Terminate);
        assert!(self.ended().success(), "{}", self.log());
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn call(&self) -> Caller {
        Caller::new(&self.path("run/queue/socket"))
    }

    /// The names in a directory of the queue, sorted.
    pub fn names(&self, place: &str) -> Vec<String> {
        let mut names: Vec<_> =
            fs::read_dir(self.path("queue").join(place)).unwrap().map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// Nothing is queued, and nothing is left of what was tried.
    pub fn assert_empty(&self, why: &str) {
        wait_until(why, || self.names("tmp").is_empty());
        assert!(self.names("new").is_empty(), "{why}");
    }

    /// A message that must be there and whole.
    pub fn entry(&self, id: &str, size: usize) -> Entry {
        let store = Store::open(&self.path("queue")).unwrap();
        store.read(Id::parse(id).unwrap(), size as u64, Place::New).unwrap().unwrap()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

/// One connection to queued.
pub struct Caller(UnixStream);

impl Caller {
    fn new(socket: &Path) -> Caller {
        let stream = UnixStream::connect(socket).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        Caller(stream)
    }

    /// Sends each as one netstring.
    pub fn say(&mut self, pieces: &[&[u8]]) {
        let mut out = Vec::new();
        pieces.iter().for_each(|piece| netstring::push(&mut out, piece));
        self.raw(&out);
    }

    /// Sends bytes as they are. queued may have hung up already.
    pub fn raw(&mut self, bytes: &[u8]) {
        let _ = self.0.write_all(bytes);
    }

    pub fn close_writing(&mut self) {
        self.0.shutdown(std::net::Shutdown::Write).unwrap();
    }

    /// The next answer; `None` when queued hangs up.
    pub fn hear(&mut self) -> Option<Answer> {
        Caller::hear_on(&self.0)
    }

    pub fn hear_on(stream: &UnixStream) -> Option<Answer> {
        Reader::new(stream, 1024).next().ok()?.map(|bytes| Answer::parse(bytes).unwrap())
    }

    /// A whole message. Returns its id, which must be given.
    pub fn inject(&mut self, envelope: &[u8], message: &[u8]) -> String {
        self.say(&[&letter(b'E', envelope), &letter(b'D', message), b"."]);
        match self.hear() {
            Some(Answer::Accepted(id)) => id,
            other => panic!("{other:?}"),
        }
    }
}

/// A letter and what belongs to it.
pub fn letter(letter: u8, bytes: &[u8]) -> Vec<u8> {
    [&[letter], bytes].concat()
}

pub const MESSAGE: &[u8] = b"Subject: x\r\n\r\nhello\r\n";

pub fn envelope() -> Vec<u8> {
    text(&Envelope { sender: "s@example.org".into(), recipients: vec![Recipient::new("a@example.net")], ..Envelope::default() })
}

pub fn text(envelope: &Envelope) -> Vec<u8> {
    let mut text = Vec::new();
    envelope.write(&mut text);
    text
}

pub fn wait_until(what: &str, mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(20), "waited in vain: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}
