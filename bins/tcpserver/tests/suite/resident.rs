//! Birth by handoff, against a resident of the test.

use crate::harness::{Listener, PATIENCE, TCPSERVER, command, compile, open_directory, ordinary_user};
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{self, Style};
use stafett_wire::netstring;
use std::io::Write;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::path::{Path, PathBuf};
use tempfile::TempDir;

/// What a listener handed over.
struct Handoff {
    tag: String,
    variables: Vec<String>,
    connection: TcpStream,
}

/// A resident that does what the test says.
struct Resident {
    listening: OwnedFd,
    caller: Option<OwnedFd>,
}

impl Resident {
    fn start(path: &Path) -> Resident {
        Resident { listening: socket::listen(path, Style::Packets, 8).unwrap(), caller: None }
    }

    fn next(&mut self) -> Handoff {
        if self.caller.is_none() {
            wait(&self.listening);
            self.caller = socket::accept(&self.listening).unwrap();
        }
        let caller = self.caller.as_ref().unwrap();
        wait(caller);
        let mut buffer = vec![0; 65536];
        let packet = socket::receive_packet(caller, &mut buffer).unwrap();
        let strings = netstring::all(&buffer[..packet.length], 256).unwrap();
        let mut strings = strings.iter().map(|string| String::from_utf8(string.to_vec()).unwrap());
        Handoff { tag: strings.next().unwrap(), variables: strings.collect(), connection: packet.descriptor.unwrap().into() }
    }

    fn answer(&self, letter: &str, tag: &str, value: &str) {
        let mut packet = Vec::new();
        for part in [letter, tag, value] {
            netstring::push(&mut packet, part.as_bytes());
        }
        socket::send_packet(self.caller.as_ref().unwrap(), &packet, None).unwrap();
    }
}

fn wait(descriptor: &OwnedFd) {
    let ready = poll::wait(&[(descriptor.as_fd(), Interest::Read)], Some(PATIENCE)).unwrap();
    assert!(ready[0].any(), "nothing came");
}

/// A directory with the socket's path; the listener may not be root here.
fn place() -> (TempDir, PathBuf) {
    let directory = open_directory();
    let path = directory.path().join("socket");
    (directory, path)
}

fn listener(path: &Path, options: &[&str]) -> Listener {
    let options = [ordinary_user(), vec!["-HR", "-l", "relay.example", "-v"], options.to_vec()].concat();
    let mut command = command(TCPSERVER, &options, "127.0.0.1", &["stafett-smtpd"]);
    command.env("HANDOFF", path);
    Listener::with(command)
}

#[test]
fn what_is_said_of_the_port_is_passed_on_and_a_rule_wins() {
    let (directory, path) = place();
    let cdb = directory.path().join("rules.cdb");
    compile("127.:allow,DATABYTES=\"5\"\n", &cdb);
    let mut resident = Resident::start(&path);
    let options = [ordinary_user(), vec!["-HR", "-l", "relay.example", "-x", cdb.to_str().unwrap()]].concat();
    let mut command = command(TCPSERVER, &options, "127.0.0.1", &["stafett-smtpd"]);
    command.envs([("SUBMISSION", "1"), ("FORCETLS", ""), ("DATABYTES", "7"), ("UNKNOWN", "x")]).env("HANDOFF", &path);
    let listener = Listener::with(command);
    let _peer = listener.connect();
    let variables = resident.next().variables;
    for wanted in ["SUBMISSION=1", "FORCETLS=", "DATABYTES=5", "PROTO=TCP", "listener.SUBMISSION=1", "listener.DATABYTES=7"] {
        assert!(variables.iter().any(|variable| variable == wanted), "{wanted}: {variables:?}");
    }
    let strange = |variable: &String| {
        ["UNKNOWN=", "listener.UNKNOWN=", "HANDOFF=", "DATABYTES=7", "PATH="].iter().any(|name| variable.starts_with(name))
    };
    assert!(!variables.iter().any(strange), "{variables:?}");
}

