//! An instance's directories, and the program on them.

use stafett_sys::process::{self, Pid};
use stafett_sys::signal::Signal;
use stafett_sys::socket::{self, Style};
use stafett_sys::user::Uid;
use stafett_wire::netstring::{self, Reader};
use stafett_wire::question::Reply;
use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{PermissionsExt, chown};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

/// Whom it runs as when the tests run as root, which it refuses to be.
const NOBODY: u32 = 65534;

pub struct Site {
    directory: tempfile::TempDir,
    pub address: SocketAddr,
    child: Option<Child>,
}

impl Site {
    pub fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let address = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        let site = Site { directory, address, child: None };
        for name in ["control", "queue/tmp", "queue/new", "queue/cur", "queue/hold", "queue/bad", "run/queue", "run/send"] {
            fs::create_dir_all(site.path(name)).unwrap();
        }
        for name in ["log/smtpd", "log/send", "log/tcpserver", "service/smtpd/supervise", "service/quiet"] {
            fs::create_dir_all(site.path(name)).unwrap();
        }
        fs::create_dir(site.path("own")).unwrap();
        if Uid::effective().is_root() {
            chown(site.path("own"), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        // By a process of its own: what another test's thread forks would hold a file that is written here, and it could not be run.
        let copied = Command::new("cp").arg(env!("CARGO_BIN_EXE_stafett-metrics")).arg(site.path("stafett-metrics")).status();
        assert!(copied.unwrap().success());
        site
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    pub fn add(&self, name: &str, text: &str) {
        fs::OpenOptions::new().create(true).append(true).open(self.path(name)).unwrap().write_all(text.as_bytes()).unwrap();
    }

    /// A message's file, by its name alone.
    pub fn put(&self, place: &str, birth: u64, number: u64, size: u64) {
        let id = birth * 1_000_000 + number;
        let shard = if place == "cur" { format!("cur/{:02x}", id & 0xff) } else { place.to_owned() };
        let directory = self.path("queue").join(shard);
        let name = format!("{id:016},S={size}");
        if fs::write(directory.join(&name), "").is_err() {
            fs::create_dir(&directory).unwrap();
            fs::write(directory.join(name), "").unwrap();
        }
    }

    /// Somebody who answers like queued.
    pub fn queued(&self, answer: &'static str) {
        let listener = std::os::unix::net::UnixListener::bind(self.path("run/queue/socket")).unwrap();
        fs::set_permissions(self.path("run/queue/socket"), fs::Permissions::from_mode(0o666)).unwrap();
        std::thread::spawn(move || {
            for caller in listener.incoming() {
                let caller = caller.unwrap();
                assert_eq!(Reader::new(&caller, 100).next().unwrap(), Some(&b"S"[..]));
                let mut out = Vec::new();
                netstring::push(&mut out, answer.as_bytes());
                let _ = (&caller).write_all(&out);
            }
        });
    }

    /// Somebody who answers like send.
    pub fn send(&self, lines: &'static [&'static str]) {
        let listener = socket::listen(&self.path("run/send/socket"), Style::Packets, 5).unwrap();
        socket::set_nonblocking(&listener, false).unwrap();
        std::thread::spawn(move || {
            loop {
                let caller = socket::accept(&listener).unwrap().unwrap();
                let packet = socket::receive_packet(&caller, &mut [0; 1000]).unwrap();
                assert!(packet.length > 0);
                let reply = Reply::Lines(lines.iter().map(|line| (*line).to_owned()).collect(), false);
                let _ = socket::send_packet(&caller, &reply.encode(), None);
            }
        });
    }

    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new("setpriv");
        if Uid::effective().is_root() {
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
        }
        command.arg(self.path("stafett-metrics")).args(arguments).env("STAFETT", self.directory.path()).stdin(Stdio::null());
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Output {
        self.command(arguments).output().unwrap()
    }

    /// Starts it on its TCP address, or where it is told.
    pub fn start(&mut self, arguments: &[&str]) {
        let address = self.address.to_string();
        let usual = ["--listen", &address];
        let mut command = self.command(if arguments.is_empty() { &usual } else { arguments });
        let log = fs::OpenOptions::new().create(true).append(true).open(self.path("said")).unwrap();
        self.child = Some(command.stderr(log).spawn().unwrap());
        wait_until("it is ready", || self.said().contains("status: ready"));
    }

    pub fn said(&self) -> String {
        fs::read_to_string(self.path("said")).unwrap_or_default()
    }

    pub fn pid(&self) -> u32 {
        self.child.as_ref().unwrap().id()
    }

    /// Ends it as an admin does.
    pub fn stop(&mut self) {
        let mut child = self.child.take().unwrap();
        process::kill(Pid(i32::try_from(child.id()).unwrap()), Signal::Terminate).unwrap();
        assert!(child.wait().unwrap().success(), "{}", self.said());
        assert!(self.said().ends_with("stafett-metrics: status: exiting\n"), "{}", self.said());
    }

    pub fn connect(&self) -> TcpStream {
        let stream = TcpStream::connect(self.address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        stream
    }

    /// Everything that is heard after saying something.
    pub fn ask(&self, request: &str) -> String {
        let mut stream = self.connect();
        stream.write_all(request.as_bytes()).unwrap();
        hear(stream)
    }

    /// The page.
    pub fn scrape(&self) -> String {
        let heard = self.ask("GET /metrics HTTP/1.1\r\nHost: localhost\r\n\r\n");
        let (head, body) = heard.split_once("\r\n\r\n").unwrap();
        assert!(head.starts_with("HTTP/1.1 200 OK\r\n"), "{head}");
        assert!(head.contains(&format!("\r\nContent-Length: {}\r\n", body.len())), "{head}");
        body.to_owned()
    }
}

pub fn hear(mut stream: impl Read) -> String {
    let mut heard = Vec::new();
    // A caller that was cut off hears a reset.
    let _ = stream.read_to_end(&mut heard);
    String::from_utf8(heard).unwrap()
}

pub fn connect_unix(path: &std::path::Path) -> UnixStream {
    let stream = UnixStream::connect(path).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !is_so() {
        assert!(begun.elapsed() < Duration::from_secs(20), "not within 20 seconds: {what}");
        std::thread::sleep(Duration::from_millis(20));
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
