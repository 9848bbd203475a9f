//! A listener under test: started on a free port, its lines readable one by one.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

/// For how long an event may take before a test fails.
pub const PATIENCE: Duration = Duration::from_secs(20);

/// The listener's own program.
pub const TCPSERVER: &str = env!("CARGO_BIN_EXE_stafett-tcpserver");

/// A running listener; ends with the value.
pub struct Listener {
    child: Child,
    lines: Receiver<String>,
    /// Every line so far.
    pub said: Vec<String>,
    /// Its port.
    pub port: u16,
}

impl Listener {
    /// Starts `tcpserver -1` with `options`, then host `127.0.0.1`, a free port and `program`.
    pub fn start(options: &[&str], program: &[&str]) -> Listener {
        Listener::with(command(TCPSERVER, options, "127.0.0.1", program))
    }

    /// Starts a prepared command, which must print its port (`-1`).
    pub fn with(mut command: Command) -> Listener {
        let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        let (sender, lines) = channel();
        let stderr = BufReader::new(child.stderr.take().unwrap());
        std::thread::spawn(move || {
            for line in stderr.lines().map_while(Result::ok) {
                let _ = sender.send(line);
            }
        });
        let mut port = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let said: Vec<String> = if port.is_empty() { lines.iter().collect() } else { Vec::new() };
        let port = port.trim().parse().unwrap_or_else(|_| panic!("it did not start: {said:?}"));
        Listener { child, lines, said, port }
    }

    /// Waits for a line that contains `words` and returns it.
    pub fn wait_for(&mut self, words: &str) -> String {
        loop {
            let Ok(line) = self.lines.recv_timeout(PATIENCE) else { panic!("no line with {words:?} after {:#?}", self.said) };
            self.said.push(line.clone());
            if line.contains(words) {
                return line;
            }
        }
    }

    /// Its process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// A connection to it over IPv4.
    pub fn connect(&self) -> Peer {
        Peer::connect(([127, 0, 0, 1], self.port).into())
    }

    /// Sends it a signal by name.
    pub fn signal(&self, name: &str) {
        let done = Command::new("kill").args(["-s", name, &self.child.id().to_string()]).status().unwrap();
        assert!(done.success());
    }

    /// Sends TERM and waits for the end.
    pub fn terminate(&mut self) -> ExitStatus {
        self.signal("TERM");
        self.child.wait().unwrap()
    }

    /// Ends it and returns all its lines but the one about running as root.
    pub fn finish(mut self) -> Vec<String> {
        self.terminate();
        self.said.extend(self.lines.iter());
        self.said.iter().filter(|line| !line.contains("running as root")).cloned().collect()
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// `PROGRAM -1 OPTIONS… HOST 0 COMMAND…` with an environment of its own.
pub fn command(program: &str, options: &[&str], host: &str, run: &[&str]) -> Command {
    let mut command = Command::new(program);
    command.arg("-1").args(options).arg(host).arg("0").args(run);
    command.env_clear().env("PATH", std::env::var_os("PATH").unwrap());
    command
}

/// The options that make the listener an ordinary user, where the tests run as root.
pub fn ordinary_user() -> Vec<&'static str> {
    if stafett_sys::user::Uid::effective().is_root() { vec!["-u", "65534", "-g", "65534"] } else { vec![] }
}

/// A directory that an ordinary user can reach.
pub fn open_directory() -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    std::fs::set_permissions(directory.path(), PermissionsExt::from_mode(0o777)).unwrap();
    directory
}

/// Compiles rules to `cdb`.
pub fn compile(rules: &str, cdb: &Path) {
    let rules = stafett_ucspi::parse(rules.as_bytes()).unwrap();
    stafett_ucspi::write(&rules, cdb, &cdb.with_extension("tmp")).unwrap();
}

/// Exit code and standard error of a listener that does not start.
pub fn failure(options: &[&str], rest: &[&str]) -> (i32, String) {
    failure_of(Command::new(TCPSERVER).args(options).args(rest))
}

/// Exit code and standard error of a command that ends.
pub fn failure_of(command: &mut Command) -> (i32, String) {
    let output = command.stdin(Stdio::null()).output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

/// A client.
pub struct Peer {
    stream: TcpStream,
}

impl Peer {
    /// Connects.
    pub fn connect(address: SocketAddr) -> Peer {
        let stream = TcpStream::connect_timeout(&address, PATIENCE).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        Peer { stream }
    }

    /// Its port.
    pub fn port(&self) -> u16 {
        self.stream.local_addr().unwrap().port()
    }

    /// Sends a text.
    pub fn send(&mut self, text: &str) {
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// Receives as many bytes as `text` has and compares.
    pub fn expect(&mut self, text: &str) {
        let mut buffer = vec![0; text.len()];
        self.stream.read_exact(&mut buffer).unwrap();
        assert_eq!(String::from_utf8_lossy(&buffer), text);
    }

    /// Receives until the other side closes.
    pub fn rest(mut self) -> String {
        let mut text = String::new();
        self.stream.read_to_string(&mut text).unwrap();
        text
    }
}

/// Whether a program is installed. Its absence is an error where the tests run for the project
/// (CI is set), and a printed reason to skip elsewhere.
pub fn have(program: &str, package: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let found = std::env::split_paths(&path).any(|directory| directory.join(OsStr::new(program)).exists());
    assert!(found || std::env::var_os("CI").is_none(), "the package {package} is missing");
    if !found {
        println!("skipped: the package {package} is not installed");
    }
    found
}