const AWAY: &str = "421 4.3.2 relay.example service not available, try again later\r\n";

#[test]
fn a_connection_is_handed_over_with_its_variables() {
    let (directory, path) = place();
    let cdb = directory.path().join("rules.cdb");
    compile("127.:allow,RELAYCLIENT=\"\"\n", &cdb);
    let mut resident = Resident::start(&path);
    let mut listener = listener(&path, &["-x", cdb.to_str().unwrap()]);
    let peer = listener.connect();
    let mut handoff = resident.next();
    let wanted = [
        "PROTO=TCP".to_owned(),
        "TCPLOCALIP=127.0.0.1".to_owned(),
        format!("TCPLOCALPORT={}", listener.port),
        "TCPLOCALHOST=relay.example".to_owned(),
        "TCPREMOTEIP=127.0.0.1".to_owned(),
        format!("TCPREMOTEPORT={}", peer.port()),
        "RELAYCLIENT=".to_owned(),
    ];
    assert_eq!(handoff.variables, wanted);
    resident.answer("S", &handoff.tag, "4711");
    let line = listener.wait_for("tcpserver: ok ");
    assert_eq!(line, format!("tcpserver: ok 4711 relay.example:127.0.0.1:{} :127.0.0.1::{}", listener.port, peer.port()));
    handoff.connection.write_all(b"220 hello\r\n").unwrap();
    drop(handoff.connection);
    assert_eq!(peer.rest(), "220 hello\r\n");
    resident.answer("E", &handoff.tag, "256");
    listener.wait_for("tcpserver: end 4711 status 256");
    listener.wait_for("tcpserver: status: 0/40");
}

#[test]
fn answers_are_what_is_counted() {
    let (_directory, path) = place();
    let mut resident = Resident::start(&path);
    let mut listener = listener(&path, &["-c", "1"]);
    let _first = listener.connect();
    let first = resident.next();
    resident.answer("S", &first.tag, "1001");
    drop(first.connection);
    listener.wait_for("ok 1001 ");
    let second = listener.connect();
    resident.answer("E", &first.tag, "0");
    let handoff = resident.next();
    assert!(handoff.variables.contains(&format!("TCPREMOTEPORT={}", second.port())));
    listener.wait_for("end 1001 status 0");
}

#[test]
fn a_refused_handoff_is_answered_421() {
    let (_directory, path) = place();
    let mut resident = Resident::start(&path);
    let mut listener = listener(&path, &[]);
    let peer = listener.connect();
    let handoff = resident.next();
    drop(handoff.connection);
    resident.answer("Z", &handoff.tag, "too many children");
    assert_eq!(peer.rest(), AWAY);
    listener.wait_for("did not take it: too many children");
    listener.wait_for("tcpserver: status: 0/40");
}

/// A restart of the resident is not noticed by a client that comes meanwhile.
#[test]
fn clients_wait_for_a_resident_that_comes_back() {
    let (_directory, path) = place();
    let mut listener = listener(&path, &[]);
    let first = listener.connect();
    let mut resident = Resident::start(&path);
    let mut handoff = resident.next();
    resident.answer("S", &handoff.tag, "1001");
    handoff.connection.write_all(b"first").unwrap();
    drop(handoff);
    assert_eq!(first.rest(), "first");
    listener.wait_for("ok 1001 ");
    drop(resident);
    listener.wait_for("is gone: ");
    let second = listener.connect();
    let mut resident = Resident::start(&path);
    let mut handoff = resident.next();
    handoff.connection.write_all(b"second").unwrap();
    resident.answer("S", &handoff.tag, "1002");
    drop(handoff);
    assert_eq!(second.rest(), "second");
}

