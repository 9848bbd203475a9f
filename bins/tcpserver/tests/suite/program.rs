//! What a program gets that is run for each connection.

use crate::harness::{Listener, TCPSERVER, command, compile, open_directory};

#[test]
fn it_sees_the_connection_in_its_environment() {
    let listener = Listener::with({
        let mut command = command(TCPSERVER, &["-HR", "-l", "relay.example"], "127.0.0.1", &["env"]);
        command.env("TCPREMOTEHOST", "inherited").env("TCPREMOTEINFO", "inherited").env("KEPT", "yes");
        command
    });
    let peer = listener.connect();
    let port = peer.port();
    let mut seen: Vec<String> = peer.rest().lines().filter(|line| !line.starts_with("PATH=")).map(str::to_owned).collect();
    seen.sort();
    let wanted = [
        "KEPT=yes".to_owned(),
        "PROTO=TCP".to_owned(),
        "TCPLOCALHOST=relay.example".to_owned(),
        "TCPLOCALIP=127.0.0.1".to_owned(),
        format!("TCPLOCALPORT={}", listener.port),
        "TCPREMOTEIP=127.0.0.1".to_owned(),
        format!("TCPREMOTEPORT={port}"),
    ];
    assert_eq!(seen, wanted);
}

#[test]
fn variables_of_a_rule_win() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile("127.:allow,RELAYCLIENT=\"\",TCPLOCALHOST=\"other\",X='a\"b'\n", &cdb);
    let listener = Listener::start(&["-HRl0", "-x", cdb.to_str().unwrap()], &["sh", "-c", "echo $TCPLOCALHOST/${RELAYCLIENT-unset}/$X"]);
    assert_eq!(listener.connect().rest(), "other//a\"b\n");
}

#[test]
fn the_banner_comes_first_and_arguments_are_untouched() {
    let listener = Listener::start(&["-HRl0", "-B", "banner-"], &["printf", "%s,", "-v", "--", "a b", ""]);
    assert_eq!(listener.connect().rest(), "banner--v,--,a b,,");
}

#[test]
fn it_talks_both_ways_and_its_end_is_told() {
    let mut listener = Listener::start(&["-HRl0", "-v"], &["sh", "-c", "read line; echo \"got $line\"; exit 3"]);
    let mut peer = listener.connect();
    let accepted = listener.wait_for("tcpserver: ok ");
    let pid = accepted.split(' ').nth(2).unwrap().to_owned();
    let wanted = format!("tcpserver: ok {pid} 0:127.0.0.1:{} :127.0.0.1::{}", listener.port, peer.port());
    assert_eq!(accepted, wanted);
    peer.send("hello\n");
    assert_eq!(peer.rest(), "got hello\n");
    listener.wait_for(&format!("tcpserver: end {pid} status 768"));
    listener.wait_for("tcpserver: status: 0/40");
}
