//! Starting and ending: exit codes, words, descriptors, privileges.

use crate::harness::{Listener, TCPSERVER, command, compile, failure, failure_of, open_directory, ordinary_user};
use std::process::Command;

#[test]
fn a_command_line_that_is_none_exits_100() {
    for (options, rest, words) in [
        (&[][..], &[][..], "the host is missing"),
        (&[], &["0"], "the port is missing"),
        (&[], &["0", "2525"], "the program is missing"),
        (&["-z"], &["0", "2525", "env"], "there is no option -z"),
        (&["-c", "many"], &["0", "2525", "env"], "-c many: not a number that fits"),
        (&["-c0"], &["0", "2525", "env"], "-c needs a number above 0"),
        (&["-U"], &["0", "2525", "env"], "-U needs the variable UID"),
        (&["--long"], &["0", "2525", "env"], "--long"),
    ] {
        let (code, said) = failure_of(Command::new(TCPSERVER).args(options).args(rest).env_remove("UID"));
        assert_eq!(code, 100, "{said}");
        assert!(said.starts_with("tcpserver: fatal: ") && said.contains(words) && said.contains("usage: tcpserver ["), "{said}");
    }
}

#[test]
fn rules_that_cannot_be_read_exit_110() {
    let directory = open_directory();
    let broken = directory.path().join("broken.cdb");
    std::fs::write(&broken, "no cdb").unwrap();
    let (code, said) = failure(&["-x", broken.to_str().unwrap()], &["127.0.0.1", "0", "env"]);
    assert_eq!(code, 110);
    assert!(said.contains("broken.cdb: the file is cut short or not a cdb"), "{said}");
    let (code, _) = failure(&["-X", "-x", broken.to_str().unwrap()], &["127.0.0.1", "0", "env"]);
    assert_eq!(code, 110);
    let (code, said) = failure(&["-x", "/nonexistent/rules.cdb"], &["127.0.0.1", "0", "env"]);
    assert_eq!(code, 110);
    assert!(said.contains("tcpserver: fatal: unable to read /nonexistent/rules.cdb: "), "{said}");
}

#[test]
fn what_may_pass_exits_111() {
    let (code, said) = failure(&[], &["192.0.2.1", "0", "env"]);
    assert_eq!(code, 111);
    assert!(said.starts_with("tcpserver: fatal: unable to listen on 192.0.2.1:0: "), "{said}");
    let (code, said) = failure(&[], &["127.0.0.1", "no-such-service", "env"]);
    assert_eq!(code, 111);
    assert!(said.contains("unable to figure out port number for no-such-service"), "{said}");
    let (code, said) = failure_of(Command::new(TCPSERVER).args(["127.0.0.1", "0", "env"]).env("DNSCACHEIP", "nowhere"));
    assert_eq!(code, 111);
    assert!(said.contains("DNSCACHEIP"), "{said}");
}

#[test]
fn term_ends_it_with_0_and_frees_the_port_while_conversations_go_on() {
    let mut first = Listener::start(&["-HRl0", "-v"], &["cat"]);
    let mut peer = first.connect();
    peer.send("a");
    peer.expect("a");
    assert_eq!(first.terminate().code(), Some(0));
    let mut again = Command::new(TCPSERVER);
    again.args(["-1", "-HRl0", "127.0.0.1", &first.port.to_string(), "cat"]);
    let second = Listener::with(again);
    assert_eq!(second.port, first.port);
    peer.send("b");
    peer.expect("b");
}

#[test]
fn quiet_says_nothing_and_verbose_says_all() {
    for (option, wanted) in [("-q", 0..=0), ("-Q", 1..=1), ("-v", 5..=7)] {
        let listener = Listener::start(&["-HRl0", option], &["/nonexistent/program"]);
        assert_eq!(listener.connect().rest(), "");
        let lines = listener.finish();
        let told = lines.iter().any(|line| line.contains("unable to run /nonexistent/program"));
        assert_eq!(told, option != "-q", "{option}: {lines:?}");
        assert!(wanted.contains(&lines.len()), "{option}: {lines:?}");
    }
    let (code, said) = failure(&["-q"], &["192.0.2.1", "0", "env"]);
    assert_eq!((code, said.as_str()), (111, ""));
}

#[test]
fn it_becomes_the_user_asked_for() {
    if !stafett_sys::user::Uid::effective().is_root() {
        println!("skipped: only root can become somebody else");
        return;
    }
    let script = ["sh", "-c", "id -u; id -g; id -G; grep NoNewPrivs /proc/self/status"];
    let wanted = "65534\n65533\n65533\nNoNewPrivs:\t1\n";
    let by_option = Listener::start(&["-HRl0", "-u", "65534", "-g", "65533"], &script);
    assert_eq!(by_option.connect().rest(), wanted);
    let mut by_variables = command(TCPSERVER, &["-HRl0", "-U"], "127.0.0.1", &script);
    by_variables.env("UID", "65534").env("GID", "65533");
    assert_eq!(Listener::with(by_variables).connect().rest(), wanted);
    let mut as_root = command(TCPSERVER, &["-HRl0"], "127.0.0.1", &["true"]);
    let (code, said) = failure_of(as_root.env("HANDOFF", "/nonexistent/socket"));
    assert_eq!(code, 111);
    assert!(said.contains("must not run as root"), "{said}");
}

/// The program gets the connection on 0 and 1, the log on 2, and nothing else.
#[test]
fn a_program_inherits_no_other_descriptor() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile(":allow\n", &cdb);
    let mut options = ordinary_user();
    options.extend(["-HRl0", "-x", cdb.to_str().unwrap()]);
    let show = ["sh", "-c", "ls /proc/$$/fd"];
    let listener = Listener::start(&options, &show);
    // What the test itself was given, whoever runs it, is passed through.
    let inherited = Command::new(show[0]).args(&show[1..]).output().unwrap().stdout;
    assert_eq!(listener.connect().rest(), String::from_utf8(inherited).unwrap());
}
