//! An instance in a temporary directory, with the service and what smtpd would ask of it.

use stafett_ask::{Answer, Verdict, ask};
use stafett_sys::user::Uid;
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

pub const PROGRAM: &str = env!("CARGO_BIN_EXE_stafett-auth");
const PATIENCE: Duration = Duration::from_secs(60);

/// Who serves when the test runs as root, which the program refuses.
const NOBODY: u32 = 65_534;

/// The verifier of `sesame`, cheap enough for tests; `echo -n sesame | argon2 somesaltsomesalt -id -t 1 -k 64 -p 1 -l 32 -e`.
pub const SESAME: &str = "$argon2id$v=19$m=64,t=1,p=1$c29tZXNhbHRzb21lc2FsdA$z8PUOL9AltsbdVFy5jA3qpgH0xqFNTlVPVDYA8jpwYE";

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
        for name in ["control", "run", "run/smtpd", "run/auth", "state", "state/auth"] {
            let path = directory.path().join(name);
            fs::create_dir(&path).unwrap();
            if Uid::effective().is_root() {
                chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
            }
        }
        let mut running = Running { directory, child: None };
        running.control("me", "relay.example\n");
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

    /// A program that the service can run; written by another process, for a thread that forks while we write would hold the
    /// file open, and nobody could execute it.
    pub fn program(&self, text: &str) -> String {
        let path = self.path("control/program");
        let script = "printf %s \"$1\" > \"$2\" && chmod 755 \"$2\"";
        assert!(Command::new("/bin/sh").args(["-c", script, "sh", text]).arg(&path).status().unwrap().success());
        path.display().to_string()
    }

    pub fn start(&mut self) {
        let mut command = if Uid::effective().is_root() { self.as_nobody() } else { Command::new(PROGRAM) };
        let log = fs::File::options().create(true).append(true).open(self.path("log")).unwrap();
        command.env("STAFETT", self.directory.path()).env("LANDLOCKWRITE", self.path("state"));
        self.child = Some(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap());
        self.until("the service does not come up", |running| running.asked(&["account", "name=x"]).is_ok());
    }

    fn as_nobody(&self) -> Command {
        let copy = self.path("stafett-auth");
        if !copy.exists() {
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

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// What it has taken, in ticks of 10 ms.
    pub fn processor_time(&self) -> u64 {
        let stat = fs::read_to_string(format!("/proc/{}/stat", self.pid())).unwrap();
        let fields: Vec<&str> = stat.rsplit(") ").next().unwrap().split(' ').collect();
        fields[11].parse::<u64>().unwrap() + fields[12].parse::<u64>().unwrap()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn asked(&self, question: &[&str]) -> std::io::Result<Answer> {
        let fields: Vec<&[u8]> = question.iter().map(|field| field.as_bytes()).collect();
        ask(&self.path("run/auth/socket"), &fields, None, PATIENCE)
    }

    /// What becomes of a password from an address: `yes`, or the word for the log.
    pub fn password(&self, name: &str, password: &str, ip: &str) -> String {
        let question = ["password", &format!("name={name}"), &format!("password={password}"), &format!("ip={ip}"), "tls=1"];
        word(&self.asked(&question).unwrap())
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

/// A field of an answer.
pub fn field(answer: &Answer, name: &str) -> String {
    let found = answer.fields.iter().find_map(|field| field.strip_prefix(name.as_bytes())?.strip_prefix(b"="));
    String::from_utf8_lossy(found.unwrap_or_default()).into_owned()
}

/// `yes`, or why not.
pub fn word(answer: &Answer) -> String {
    if answer.verdict == Verdict::Ok { "yes".to_owned() } else { field(answer, "reason") }
}
