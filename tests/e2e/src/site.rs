//! One instance, as an admin has it.

use crate::process::{Process, below, kill, signal};
use crate::{bin, free_port, ground, is_root, program, scratch, wait_until};
use nix::sys::signal::Signal;
use std::fs;
use std::net::{SocketAddr, TcpStream};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::sync::Mutex;
use std::time::Duration;

/// What the names of the test instances' users begin with.
pub const USER_PREFIX: &str = "sttest";

/// The user and group nobody and nogroup of Debian.
const NOBODY: u32 = 65_534;

/// Two installers at once would make the same users.
static INSTALLER: Mutex<()> = Mutex::new(());

/// What runs the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supervisor {
    /// runsvdir of runit.
    Runit,
    /// svscan of daemontools.
    Daemontools,
}

/// An instance; ended and removed when dropped (kept when the test fails).
#[derive(Debug)]
pub struct Site {
    place: Option<tempfile::TempDir>,
    root: PathBuf,
    port: u16,
    supervisor: Option<(Supervisor, Child)>,
    /// Made and run by an ordinary user although the tests run as root.
    by_nobody: bool,
}

impl Site {
    /// Makes an instance that is not started yet. control/ holds `me` and what setup puts there.
    pub fn new() -> Site {
        let place = scratch();
        let root = place.path().join("i");
        Site::in_directory(Some(place), root, false)
    }

    /// As [`Site::new`], made and run by the user nobody; for tests that run as root.
    pub fn of_nobody() -> Site {
        let place = scratch();
        let root = place.path().join("i");
        std::os::unix::fs::chown(place.path(), Some(NOBODY), Some(NOBODY)).unwrap();
        Site::in_directory(Some(place), root, true)
    }

    /// Makes an instance in a directory that the test brings.
    pub fn at(root: PathBuf) -> Site {
        Site::in_directory(None, root, false)
    }

    fn in_directory(place: Option<tempfile::TempDir>, root: PathBuf, by_nobody: bool) -> Site {
        let site = Site { place, root, port: free_port(), supervisor: None, by_nobody };
        let made = site.setup(&[]);
        assert!(made.status.success(), "stafett-setup: {}{}", String::from_utf8_lossy(&made.stdout), String::from_utf8_lossy(&made.stderr));
        site
    }

    /// An instance that relays taken.test to one sink, started under runit.
    pub fn relaying_to(sink: &crate::Sink) -> Site {
        let mut site = Site::new();
        site.control("rcpthosts", "taken.test\n.taken.test\n");
        site.control("smtproutes", &sink.route());
        site.start(Supervisor::Runit);
        site
    }

    /// Runs stafett-setup on it with further arguments, as it was made.
    pub fn setup(&self, further: &[&str]) -> Output {
        let _one_at_a_time = INSTALLER.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        self.setup_command().args(further).stdin(Stdio::null()).output().unwrap()
    }

    fn setup_command(&self) -> Command {
        let mut command = self.as_owner(&program("stafett-setup"));
        command
            .arg(&self.root)
            .args(["--me", "relay.test", "--port", &self.port.to_string(), "--address", "127.0.0.1", "--bin"])
            .arg(bin());
        if is_root() && !self.by_nobody {
            command.args(["--user-prefix", USER_PREFIX]);
        }
        command
    }

    /// A command as the user who owns the instance.
    fn as_owner(&self, program: &Path) -> Command {
        if !self.by_nobody {
            return Command::new(program);
        }
        let mut command = Command::new("setpriv");
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(program);
        command
    }

    /// Its directory.
    pub fn root(&self) -> &Path {
        &self.root
    }

    /// A path below its directory.
    pub fn path(&self, name: &str) -> PathBuf {
        self.root.join(name)
    }

    /// The port of its listener.
    pub fn port(&self) -> u16 {
        self.port
    }

    /// Writes a control file, in one step as an editor does.
    pub fn control(&self, name: &str, content: &str) {
        let (new, file) = (self.path("control/.new"), self.path("control").join(name));
        fs::write(&new, content).unwrap();
        fs::rename(&new, &file).unwrap();
    }

