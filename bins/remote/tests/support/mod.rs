//! The real program in an instance of its own, a scheduler's end of the wires, a scripted SMTP server, a small name server.
#![allow(dead_code, unused_imports, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

pub mod names;
pub mod receivers;
pub mod server;
pub mod signed;
pub mod tls;

use std::fs;
use std::io::Write;
use std::os::fd::{AsFd, OwnedFd};
use std::os::unix::fs::chown;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stafett_envelope::{Envelope, Recipient};
use stafett_handoff::Client;
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{Style, pair, receive_packet, send_packet};
use stafett_sys::user::Uid;
use stafett_wire::delivery::{Destination, Kind, Order, Report};

pub use stafett_wire::Verdict;
pub use stafett_wire::delivery::Scope;

/// Longer than any wait that a test provokes.
const PATIENCE: Duration = Duration::from_secs(20);
/// Whom the program runs as when the tests run as root, which it refuses to be.
const NOBODY: u32 = 65534;

/// A running stafett-remote.
pub struct Remote {
    process: Child,
    directory: tempfile::TempDir,
}

impl Remote {
    /// Starts it with these control files beside `me`.
    pub fn start(control: &[(&str, &str)]) -> Remote {
        let (mut command, directory) = prepare(control);
        let remote = Remote { process: spawn(&mut command), directory };
        remote.wait_for_socket();
        remote
    }

    /// Starts it after `change` has been at control/.
    pub fn start_with(control: &[(&str, &str)], change: impl FnOnce(&Path)) -> Remote {
        let (mut command, directory) = prepare(control);
        change(&directory.path().join("control"));
        if Uid::effective().is_root() {
            tls::shell(directory.path(), &format!("chown -R {NOBODY}:{NOBODY} control"));
        }
        let remote = Remote { process: spawn(&mut command), directory };
        remote.wait_for_socket();
        remote
    }

    /// Starts it in a mount namespace whose /etc is that directory. Needs root.
    pub fn start_with_etc(control: &[(&str, &str)], etc: &Path) -> Remote {
        let (plain, directory) = prepare(control);
        let script = "mount --bind \"$1\" /etc && exec setpriv --reuid \"$2\" --regid \"$2\" --clear-groups \"$3\"";
        let mut command = Command::new("unshare");
        command.args(["--mount", "sh", "-c", script, "sh"]).arg(etc).arg(NOBODY.to_string()).arg(plain.get_program());
        command.env("STAFETT", directory.path()).stdin(Stdio::null());
        command.stderr(fs::File::create(directory.path().join("log")).unwrap());
        let remote = Remote { process: spawn(&mut command), directory };
        remote.wait_for_socket();
        remote
    }

    /// Starts it with these control files and waits for its end: exit code and log.
    pub fn refuses(control: &[(&str, &str)]) -> (Option<i32>, String) {
        let (mut command, directory) = prepare(control);
        let code = spawn(&mut command).wait().unwrap().code();
        (code, fs::read_to_string(directory.path().join("log")).unwrap())
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.process.id()
    }

    /// Writes a control file, in one step as an editor does: one that is found empty is a file too.
    pub fn write_control(&self, name: &str, text: &str) {
        fs::write(self.control(".new"), text).unwrap();
        fs::rename(self.control(".new"), self.control(name)).unwrap();
    }

    /// Where its control file of that name lies.
    pub fn control(&self, name: &str) -> PathBuf {
        self.directory.path().join("control").join(name)
    }

    /// What it has logged.
    pub fn log(&self) -> String {
        fs::read_to_string(self.directory.path().join("log")).unwrap()
    }

    /// Sends TERM.
    pub fn terminate(&self) {
        let pid = stafett_sys::process::Pid(i32::try_from(self.process.id()).unwrap());
        stafett_sys::process::kill(pid, stafett_sys::signal::Signal::Terminate).unwrap();
    }

    /// A delivery connection to a host route on loopback.
    pub fn host(&self, port: u16) -> Delivery {
        self.to(Kind::Host, "127.0.0.1", port)
    }

    /// As `host`, with words behind the route.
    pub fn host_with(&self, port: u16, words: &str) -> Delivery {
        self.hand_over(&Destination { words: words.to_owned(), ..Destination::plain(Kind::Host, "127.0.0.1", port) })
    }

    /// A delivery connection to any destination.
    pub fn to(&self, kind: Kind, name: &str, port: u16) -> Delivery {
        self.hand_over(&Destination::plain(kind, name, port))
    }

    /// As `to`, with all that a route can say.
    pub fn hand_over(&self, destination: &Destination) -> Delivery {
        let client = Client::connect(&self.directory.path().join("run/remote/socket")).unwrap();
        let (ours, theirs) = pair(Style::Packets).unwrap();
        client.hand_over(1, &destination.strings(), theirs.as_fd()).unwrap();
        Delivery { orders: ours, _client: client, next: 1 }
    }

