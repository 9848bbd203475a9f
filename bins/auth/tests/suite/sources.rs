//! Others who know passwords: programs of the checkpassword protocol, and what speaks as Dovecot does.

use crate::running::{Running, SESAME, field, word};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::{UnixListener, UnixStream};

const IP: &str = "192.0.2.1";

/// Reads descriptor 3, keeps all that it can see of itself, and decides.
const PROGRAM: &str = "#!/bin/sh
base64 <&3 >STATE/input
{ cat /proc/$$/cmdline; env; } >STATE/seen
case $(base64 -d STATE/input | tr '\\000' '|') in
  alice\\|'open sesame'\\|[0-9]*\\|) exec \"$@\";;
  mad*) kill -KILL $$;;
  odd*) exit 7;;
  later*) exit 111;;
esac
exit 1
";

#[test]
fn a_checkpassword_program_is_asked() {
    let mut running = Running::new(&[("accounts", &format!("own:{SESAME}:\nalice::role=robot senders=*\n"))]);
    running.stop();
    let program = running.program(&PROGRAM.replace("STATE", &running.path("state/auth").display().to_string()));
    running.control("authsource", &format!("checkpassword {program}\n"));
    running.run();
    let password = |name: &str, password: &str| running.password(name, password, IP);
    let answer = running.asked(&["password", "name=Alice", "password=open sesame", "ip=192.0.2.1"]).unwrap();
    assert_eq!(word(&answer), "yes", "{}", running.log());
    assert_eq!((field(&answer, "account"), field(&answer, "role"), field(&answer, "sender")), ("alice".into(), "robot".into(), "*".into()));
    let seen = fs::read_to_string(running.path("state/auth/seen")).unwrap();
    assert!(!seen.contains("sesame") && seen.contains("TCPREMOTEIP=192.0.2.1"), "{seen}");
    assert_eq!(password("alice", "sesame"), "wrong");
    assert_eq!(password("bob", "open sesame"), "wrong");
    assert_eq!(password("own", "sesame"), "yes", "who has a verifier here is not asked there");
    assert_eq!(password("own", "open sesame"), "wrong");
    for (name, complaint) in [("mad", "was ended by signal 9"), ("odd", "has exited 7"), ("later", "has exited 111")] {
        assert_eq!(password(name, "x"), "away");
        assert!(running.log().contains(complaint), "{}", running.log());
    }
    assert_eq!(password("alice", &"x".repeat(600)), "wrong", "more than the protocol has room for");
    running.control("accounts", "alice::status=locked\n");
    assert_eq!(password("alice", "open sesame"), "locked");
    assert!(!running.log().contains("sesame"));
}

#[test]
fn a_program_that_is_not_there_lets_nobody_in() {
    let running = Running::new(&[("authsource", "checkpassword /nonexistent/checkpassword\n")]);
    assert_eq!(running.password("alice", "x", IP), "away");
    assert!(running.log().contains("it cannot be run"), "{}", running.log());
}

/// Answers as told: for each connection one line, with what was asked in front of it.
fn dovecot(listener: &UnixListener, answers: Vec<&'static str>) -> Vec<String> {
    answers.into_iter().map(|answer| serve(listener.accept().unwrap().0, answer)).collect()
}

fn serve(mut stream: UnixStream, answer: &str) -> String {
    stream.write_all(b"VERSION\t1\t2\nMECH\tPLAIN\tplaintext\nSPID\t1\nCUID\t1\nCOOKIE\tx\nDONE\n").unwrap();
    let asked = BufReader::new(stream.try_clone().unwrap()).lines().map_while(Result::ok).find(|line| line.starts_with("AUTH"));
    // who has hung up does not want to hear it
    let _ = stream.write_all(answer.as_bytes());
    asked.unwrap_or_default()
}

#[test]
fn dovecot_is_asked() {
    let running = Running::new(&[("accounts", "bob::networks=198.51.100.0/24\n")]);
    let socket = running.path("state/dovecot");
    let listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    running.control("authsource", &format!("dovecot {}\n", socket.display()));
    let answers = vec![
        "OK\t1\tuser=Alice@example.org\tx=y\n",
        "FAIL\t1\tuser=alice\n",
        "FAIL\t1\ttemp\n",
        "OK\t2\n",
        "",
        "OK\t1\n",
        "OK\t1\tuser=a b\n",
    ];
    let said = ["yes", "wrong", "away", "away", "away", "network", "unknown"];
    let served = std::thread::scope(|scope| {
        let server = scope.spawn(|| dovecot(&listener, answers));
        let first = running.asked(&["password", "name=alice", "password=open sesame", "ip=192.0.2.1", "local=192.0.2.9", "tls=1"]).unwrap();
        assert_eq!(
            (word(&first), field(&first, "account"), field(&first, "sender")),
            ("yes".into(), "alice@example.org".into(), "alice@example.org".into())
        );
        let names = ["alice", "alice", "alice", "alice", "bob", "alice"];
        for (name, wanted) in names.into_iter().zip(&said[1..]) {
            assert_eq!(running.password(name, "x", IP), *wanted, "{}", running.log());
        }
        server.join().unwrap()
    });
    assert_eq!(served[0], "AUTH\t1\tPLAIN\tservice=smtp\tno-penalty\tsecured\tlip=192.0.2.9\trip=192.0.2.1\tresp=AGFsaWNlAG9wZW4gc2VzYW1l");
    drop(listener);
    fs::remove_file(&socket).unwrap();
    assert_eq!(running.password("alice", "x", IP), "away");
    assert_eq!(running.password("alice", "x\0y", IP), "wrong", "nothing that could end up elsewhere in a message");
}

#[test]
fn one_address_cannot_keep_all_others_from_being_asked_about() {
    let mut running = Running::new(&[("accounts", &format!("own:{SESAME}:\n"))]);
    let socket = running.path("state/dovecot");
    let listener = UnixListener::bind(&socket).unwrap();
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o666)).unwrap();
    running.control("authsource", &format!("dovecot {}\n", socket.display()));
    running.restart(|_| {});
    std::thread::scope(|scope| {
        // more than were once asked about at all; none of them is answered until the end
        let running = &running;
        let held: Vec<_> = (0..12)
            .map(|number| {
                let slow = scope.spawn(move || running.password("slow", "x", &format!("198.51.100.{}", number / 2)));
                (listener.accept().unwrap().0, slow)
            })
            .collect();
        assert_eq!(running.password("slow", "x", "198.51.100.0"), "busy", "a third one of that address");
        let other = scope.spawn(|| running.password("alice", "x", IP));
        serve(listener.accept().unwrap().0, "OK\t1\n");
        assert_eq!(other.join().unwrap(), "yes");
        for (stream, slow) in held {
            serve(stream, "FAIL\t1\n");
            assert_eq!(slow.join().unwrap(), "wrong");
        }
    });
}