    /// Writes the rules of its listener (tcprules' source) and compiles them.
    pub fn rules(&self, source: &str) {
        let listing = self.path("control/tcp.smtp");
        fs::write(&listing, source).unwrap();
        let input = fs::File::open(&listing).unwrap();
        let mut command = Command::new(program("stafett-tcprules"));
        command.arg(self.path("control/tcp.smtp.cdb")).arg(self.path("control/tcp.smtp.tmp")).stdin(input);
        assert!(command.status().unwrap().success(), "the rules do not compile");
    }

    /// Starts every service and waits until the listener greets.
    pub fn start(&mut self, supervisor: Supervisor) {
        self.start_only(supervisor);
        assert!(self.is_up(20), "the instance does not come up:\n{}", self.logs());
    }

    /// Starts every service and waits for nothing.
    pub fn start_only(&mut self, supervisor: Supervisor) {
        let name = match supervisor {
            Supervisor::Runit => "runsvdir",
            Supervisor::Daemontools => "svscan",
        };
        let tool = ground::has(name).unwrap_or_else(|| panic!("{name} is not installed; tests/run installs it"));
        let mut command = self.as_owner(&tool);
        command.arg(self.path("service")).stdin(Stdio::null()).process_group(0);
        let own_output = fs::File::create(self.root.parent().unwrap().join("supervisor")).unwrap();
        command.stdout(own_output.try_clone().unwrap()).stderr(own_output);
        self.supervisor = Some((supervisor, command.spawn().unwrap()));
    }

    /// Whether the listener greets with 220 within `seconds`.
    pub fn is_up(&self, seconds: u64) -> bool {
        wait_until(seconds, || self.greets())
    }

    fn greets(&self) -> bool {
        let address: SocketAddr = ([127, 0, 0, 1], self.port).into();
        let Ok(mut stream) = TcpStream::connect(address) else { return false };
        let _ = stream.set_read_timeout(Some(Duration::from_secs(10)));
        let mut greeting = [0; 256];
        let greets = std::io::Read::read(&mut stream, &mut greeting).is_ok_and(|count| greeting[..count].starts_with(b"220 "));
        let _ = std::io::Write::write_all(&mut stream, b"QUIT\r\n");
        let is_called = std::os::unix::net::UnixStream::connect(self.path("run/queue/socket")).is_ok();
        // Where there are users of this host, smtpd asks for them.
        let knows_users = !self.path("run/recipients").is_dir() || self.log("local").contains("stafett-local: status: ready");
        greets && is_called && knows_users && self.path("run/send/socket").exists() && self.path("run/remote/socket").exists()
    }

    /// Ends every service as an admin would, and waits until all are gone.
    pub fn stop(&mut self) {
        let Some((kind, mut child)) = self.supervisor.take() else { return };
        let pid = i32::try_from(child.id()).unwrap();
        match kind {
            // runsvdir(8): on HUP it sends each runsv a TERM and exits.
            Supervisor::Runit => signal(pid, Signal::SIGHUP),
            Supervisor::Daemontools => {
                signal(pid, Signal::SIGTERM);
                let mut services: Vec<PathBuf> = entries(&self.path("service"));
                let logs: Vec<PathBuf> = services.iter().map(|service| service.join("log")).filter(|log| log.is_dir()).collect();
                services.extend(logs);
                let _ = Command::new("svc").arg("-dx").args(services).status();
            }
        }
        let _ = child.wait();
        let ended = wait_until(15, || below(&self.root).is_empty());
        let left: Vec<String> = below(&self.root).iter().map(|left| format!("{} {:?}", left.pid, left.arguments)).collect();
        assert!(ended, "still running after the stop: {left:?}\n{}", self.logs());
    }

    /// Whether a supervisor of it runs.
    pub fn is_started(&self) -> bool {
        self.supervisor.is_some()
    }

    /// What a service has logged so far, rotated files included.
    pub fn log(&self, service: &str) -> String {
        let mut files: Vec<PathBuf> = entries(&self.path("log").join(service));
        files.retain(|file| file.file_name().is_some_and(|name| name == "current" || name.as_encoded_bytes().starts_with(b"@")));
        files.sort();
        files.iter().map(|file| String::from_utf8_lossy(&fs::read(file).unwrap_or_default()).into_owned()).collect()
    }

