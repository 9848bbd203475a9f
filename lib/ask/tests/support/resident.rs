//! A service that is asked over its socket, as a process in an instance of its own: what the tests of several services have in
//! common, which include this file and add what they ask of theirs.
//!
//! How it fails: by panic, with what the service has logged.

use stafett_ask::{Answer, ask};
use stafett_sys::process::{Pid, kill};
use stafett_sys::signal::Signal;
use stafett_sys::user::Uid;
use std::fs;
use std::io;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

/// Longer than any wait that a test provokes.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Who serves when the tests run as root, which the programs refuse to be.
const NOBODY: u32 = 65_534;

/// What the service is.
#[derive(Clone, Copy)]
pub struct Kind {
    /// Its name, which is that of its directories.
    pub service: &'static str,
    /// Who asks it.
    pub caller: &'static str,
    /// Its program.
    pub program: &'static str,
    /// What it always answers once it serves.
    pub hello: &'static [&'static str],
    /// Completes its command, in this directory.
    pub complete: fn(&mut Command, &Path),
}

/// The service.
pub struct Resident {
    /// The instance.
    pub directory: tempfile::TempDir,
    kind: Kind,
    child: Option<Child>,
}

impl Resident {
    /// An instance with these control files, where it serves.
    pub fn serving(kind: Kind, control: &[(&str, &str)]) -> Resident {
        let mut resident = Resident::prepare(kind, control);
        resident.run();
        resident
    }

    /// An instance for it, where it does not serve yet.
    pub fn prepare(kind: Kind, control: &[(&str, &str)]) -> Resident {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let Kind { service, caller, program, .. } = kind;
        let own = [format!("run/{caller}"), format!("run/{service}"), "state".to_owned(), format!("state/{service}")];
        for name in [".", "control"].into_iter().chain(own.iter().map(String::as_str)) {
            let path = directory.path().join(name);
            fs::create_dir_all(&path).unwrap();
            if Uid::effective().is_root() {
                chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        // By another process: a thread that forks while we write would hold the file open, and nobody could execute it.
        let copied = Command::new("install").args(["-m", "755", program]).arg(directory.path().join("program")).status();
        assert!(copied.unwrap().success());
        let resident = Resident { directory, kind, child: None };
        control.iter().for_each(|(name, text)| resident.control(name, text));
        resident
    }

    /// Starts it, and waits until it serves.
    pub fn run(&mut self) {
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        let mut command = Command::new(self.path("program"));
        command.env("STAFETT", self.directory.path()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        (self.kind.complete)(&mut command, self.directory.path());
        if Uid::effective().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        self.child = Some(command.spawn().unwrap());
        self.until("the service does not come up", || self.asked(self.kind.hello).is_ok());
    }

    /// Ends it with TERM, as a supervisor does.
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        kill(Pid(child.id().cast_signed()), Signal::Terminate).unwrap();
        assert!(child.wait().unwrap().success(), "{}", self.log());
    }

    /// Ends it with TERM, does something to its directory, and starts it anew.
    pub fn restart(&mut self, meanwhile: impl FnOnce(&Path)) {
        self.stop();
        meanwhile(self.directory.path());
        self.run();
    }

    /// Ends it as a crash would.
    pub fn crash(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// A path in the instance.
    pub fn path(&self, name: impl AsRef<Path>) -> PathBuf {
        self.directory.path().join(name)
    }

    /// Its socket.
    pub fn socket(&self) -> PathBuf {
        self.path("run").join(self.kind.service).join("socket")
    }

    /// Writes a control file, whole.
    pub fn control(&self, name: &str, text: &str) {
        fs::write(self.path("control/.new"), text).unwrap();
        fs::rename(self.path("control/.new"), self.path("control").join(name)).unwrap();
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    /// Its answer.
    pub fn asked(&self, question: &[&str]) -> io::Result<Answer> {
        self.asked_with(question, None)
    }

    /// As [`Resident::asked`], with a descriptor.
    pub fn asked_with(&self, question: &[&str], end: Option<BorrowedFd<'_>>) -> io::Result<Answer> {
        let fields: Vec<&[u8]> = question.iter().map(|field| field.as_bytes()).collect();
        ask(&self.socket(), &fields, end, PATIENCE)
    }

    /// Its answer, which must be one.
    pub fn question(&self, question: &[&str]) -> Answer {
        self.asked(question).unwrap_or_else(|error| panic!("{error}: {}", self.log()))
    }

    /// Waits until the log says so.
    pub fn wait_for_log(&self, text: &str) {
        self.until(&format!("no \"{text}\""), || self.log().contains(text));
    }

    /// Waits until it is so.
    pub fn until(&self, complaint: &str, mut is_so: impl FnMut() -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_so() {
            assert!(Instant::now() < deadline, "{complaint}\n{}", self.log());
            sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Resident {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
