//! An instance in a temporary directory, with the service and what smtpd would ask of it.

use stafett_ask::{Answer, Verdict, ask};
use stafett_sys::user::Uid;
use std::fs;
use std::os::fd::BorrowedFd;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_stafett-limit");
const PATIENCE: Duration = Duration::from_secs(30);

/// Who serves when the test runs as root, which the program refuses.
const NOBODY: u32 = 65_534;

/// The service.
pub struct Running {
    pub directory: tempfile::TempDir,
    child: Option<Child>,
}

impl Running {
    /// Started with these control files.
    pub fn new(files: &[(&str, &str)]) -> Running {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        for name in ["control", "run", "run/smtpd", "run/limit", "state", "state/limit"] {
            let path = directory.path().join(name);
            fs::create_dir(&path).unwrap();
            if Uid::effective().is_root() {
                chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let mut running = Running { directory, child: None };
        files.iter().for_each(|(name, text)| running.control(name, text));
        running.start();
        running
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn control(&self, name: &str, text: &str) {
        fs::write(self.path("control/.new"), text).unwrap();
        fs::rename(self.path("control/.new"), self.path("control").join(name)).unwrap();
    }

    pub fn start(&mut self) {
        let mut command = if Uid::effective().is_root() { self.as_nobody() } else { Command::new(PROGRAM) };
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        command.arg("--resident").env("STAFETT", self.directory.path()).env("TZ", "UTC");
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.until("the service does not come up", |running| running.asked(&["connection", "ip=198.51.100.255", "dry=1"]).is_ok());
    }

    fn as_nobody(&self) -> Command {
        let copy = self.path("stafett-limit");
        if !copy.exists() {
            // by another process: a thread that forks while we write would hold the file open, and nobody could execute it
            assert!(Command::new("install").args(["-m", "755", PROGRAM]).arg(&copy).status().unwrap().success());
        }
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(copy);
        command
    }

    /// Ends it with TERM, as a supervisor does.
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        let pid = stafett_sys::process::Pid(child.id().cast_signed());
        stafett_sys::process::kill(pid, stafett_sys::signal::Signal::Terminate).unwrap();
        assert!(child.wait().unwrap().success(), "{}", self.log());
    }

    /// Ends it as a crash would.
    pub fn crash(&mut self) {
        let mut child = self.child.take().unwrap();
        child.kill().unwrap();
        child.wait().unwrap();
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn asked(&self, question: &[&str]) -> std::io::Result<Answer> {
        self.asked_with(question, None)
    }

    pub fn asked_with(&self, question: &[&str], end: Option<BorrowedFd<'_>>) -> std::io::Result<Answer> {
        let fields: Vec<&[u8]> = question.iter().map(|field| field.as_bytes()).collect();
        ask(&self.path("run/limit/socket"), &fields, end, PATIENCE)
    }

    pub fn passes(&self, question: &[&str]) -> bool {
        self.asked(question).unwrap().verdict == Verdict::Ok
    }

    /// How many of so many pass.
    pub fn passing(&self, question: &[&str], times: usize) -> usize {
        (0..times).filter(|_| self.passes(question)).count()
    }

    /// The admin's tool: exit code and what it said.
    pub fn tool(&self, arguments: &[&str]) -> (i32, String) {
        let Output { status, stdout, stderr } = Command::new(PROGRAM).arg(self.directory.path()).args(arguments).output().unwrap();
        (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }

    pub fn until(&self, complaint: &str, mut done: impl FnMut(&Running) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !done(self) {
            assert!(Instant::now() < deadline, "{complaint}\n{}", self.log());
            std::thread::sleep(Duration::from_millis(10));
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}
