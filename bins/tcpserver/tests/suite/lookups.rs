//! Names and ident answers, from servers of the test.

use crate::harness::{Listener, PATIENCE, TCPSERVER, command, compile, open_directory, ordinary_user};
use stafett_sys::poll::{self, Interest};
use stafett_sys::socket::{self, Style};
use std::io::{BufRead, BufReader, Write};
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::os::fd::{AsFd, OwnedFd};
use std::process::Command;
use std::time::Duration;

const SHOW: &[&str] = &["sh", "-c", "echo \"${TCPLOCALHOST-unset} ${TCPREMOTEHOST-unset} ${TCPREMOTEINFO-unset}\""];

const PTR: u8 = 12;
const A: u8 = 1;

/// A name server that calls every address `Client.Example` and gives every name `address`.
fn name_server(address: [u8; 4]) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let place = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 1500];
        while let Ok((_, client)) = socket.recv_from(&mut buffer) {
            let _ = socket.send_to(&reply(&buffer, address), client);
        }
    });
    place
}

fn reply(query: &[u8], address: [u8; 4]) -> Vec<u8> {
    let mut end = 12;
    while query[end] != 0 {
        end += usize::from(query[end]) + 1;
    }
    let question = &query[12..end + 5];
    let kind = query[end + 2];
    let data = match kind {
        PTR => b"\x06Client\x07Example\x00".to_vec(),
        A => address.to_vec(),
        _ => Vec::new(),
    };
    let answers = u8::from(!data.is_empty());
    let mut reply = [&query[..2], &[0x81, 0x80, 0, 1, 0, answers, 0, 0, 0, 0], question].concat();
    if answers > 0 {
        reply.extend([0xc0, 12, 0, kind, 0, 1, 0, 0, 0, 60, 0, data.len() as u8]);
        reply.extend(data);
    }
    reply
}

fn listener(options: &[&str], servers: SocketAddr) -> Listener {
    let mut command = command(TCPSERVER, options, "127.0.0.1", SHOW);
    command.env("DNSCACHEIP", servers.to_string());
    Listener::with(command)
}

#[test]
fn names_come_from_the_dns() {
    let servers = name_server([127, 0, 0, 1]);
    let told = |options: &[&str]| listener(options, servers).connect().rest();
    assert_eq!(told(&[]), "client.example client.example unset\n");
    assert_eq!(told(&["-h", "-l", "here"]), "here client.example unset\n");
    assert_eq!(told(&["-H"]), "client.example unset unset\n");
    assert_eq!(told(&["-Hl0"]), "0 unset unset\n");
}

#[test]
fn a_paranoid_listener_wants_the_name_to_lead_back() {
    let told = |options: &[&str], address| listener(options, name_server(address)).connect().rest();
    assert_eq!(told(&["-pl0"], [127, 0, 0, 1]), "0 client.example unset\n");
    assert_eq!(told(&["-pl0"], [192, 0, 2, 1]), "0 unset unset\n");
    assert_eq!(told(&["-Pl0"], [192, 0, 2, 1]), "0 client.example unset\n");
}

#[test]
fn rules_see_names() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile("=.EXAMPLE:deny\n:allow\n", &cdb);
    let mut listener = listener(&["-vl0", "-x", cdb.to_str().unwrap()], name_server([127, 0, 0, 1]));
    assert_eq!(listener.connect().rest(), "");
    let line = listener.wait_for("tcpserver: deny ");
    assert!(line.contains(" client.example:127.0.0.1::"), "{line}");
}

/// A name server that never answers must not keep others from being accepted.
#[test]
fn look_ups_do_not_stop_the_listener() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let mut listener = listener(&["-vl0"], silent.local_addr().unwrap());
    let peers = [listener.connect(), listener.connect(), listener.connect()];
    listener.wait_for("tcpserver: status: 3/40");
    assert_eq!(listener.terminate().code(), Some(0));
    for peer in peers {
        assert_eq!(peer.rest(), "421 4.3.2 service not available, try again later\r\n");
    }
    let mut again = Command::new(TCPSERVER);
    again.args(["-1", "-HRl0", "127.0.0.1", &listener.port.to_string(), "true"]);
    assert_eq!(Listener::with(again).port, listener.port, "a look-up must not keep the port");
}

/// Whoever answers the DNS talks to the look-up's process: it must hold nothing that reaches the resident.
#[test]
fn look_ups_cannot_hand_over() {
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let directory = open_directory();
    let path = directory.path().join("socket");
    let resident = socket::listen(&path, Style::Packets, 8).unwrap();
    let mut command = command(TCPSERVER, &[ordinary_user(), vec!["-vl0"]].concat(), "127.0.0.1", &["smtpd"]);
    command.env("DNSCACHEIP", silent.local_addr().unwrap().to_string()).env("HANDOFF", &path);
    let listener = Listener::with(command);
    let ready = |descriptor: &OwnedFd, within| poll::wait(&[(descriptor.as_fd(), Interest::Read)], Some(within)).unwrap()[0].any();
    assert!(ready(&resident, PATIENCE), "nobody calls");
    let caller = socket::accept(&resident).unwrap().unwrap();
    let _client = listener.connect();
    silent.recv_from(&mut [0; 512]).unwrap();
    listener.signal("KILL");
    assert!(ready(&caller, Duration::from_secs(5)), "a look-up keeps the connection to the resident");
}

#[test]
fn ident_is_asked_only_with_r() {
    let Ok(server) = TcpListener::bind("127.0.0.1:113") else {
        println!("skipped: the ident port cannot be bound here");
        return;
    };
    std::thread::spawn(move || {
        for (stream, answer) in server.incoming().map_while(Result::ok).zip(["USERID : UNIX : Joe User \r", "ERROR : NO-USER\r"]) {
            let mut question = String::new();
            BufReader::new(&stream).read_line(&mut question).unwrap();
            let _ = writeln!(&stream, "{} : {answer}", question.trim_end());
        }
    });
    let asking = Listener::start(&["-Hrl0", "-t", "5"], SHOW);
    assert_eq!(Listener::start(&["-Hl0"], SHOW).connect().rest(), "0 unset unset\n");
    assert_eq!(asking.connect().rest(), "0 unset Joe User\n");
    assert_eq!(asking.connect().rest(), "0 unset unset\n");
}
