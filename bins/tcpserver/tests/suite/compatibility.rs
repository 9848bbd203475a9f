//! The same run with djb's tcpserver: the same environment, the same lines, the same verdicts.

use crate::harness::{Listener, TCPSERVER, command, compile, have, open_directory};

/// Numbers of processes and clients differ from run to run.
fn without_numbers(line: &str, port: u16) -> String {
    let masked = |word: &str| match word.parse::<u32>() {
        Ok(number) if number > 1000 => "N".to_owned(),
        _ => word.to_owned(),
    };
    let line = line.replace(&format!(":{port}"), ":PORT");
    let words = line.split(' ').map(|word| match word.rsplit_once(':') {
        Some((head, tail)) if head.contains(':') => format!("{head}:{}", masked(tail)),
        _ => masked(word),
    });
    words.collect::<Vec<_>>().join(" ")
}

/// What a client sees and what is logged, with one connection after the other.
fn run(program: &str, options: &[&str], run: &[&str], connections: usize) -> (Vec<Vec<String>>, Vec<String>) {
    let mut listener = Listener::with(command(program, options, "127.0.0.1", run));
    let mut seen = Vec::new();
    for _ in 0..connections {
        let peer = listener.connect();
        let (client, port) = (format!("={}", peer.port()), format!("={}", listener.port));
        let text = peer.rest().replace(&client, "=CLIENT").replace(&port, "=PORT");
        let mut lines: Vec<String> = text.lines().map(str::to_owned).collect();
        lines.sort();
        seen.push(lines);
        listener.wait_for("tcpserver: status: 1/");
        listener.wait_for("tcpserver: status: 0/");
    }
    let port = listener.port;
    (seen, listener.finish().iter().map(|line| without_numbers(line, port)).collect())
}

#[test]
fn programs_see_the_same_environment() {
    if !have("tcpserver", "ucspi-tcp") {
        return;
    }
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile("127.0.0.1:allow,RELAYCLIENT=\"\",DATABYTES=\"0\",TCPLOCALHOST=\"rule\"\n", &cdb);
    for options in [vec!["-vHRl", "name"], vec!["-vHRl0"], vec!["-vHRl0", "-x", cdb.to_str().unwrap()], vec!["-vHRl0", "-B", "banner\n"]] {
        let (ours, _) = run(TCPSERVER, &options, &["env"], 2);
        let (his, _) = run("tcpserver", &options, &["env"], 2);
        assert_eq!(ours, his, "{options:?}");
    }
}

#[test]
fn the_lines_are_the_same() {
    if !have("tcpserver", "ucspi-tcp") {
        return;
    }
    for (options, program) in
        [(&["-vHRl0"][..], &["true"][..]), (&["-vHRl", "relay:name"], &["false"]), (&["-vHRl0", "-c", "3"], &["sh", "-c", "kill -9 $$"])]
    {
        let (_, ours) = run(TCPSERVER, options, program, 2);
        let (_, his) = run("tcpserver", options, program, 2);
        assert_eq!(ours, his, "{options:?} {program:?}");
    }
}

/// A file that his tcprules compiled rules our listener, and ours his.
#[test]
fn compiled_rules_serve_both() {
    if !have("tcprules", "ucspi-tcp") {
        return;
    }
    let directory = open_directory();
    let (ours, his) = (directory.path().join("ours.cdb"), directory.path().join("his.cdb"));
    for (rules, welcome) in [("127.0.0.1-2:deny\n:allow\n", false), ("127.:allow,A=\"b\"\n:deny\n", true)] {
        compile(rules, &ours);
        let source = directory.path().join("rules");
        std::fs::write(&source, rules).unwrap();
        let compiled = std::process::Command::new("sh")
            .args(["-c", "tcprules \"$1\" \"$1.tmp\" < \"$2\"", "sh"])
            .args([&his, &source])
            .status()
            .unwrap();
        assert!(compiled.success());
        for (program, cdb) in [(TCPSERVER, &his), ("tcpserver", &ours)] {
            let options = ["-HRl0", "-x", cdb.to_str().unwrap()];
            let listener = Listener::with(command(program, &options, "127.0.0.1", &["echo", "welcome"]));
            assert_eq!(!listener.connect().rest().is_empty(), welcome, "{program} {rules}");
        }
    }
}