#[test]
fn conversations_of_a_resident_that_is_gone_are_not_counted() {
    let (_directory, path) = place();
    let mut resident = Resident::start(&path);
    let mut listener = listener(&path, &["-c", "2"]);
    let _peers = [listener.connect(), listener.connect()];
    for pid in ["1001", "1002"] {
        let handoff = resident.next();
        resident.answer("S", &handoff.tag, pid);
    }
    listener.wait_for("ok 1002 ");
    drop(resident);
    listener.wait_for("its 2 conversations are no longer counted");
    listener.wait_for("tcpserver: status: 0/2");
}

#[test]
fn a_resident_that_stays_away_is_excused_with_421_until_it_is_back() {
    let (_directory, path) = place();
    let mut listener = listener(&path, &[]);
    let early = listener.connect();
    assert_eq!(early.rest(), AWAY);
    listener.wait_for("answering 421 until somebody does");
    assert_eq!(listener.connect().rest(), AWAY);
    let mut resident = Resident::start(&path);
    listener.wait_for("takes connections again");
    let peer = listener.connect();
    let mut handoff = resident.next();
    handoff.connection.write_all(b"220").unwrap();
    resident.answer("S", &handoff.tag, "1001");
    drop(handoff);
    assert_eq!(peer.rest(), "220");
}

/// A resident that is stopped fills the wire; clients wait, then are excused, until it reads again.
#[test]
fn a_resident_that_does_not_read_is_excused_too() {
    let (_directory, path) = place();
    let mut resident = Resident::start(&path);
    let mut listener = listener(&path, &["-c", "1000"]);
    let peers: Vec<_> = (0..500).map(|_| listener.connect()).collect();
    listener.wait_for("answering 421 until somebody does");
    let first = resident.next();
    resident.answer("S", &first.tag, "1001");
    listener.wait_for("ok 1001 ");
    let mut taken = 1;
    while !listener.said.iter().any(|line| line.contains("takes connections again")) {
        let handoff = resident.next();
        taken += 1;
        resident.answer("S", &handoff.tag, &(1000 + taken).to_string());
        listener.wait_for(&format!("ok {} ", 1000 + taken));
    }
    assert!(taken < peers.len());
    let late = listener.connect();
    loop {
        let mut handoff = resident.next();
        if handoff.variables.contains(&format!("TCPREMOTEPORT={}", late.port())) {
            handoff.connection.write_all(b"220").unwrap();
            resident.answer("S", &handoff.tag, "9999");
            break;
        }
    }
    listener.wait_for("ok 9999 ");
    assert_eq!(late.rest(), "220");
}

/// Out of descriptors: it rests, says so a few times, and goes on when there is room.
#[test]
fn running_out_of_descriptors_is_survived() {
    let (_directory, path) = place();
    let mut resident = Resident::start(&path);
    let options = [ordinary_user(), vec!["-HRl0", "-v"]].concat().join(" ");
    let script = format!("ulimit -n 12; exec {TCPSERVER} -1 {options} 127.0.0.1 0 x");
    let mut shell = std::process::Command::new("sh");
    shell.args(["-c", &script]).env("HANDOFF", &path);
    let mut listener = Listener::with(shell);
    let peers: Vec<_> = (0..12).map(|_| listener.connect()).collect();
    listener.wait_for("unable to accept: ");
    for number in 0..peers.len() {
        let handoff = resident.next();
        resident.answer("S", &handoff.tag, &(2000 + number).to_string());
    }
    listener.wait_for("ok 2011 ");
    let complaints = listener.said.iter().filter(|line| line.contains("unable to accept")).count();
    assert!(complaints < 20, "{complaints} complaints: it spins");
}

/// What it may still reach once it serves: its rules, and nothing to write.
#[test]
fn it_is_locked_in() {
    let (_directory, path) = place();
    let mut resident = Resident::start(&path);
    let listener = listener(&path, &[]);
    let _peer = listener.connect();
    let _handoff = resident.next();
    let status = std::fs::read_to_string(format!("/proc/{}/status", listener.pid())).unwrap();
    assert!(status.contains("NoNewPrivs:\t1"), "{status}");
    assert!(!status.contains("Uid:\t0"), "{status}");
}