    /// What every service has logged, and the supervisor.
    pub fn logs(&self) -> String {
        let mut all = String::new();
        for service in entries(&self.path("log")) {
            let name = service.file_name().unwrap().to_string_lossy().into_owned();
            let log = self.log(&name);
            let tail = log.lines().rev().take(40).collect::<Vec<_>>().into_iter().rev().collect::<Vec<_>>().join("\n");
            all.push_str(&format!("--- {name}\n{tail}\n"));
        }
        let supervisor = fs::read_to_string(self.root.parent().unwrap().join("supervisor")).unwrap_or_default();
        all + "--- supervisor\n" + &supervisor
    }

    /// Waits until a service has logged this text.
    #[track_caller]
    pub fn logged(&self, service: &str, text: &str) {
        let came = wait_until(10, || self.log(service).contains(text));
        assert!(came, "{service} has not logged {text:?}:\n{}", self.logs());
    }

    /// The running processes of one of our programs.
    pub fn processes(&self, name: &str) -> Vec<Process> {
        below(&self.root).into_iter().filter(|process| process.name == name).collect()
    }

    /// The resident process of one of our programs: the one whose parent is not of the same program. Services start
    /// in any order, so it may still be on its way.
    pub fn resident(&self, name: &str) -> Process {
        let find = || {
            let all = self.processes(name);
            let children = |process: &&Process| !all.iter().any(|other| other.pid == process.parent());
            all.iter().find(children).cloned()
        };
        wait_until(10, || find().is_some());
        find().unwrap_or_else(|| panic!("{name} does not run:\n{}", self.logs()))
    }

    /// The files of the queue that hold messages, with their states.
    pub fn queue_files(&self) -> Vec<PathBuf> {
        let mut files = Vec::new();
        for state in ["tmp", "new", "cur", "hold", "bad"] {
            collect(&self.path("queue").join(state), &mut files);
        }
        files
    }

    /// Waits until the queue is empty.
    #[track_caller]
    pub fn drained(&self, seconds: u64) {
        let empty = wait_until(seconds, || self.queue_files().is_empty());
        assert!(empty, "the queue still holds {:?}\n{}", self.queue_files(), self.logs());
    }

    /// Runs one of our programs with STAFETT set.
    pub fn command(&self, name: &str) -> Command {
        let mut command = Command::new(program(name));
        command.env("STAFETT", &self.root);
        command
    }
}

impl Default for Site {
    fn default() -> Site {
        Site::new()
    }
}

impl Drop for Site {
    fn drop(&mut self) {
        if let Some((_, mut child)) = self.supervisor.take() {
            // The supervisors first, so that nothing is started again.
            kill(i32::try_from(child.id()).unwrap_or(0));
            let _ = child.wait();
        }
        let supervises = |process: &Process| matches!(process.name.as_str(), "runsv" | "supervise" | "runsvdir" | "svscan");
        for _ in 0..100 {
            let left = below(&self.root);
            if left.is_empty() {
                break;
            }
            let first = left.iter().any(supervises);
            left.iter().filter(|process| !first || supervises(process)).for_each(|process| kill(process.pid));
            std::thread::sleep(Duration::from_millis(10));
        }
        if std::thread::panicking() {
            eprintln!("{}", self.logs());
            if let Some(place) = self.place.take() {
                eprintln!("kept: {}", place.keep().display());
            }
        }
    }
}

fn entries(directory: &Path) -> Vec<PathBuf> {
    let mut entries: Vec<PathBuf> =
        fs::read_dir(directory).map(|entries| entries.flatten().map(|entry| entry.path()).collect()).unwrap_or_default();
    entries.sort();
    entries
}

fn collect(directory: &Path, files: &mut Vec<PathBuf>) {
    for entry in entries(directory) {
        if entry.is_dir() {
            collect(&entry, files);
        } else {
            files.push(entry);
        }
    }
}