    fn wait_for_socket(&self) {
        let socket = self.directory.path().join("run/remote/socket");
        let start = Instant::now();
        while Client::connect(&socket).is_err() {
            assert!(start.elapsed() < Duration::from_secs(10), "no socket: {}", self.log());
            sleep(Duration::from_millis(10));
        }
    }
}

fn prepare(control: &[(&str, &str)]) -> (Command, tempfile::TempDir) {
    let directory = tempfile::tempdir().unwrap();
    for name in ["control", "run/send", "run/remote"] {
        fs::create_dir_all(directory.path().join(name)).unwrap();
    }
    for (name, text) in [("me", "relay.test\n"), ("timeoutremote", "2\n"), ("timeoutconnect", "2\n")].iter().chain(control) {
        fs::write(directory.path().join("control").join(name), text).unwrap();
    }
    let program = directory.path().join("stafett-remote");
    fs::copy(env!("CARGO_BIN_EXE_stafett-remote"), &program).unwrap();
    let mut command = Command::new(&program);
    command.env("STAFETT", directory.path()).stdin(Stdio::null());
    command.stderr(fs::File::create(directory.path().join("log")).unwrap());
    if Uid::effective().is_root() {
        for path in [".", "run/send", "run/remote"] {
            chown(directory.path().join(path), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        command.uid(NOBODY).gid(NOBODY);
    }
    (command, directory)
}

impl Drop for Remote {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// A child that another test's thread forks may hold our copy of the program open for writing for a moment.
fn spawn(command: &mut Command) -> Child {
    for _ in 0..100 {
        match command.spawn() {
            Err(error) if error.kind() == std::io::ErrorKind::ExecutableFileBusy => sleep(Duration::from_millis(10)),
            other => return other.unwrap(),
        }
    }
    panic!("the program's file stays busy");
}

/// A scheduler's end of one delivery connection.
pub struct Delivery {
    orders: OwnedFd,
    _client: Client,
    next: u64,
}

impl Delivery {
    /// Orders one message for some recipients and waits for the report.
    pub fn send(&mut self, recipients: &[&str], message: &[u8]) -> Report {
        self.send_with(&envelope(recipients), message)
    }

    /// As `send` with an envelope of one's own.
    pub fn send_with(&mut self, envelope: &Envelope, message: &[u8]) -> Report {
        self.order(envelope, message, message.len() as u64);
        self.report()
    }

    /// Orders without waiting; `size` is what the order claims.
    pub fn order(&mut self, envelope: &Envelope, message: &[u8], size: u64) {
        let mut file = tempfile::tempfile().unwrap();
        file.write_all(message).unwrap();
        file.write_all(b"from what stands behind the message\n").unwrap();
        let file = if size > message.len() as u64 { shortened(message) } else { file };
        let mut text = Vec::new();
        envelope.write(&mut text);
        let order = Order { delivery: self.next, id: 1_763_758_000_123_456, size, envelope: &text };
        self.next += 1;
        send_packet(&self.orders, &order.encode(), Some(file.as_fd())).unwrap();
    }

    /// The next report.
    pub fn report(&self) -> Report {
        let report = self.packet().unwrap_or_else(|| panic!("the child ended without a report"));
        let report = Report::parse(&report).unwrap();
        assert_eq!(report.delivery, self.next - 1);
        report
    }

    /// Whether the child has ended (waits for it).
    pub fn has_ended(&self) -> bool {
        self.packet().is_none()
    }

    fn packet(&self) -> Option<Vec<u8>> {
        let (ready, _) = wait_two((self.orders.as_fd(), Interest::Read), None, Some(PATIENCE)).unwrap();
        assert!(ready.any(), "no report in time");
        let mut buffer = vec![0; stafett_wire::LARGEST_PACKET];
        let packet = receive_packet(&self.orders, &mut buffer).unwrap();
        (packet.length > 0).then(|| buffer[..packet.length].to_vec())
    }
}

fn shortened(message: &[u8]) -> fs::File {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(message).unwrap();
    file
}

/// An envelope from a@from.test.
pub fn envelope(recipients: &[&str]) -> Envelope {
    Envelope {
        sender: "a@from.test".to_owned(),
        recipients: recipients.iter().map(|address| Recipient::new(*address)).collect(),
        ..Envelope::default()
    }
}

/// The verdict and text of a report's only recipient.
pub fn only(report: &Report) -> (Verdict, &str) {
    let [(verdict, text)] = report.recipients.as_slice() else { panic!("not one recipient: {report:?}") };
    (*verdict, text)
}

/// The status of a process, one line of /proc/PID/status.
pub fn status(pid: u32, field: &str) -> String {
    let text = fs::read_to_string(Path::new("/proc").join(pid.to_string()).join("status")).unwrap();
    let line = text.lines().find(|line| line.starts_with(field)).unwrap();
    line.split_whitespace().skip(1).collect::<Vec<_>>().join(" ")
}
