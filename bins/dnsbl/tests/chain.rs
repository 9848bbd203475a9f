//! In front of another program: what it finds in its environment.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod support;

use std::process::{Command, Output, Stdio};

use domain::base::iana::Rtype;
use support::{Act, Data, Instance, Names, PROGRAM, listed};

fn usual(name: &str, kind: Rtype) -> Act {
    match kind {
        Rtype::A if name.contains("dead") => Act::Silence,
        Rtype::A if name.starts_with("66.2.0.192.") => listed(),
        Rtype::TXT if name.starts_with("66.2.0.192.bl.") => Act::Records(60, vec![Data::Txt("-Blocked\u{7f}")]),
        _ => Act::Absent(60),
    }
}

fn run(instance: &Instance, options: &str, variables: &[(&str, &str)]) -> Output {
    let mut command = Command::new(PROGRAM);
    command.args(options.split_whitespace()).arg("/usr/bin/env").env_clear().env("STAFETT", instance.directory.path());
    command.envs(variables.iter().copied()).stdin(Stdio::null()).output().unwrap()
}

/// The variables that the next program got and the first did not.
fn set(instance: &Instance, options: &str, variables: &[(&str, &str)]) -> Vec<String> {
    let output = run(instance, options, variables);
    assert!(output.status.success(), "{output:?}");
    let given = |line: &&str| variables.iter().any(|(name, value)| *line == format!("{name}={value}")) || line.starts_with("STAFETT=");
    String::from_utf8(output.stdout).unwrap().lines().filter(|line| !given(line)).map(str::to_owned).collect()
}

const LISTED: (&str, &str) = ("TCPREMOTEIP", "192.0.2.66");
const CLEAN: (&str, &str) = ("TCPREMOTEIP", "192.0.2.1");

#[test]
fn bouncemail_gets_the_words_of_the_list() {
    let names = Names::new(usual);
    let long = "x".repeat(300);
    let instance = Instance::new(names.address, &[("dnsbllist", &format!("-hard.example:{long}\n"))]);
    for (options, variable) in [
        ("-r bl.example", "BOUNCEMAIL=Blocked?"),
        ("-b -r bl.example", "BOUNCEMAIL=-Blocked?"),
        ("-r bl.example:see_%IP%", "BOUNCEMAIL=see_192.0.2.66"),
        ("-r none.example.dead -t 1 -r bl.example", "BOUNCEMAIL=Blocked?"),
        ("-a wl.example -r bl.example", "RBLSMTPD="),
        ("-r bl.example -a wl.example", "BOUNCEMAIL=Blocked?"),
    ] {
        assert_eq!(set(&instance, options, &[LISTED]), [variable], "{options}");
    }
    assert_eq!(set(&instance, "", &[LISTED]), [format!("BOUNCEMAIL=-{}", "x".repeat(200))]);
    assert_eq!(set(&instance, "", &[CLEAN]), ["RBLSMTPD="]);
    let log = String::from_utf8(run(&instance, "-r bl.example", &[LISTED]).stderr).unwrap();
    assert_eq!(log, "stafett-dnsbl: block client 192.0.2.66 rule -r_bl.example: Blocked?\n");
}

#[test]
fn a_list_that_is_dead_is_open_or_closed() {
    let names = Names::new(usual);
    let instance = Instance::new(names.address, &[]);
    assert_eq!(set(&instance, "-t 1 -r bl.dead", &[CLEAN]), ["RBLSMTPD="]);
    let closed = set(&instance, "-c -t 1 -r bl.dead", &[CLEAN]);
    assert_eq!(closed, ["BOUNCEMAIL=the block lists cannot be asked, try again later"]);
}

#[test]
fn what_a_rule_has_decided_is_not_looked_up() {
    let names = Names::new(usual);
    let instance = Instance::new(names.address, &[("dnsbllist", "bl.example\n")]);
    for (variable, expected) in [
        (("RBLSMTPD", ""), &[][..]),
        (("RBLSMTPD", "go\taway"), &["BOUNCEMAIL=go?away"]),
        (("RBLSMTPD", "-go away"), &["BOUNCEMAIL=-go away"]),
        (("BOUNCEMAIL", "said before"), &[]),
        (("RELAYCLIENT", ""), &[]),
    ] {
        assert_eq!(set(&instance, "", &[LISTED, variable]), expected, "{variable:?}");
    }
    assert!(set(&instance, "", &[]).is_empty(), "a program started by hand has no client");
    assert!(names.asked().is_empty());
}

#[test]
fn what_cannot_begin_says_why() {
    let names = Names::new(usual);
    let instance = Instance::new(names.address, &[("dnsbllist", "not a list\n")]);
    let output = run(&instance, "", &[CLEAN]);
    assert_eq!(output.status.code(), Some(111));
    assert!(String::from_utf8(output.stderr).unwrap().contains("fatal: control/dnsbllist:1: "));
    assert_eq!(run(&instance, "-x", &[CLEAN]).status.code(), Some(100));
    let missing = Command::new(PROGRAM).args(["-r", "bl.example", "/nonexistent/smtpd"]).env_clear().output().unwrap();
    assert_eq!(missing.status.code(), Some(111));
    assert!(String::from_utf8(missing.stderr).unwrap().contains("unable to execute /nonexistent/smtpd"));
}
