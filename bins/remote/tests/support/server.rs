//! An SMTP server that does what a test tells it at each step, and well otherwise.

use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

/// What to do at one step.
pub enum Action {
    /// What a good server does.
    Default,
    /// These bytes, as they are.
    Say(String),
    /// These bytes, then close.
    SayAndClose(String),
    /// Close without a word.
    Close,
    /// Say nothing and keep the connection.
    Hang,
}

/// Bytes to say: a reply line.
pub fn reply(text: &str) -> Action {
    Action::Say(format!("{text}\r\n"))
}

/// What happened at the server, in order: `CONNECT` and the client's address, each command line, `MESSAGE` and its bytes, `CLOSED`.
#[derive(Clone, Default)]
pub struct Journal(Arc<Mutex<Vec<String>>>);

impl Journal {
    /// Everything so far.
    pub fn lines(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    /// How many lines begin so.
    pub fn count(&self, start: &str) -> usize {
        self.lines().iter().filter(|line| line.starts_with(start)).count()
    }

    /// Waits until a line begins so.
    pub fn wait_for(&self, start: &str, count: usize) {
        let begin = Instant::now();
        while self.count(start) < count {
            assert!(begin.elapsed() < Duration::from_secs(10), "no {start} in {:?}", self.lines());
            thread::sleep(Duration::from_millis(10));
        }
    }

    /// The messages received, with the dots still stuffed.
    pub fn messages(&self) -> Vec<String> {
        self.lines().iter().filter_map(|line| line.strip_prefix("MESSAGE ").map(str::to_owned)).collect()
    }

    fn note(&self, line: impl Into<String>) {
        self.0.lock().unwrap().push(line.into());
    }
}

/// A running server.
pub struct Server {
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// What happened.
    pub journal: Journal,
}

/// What EHLO offers by default.
pub const OFFER: &str = "250-fake.test\r\n250-PIPELINING\r\n250-SIZE 1000000000\r\n250-8BITMIME\r\n250-SMTPUTF8\r\n250-DSN\r\n250 HELP\r\n";

/// Starts a server whose `decide` gets the connection's number (from 1) and the event: `CONNECT`, a command line or `.`.
pub fn start(decide: impl Fn(usize, &str) -> Action + Send + Sync + 'static) -> Server {
    start_at("127.0.0.1:0".parse().unwrap(), decide)
}

/// As `start` at an address of one's choice.
pub fn start_at(address: SocketAddr, decide: impl Fn(usize, &str) -> Action + Send + Sync + 'static) -> Server {
    let listener = TcpListener::bind(address).unwrap();
    let port = listener.local_addr().unwrap().port();
    let journal = Journal::default();
    let noted = journal.clone();
    let decide = Arc::new(decide);
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            stream.set_nodelay(true).unwrap();
            let (journal, decide) = (noted.clone(), decide.clone());
            thread::spawn(move || {
                journal.note(format!("CONNECT {}", stream.peer_addr().unwrap().ip()));
                let _ = converse(&stream, &stream, number + 1, &journal, decide.as_ref());
                journal.note("CLOSED");
            });
        }
    });
    Server { port, journal }
}

/// As `start` at a Unix socket; its port is 0.
pub fn start_unix(path: &Path, decide: impl Fn(usize, &str) -> Action + Send + Sync + 'static) -> Server {
    let listener = UnixListener::bind(path).unwrap();
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o777)).unwrap();
    let journal = Journal::default();
    let noted = journal.clone();
    thread::spawn(move || {
        for (number, stream) in listener.incoming().enumerate() {
            let stream = stream.unwrap();
            noted.note("CONNECT");
            let _ = converse(&stream, &stream, number + 1, &noted, &decide);
            noted.note("CLOSED");
        }
    });
    Server { port: 0, journal }
}

/// Takes connections from nobody, and lets nobody know: connecting to it never ends.
pub fn deaf(address: SocketAddr) -> (u16, Vec<std::os::fd::OwnedFd>) {
    use rustix::net::{AddressFamily, SocketFlags, SocketType, bind, connect, listen, socket_with};
    let family = if address.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = || socket_with(family, SocketType::STREAM, SocketFlags::NONBLOCK | SocketFlags::CLOEXEC, None).unwrap();
    let mut kept = vec![socket()];
    bind(&kept[0], &address).unwrap();
    listen(&kept[0], 0).unwrap();
    let address: SocketAddr = rustix::net::getsockname(&kept[0]).unwrap().try_into().unwrap();
    // One fills the queue; the others show that it is full.
    for _ in 0..3 {
        let caller = socket();
        let _ = connect(&caller, &address);
        kept.push(caller);
    }
    (address.port(), kept)
}

fn converse(
    mut writer: impl Write,
    reader: impl std::io::Read,
    number: usize,
    journal: &Journal,
    decide: &dyn Fn(usize, &str) -> Action,
) -> std::io::Result<()> {
    let mut reader = BufReader::new(reader);
    let mut event = "CONNECT".to_owned();
    loop {
        let said = match decide(number, &event) {
            Action::Default => good_reply(&event).to_owned(),
            Action::Say(text) => text,
            Action::SayAndClose(text) => return writer.write_all(text.as_bytes()),
            Action::Close => return Ok(()),
            Action::Hang => {
                thread::sleep(Duration::from_secs(30));
                return Ok(());
            }
        };
        writer.write_all(said.as_bytes())?;
        if event.starts_with("QUIT") {
            return Ok(());
        }
        event = match said.starts_with("354") {
            true => read_message(&mut reader, journal)?,
            false => read_command(&mut reader, journal)?,
        };
    }
}

fn good_reply(event: &str) -> &str {
    match event.get(..4).unwrap_or(event) {
        "CONN" => "220 fake.test ESMTP\r\n",
        "EHLO" | "LHLO" => OFFER,
        "DATA" => "354 go ahead\r\n",
        "QUIT" => "221 bye\r\n",
        "." => "250 2.0.0 queued as X\r\n",
        _ => "250 ok\r\n",
    }
}

fn read_command(reader: &mut impl BufRead, journal: &Journal) -> std::io::Result<String> {
    let line = read_line(reader)?;
    journal.note(line.trim_end().to_owned());
    Ok(line.trim_end().to_owned())
}

fn read_message(reader: &mut impl BufRead, journal: &Journal) -> std::io::Result<String> {
    let mut message = String::new();
    loop {
        let line = read_line(reader)?;
        if line == ".\r\n" {
            journal.note(format!("MESSAGE {message}"));
            return Ok(".".to_owned());
        }
        message.push_str(&line);
    }
}

fn read_line(reader: &mut impl BufRead) -> std::io::Result<String> {
    let mut line = Vec::new();
    reader.read_until(b'\n', &mut line)?;
    if !line.ends_with(b"\r\n") {
        return Err(std::io::ErrorKind::UnexpectedEof.into());
    }
    Ok(String::from_utf8_lossy(&line).into_owned())
}
