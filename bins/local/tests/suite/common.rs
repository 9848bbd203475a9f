//! A home, and one delivery into it as qmail-local(8) would be called.

use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use stafett_sys::user::Uid;

/// Whom the deliveries run as when the tests run as root, which a recipient never is.
pub const NOBODY: u32 = 65534;

pub const MESSAGE: &str = "Received: by relay.example; Thu, 1 Jan 1970 00:00:00 +0000\nSubject: hello\n\nFrom here\nto there\n";

pub struct Home {
    directory: tempfile::TempDir,
}

impl Home {
    pub fn new() -> Home {
        let directory = tempfile::tempdir().unwrap();
        for name in ["home", "control", "run", "run/queue"] {
            fs::create_dir(directory.path().join(name)).unwrap();
        }
        fs::copy(env!("CARGO_BIN_EXE_stafett-local"), directory.path().join("stafett-local")).unwrap();
        let home = Home { directory };
        home.set_mode("..", 0o755);
        home.set_mode("", 0o755);
        home.give("");
        home.give("../run/queue");
        // Once nobody has our copy open for writing any more, nobody ever will.
        spawn(Command::new(home.path("../stafett-local")).stderr(Stdio::null())).wait().unwrap();
        home
    }

    /// A path below the home.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join("home").join(name)
    }

    /// Makes a path the recipient's.
    pub fn give(&self, name: &str) {
        if Uid::effective().is_root() {
            chown(self.path(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    pub fn set_mode(&self, name: &str, mode: u32) {
        fs::set_permissions(self.path(name), fs::Permissions::from_mode(mode)).unwrap();
    }

    /// Writes a file of the recipient's.
    pub fn write(&self, name: &str, text: &str) {
        fs::write(self.path(name), text).unwrap();
        self.give(name);
    }

    pub fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Makes a Maildir.
    pub fn maildir(&self, name: &str) {
        for part in ["", "tmp", "new", "cur"] {
            fs::create_dir(self.path(name).join(part)).unwrap();
            self.give(&format!("{name}/{part}"));
        }
    }

    /// The texts of the files in a directory.
    pub fn files(&self, name: &str) -> Vec<(String, String)> {
        let entries = fs::read_dir(self.path(name)).unwrap().map(|entry| entry.unwrap());
        let read = |path: &Path| fs::read_to_string(path).unwrap();
        entries.map(|entry| (entry.file_name().into_string().unwrap(), read(&entry.path()))).collect()
    }

    pub fn command(&self, ext: &str, sender: &str) -> Command {
        let program = self.directory.path().join("stafett-local");
        let mut command = Command::new(&program);
        if Uid::effective().is_root() {
            command = Command::new("setpriv");
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(&program);
        }
        let (dash, local) = if ext.is_empty() { ("", "joe".to_owned()) } else { ("-", format!("joe-{ext}")) };
        command.arg("--").arg("joe").arg(self.path("")).args([&local, dash, ext, "mail.example.org", sender, "./Maildir/"]);
        command.env("STAFETT", self.directory.path()).env("LD_LIBRARY_PATH", "evil");
        command
    }

    pub fn deliver(&self, ext: &str) -> Delivered {
        self.deliver_from(ext, "a@example.net", MESSAGE)
    }

    pub fn deliver_from(&self, ext: &str, sender: &str, message: &str) -> Delivered {
        self.run(self.command(ext, sender), message)
    }

    /// What would be done, with a standard input at which nobody writes.
    pub fn tell(&self, ext: &str) -> Delivered {
        let inner = self.command(ext, "");
        let mut command = Command::new(inner.get_program());
        command.args(inner.get_args().map(|word| if word == "--" { "-n".as_ref() } else { word }));
        command.env("STAFETT", self.directory.path()).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = spawn(&mut command);
        let quiet = child.stdin.take();
        let told = Delivered::of(child.wait_with_output().unwrap());
        drop(quiet);
        told
    }

    pub fn run(&self, mut command: Command, message: &str) -> Delivered {
        let path = self.directory.path().join("message");
        fs::write(&path, message).unwrap();
        command.stdin(fs::File::open(&path).unwrap()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Delivered::of(spawn(&mut command).wait_with_output().unwrap())
    }
}

/// A child that another test's thread forks may hold our copy of the program open for writing for a moment.
pub fn spawn(command: &mut Command) -> Child {
    for _ in 0..500 {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => std::thread::sleep(Duration::from_millis(10)),
            other => return other.unwrap(),
        }
    }
    panic!("the program's file stays busy");
}

pub fn wait_until(mut done: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !done() {
        assert!(begin.elapsed() < Duration::from_secs(60), "waited in vain");
        std::thread::sleep(Duration::from_millis(10));
    }
}

#[derive(Debug)]
pub struct Delivered {
    pub code: Option<i32>,
    pub text: String,
}

impl Delivered {
    fn of(output: Output) -> Delivered {
        let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8(output.stderr).unwrap();
        Delivered { code: output.status.code(), text }
    }

    #[track_caller]
    pub fn must(self, code: i32, words: &str) -> Delivered {
        assert_eq!(self.code, Some(code), "{}", self.text);
        assert!(self.text.contains(words), "{}", self.text);
        self
    }
}
