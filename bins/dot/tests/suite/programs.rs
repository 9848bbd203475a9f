use crate::common::{MESSAGE, PROGRAM, Place};
use std::os::unix::fs::symlink;
use std::process::Command;

fn sent_on() -> String {
    format!("Delivered-To: joe@here.test\n{MESSAGE}")
}

#[test]
fn forward_sends_on_with_the_new_sender() {
    let place = Place::new();
    let done = place.run(&["forward", "a@far.test", "b@far.test"]).must(0, "forward: qp 1763758000123456\n");
    assert_eq!(done.envelope, "Flist-owner@here.test|Ta@far.test|Tb@far.test||");
    assert_eq!(done.message, sent_on());
    place.run_without("NEWSENDER", &["forward", "a@far.test"]).must(100, "NEWSENDER");
    place.run_without("DTLINE", &["forward", "a@far.test"]).must(100, "DTLINE");
    place.run(&["forward"]).must(100, "usage");
    place.run(&["forward", ""]).must(100, "no address");
}

#[test]
fn what_the_sender_asked_for_goes_on_with_its_message() {
    let place = Place::new();
    place.queue("cat >message; cat <&1 >/dev/null; env | grep ^DSN | sort >envelope");
    let asked = |arguments: &[&str], sender: &str, notify: &str| {
        let mut command = place.command(arguments);
        command
            .env("NEWSENDER", sender)
            .env("NOTIFY", notify)
            .env("ORCPT", "rfc822;joe@here.test")
            .env("RET", "HDRS")
            .env("ENVID", "X+2B1");
        place.end(&mut command).envelope
    };
    let rest = "DSNENVID=X+2B1\n{notify}DSNORCPT=rfc822;joe@here.test\nDSNRET=HDRS\n";
    for (given, told) in [("SUCCESS,DELAY,FAILURE", "DELAY,FAILURE"), ("success", "NEVER"), ("NEVER", "NEVER")] {
        let wanted = rest.replace("{notify}", &format!("DSNNOTIFY={told}\n"));
        assert_eq!(asked(&["forward", "a@far.test"], "s@far.test", given), wanted);
        assert_eq!(asked(&["condredirect", "a@far.test", "true"], "list-owner@here.test", given), wanted);
    }
    assert_eq!(asked(&["forward", "a@far.test"], "s@far.test", ""), rest.replace("{notify}", ""));
    assert_eq!(asked(&["forward", "a@far.test"], "list-owner@here.test", "NEVER"), "");
    assert_eq!(place.run(&["condredirect", "a@far.test", "true"]).envelope, "");
}

#[test]
fn what_requires_tls_does_so_behind_whoever_sends_it_on() {
    let place = Place::new();
    place.queue("cat >message; cat <&1 >/dev/null; env | grep ^QUEUEREQUIRETLS >envelope");
    for sender in ["s@far.test", "list-owner@here.test"] {
        for arguments in [&["forward", "a@far.test"][..], &["condredirect", "a@far.test", "true"]] {
            let mut command = place.command(arguments);
            let ended = place.end(command.env("NEWSENDER", sender).env("REQUIRETLS", "yes"));
            assert_eq!(ended.envelope, "QUEUEREQUIRETLS=yes\n");
        }
    }
}

/// A script that keeps an exit code in RET gives it to forward, if the sender has said RET: what was imported is exported again.
#[test]
fn what_a_script_has_in_such_a_variable_is_no_wish() {
    let place = Place::new();
    place.queue("cat >message; cat <&1 >/dev/null; env | grep ^DSN | sort >envelope");
    let wishes = |name: &str, value: &str| {
        let mut command = place.command(&["forward", "a@far.test"]);
        place.end(command.env("NEWSENDER", "s@far.test").env(name, value)).envelope
    };
    for (name, value) in [("RET", "0"), ("NOTIFY", "yes"), ("NOTIFY", ""), ("ORCPT", "joe@here.test"), ("ENVID", "a=b")] {
        assert_eq!(wishes(name, value), "", "{name}={value}");
    }
    assert_eq!(wishes("RET", "full"), "DSNRET=full\n");
}

#[test]
fn the_queues_answer_decides() {
    let place = Place::new();
    place.write("letter", &"a long line\n".repeat(100_000));
    for (script, code, words) in [
        ("cat >/dev/null; exit 31", 100, "refuses"),
        ("cat >/dev/null; exit 53", 111, "disk is full"),
        ("exec 3<&0; printf 'Dnobody wants that' >&6; exit 82", 100, "nobody wants that"),
        ("exit 74", 111, "connection"),
        ("kill -9 $$", 111, "signal 9"),
        // What it leaves behind is not waited for.
        ("cat >/dev/null; sleep 60 <&- >&- 2>&- & exit 0", 0, "qp"),
    ] {
        place.queue(script);
        place.run(&["forward", "a@far.test"]).must(code, words);
    }
    place.run_with("QMAILQUEUE", "/nonexistent/queue", &["forward", "a@far.test"]).must(111, "/nonexistent/queue");
}

#[test]
fn condredirect_sends_on_when_a_program_says_yes() {
    let place = Place::new();
    let redirect = |script: &str| place.run(&["condredirect", "a@far.test", "sh", "-c", script]);
    let done = redirect("grep -q '^Subject: x'").must(99, "condredirect: qp ");
    assert_eq!((done.envelope.as_str(), done.message), ("Fs@far.test|Ta@far.test||", sent_on()));
    for script in ["exit 1", "exit 99", "exit 100"] {
        assert_eq!(redirect(script).must(0, "").envelope, "", "{script}");
    }
    redirect("exit 111").must(111, "unable to tell now");
    redirect("kill -9 $$").must(111, "crashed");
    place.run(&["condredirect", "a@far.test", "/nonexistent"]).must(0, "");
    place.run(&["condredirect", "a@far.test"]).must(100, "usage");
    place.run_without("SENDER", &["condredirect", "a@far.test", "true"]).must(100, "SENDER");
    let mut piped = place.command(&["condredirect", "a@far.test", "true"]);
    piped.stdin(std::process::Stdio::piped());
    place.end(&mut piped).must(111, "unable to go back to the begin of the message");
}

#[test]
fn bouncesaying_and_except_turn_answers_into_codes() {
    let place = Place::new();
    place.run(&["bouncesaying", "go away; thanks"]).must(100, "go away; thanks\n");
    place.run(&["bouncesaying", "go away", "grep", "-q", "^Subject"]).must(100, "go away\n");
    assert_eq!(place.run(&["bouncesaying", "go away", "grep", "-q", "^Nothing"]).must(0, "").stderr, "");
    place.run(&["bouncesaying", "go away", "/nonexistent"]).must(0, "");
    place.run(&["bouncesaying", "go away", "sh", "-c", "exit 111"]).must(111, "");
    place.run(&["bouncesaying"]).must(100, "usage");
    for (script, code) in [("exit 0", 100), ("exit 1", 0), ("exit 99", 0), ("exit 100", 0), ("exit 111", 111), ("kill -9 $$", 111)] {
        place.run(&["except", "sh", "-c", script]).must(code, "");
    }
    place.run(&["except", "/nonexistent"]).must(0, "");
    place.run(&["except"]).must(100, "usage");
}

#[test]
fn preline_puts_lines_in_front() {
    let place = Place::new();
    let lines = "From s@far.test Thu Jan  1 00:00:00 1970\nReturn-Path: <s@far.test>\nDelivered-To: joe@here.test\n";
    assert_eq!(place.run(&["preline", "cat"]).must(0, "").stdout, format!("{lines}{MESSAGE}"));
    assert_eq!(place.run(&["preline", "-f", "cat"]).stdout, format!("{}{MESSAGE}", lines.split_once('\n').unwrap().1));
    assert_eq!(place.run(&["preline", "-frd", "--", "cat"]).stdout, MESSAGE);
    assert_eq!(place.run(&["preline", "-frdD", "sh", "-c", "cat"]).stdout, format!("Delivered-To: joe@here.test\n{MESSAGE}"));
    for variable in ["UFLINE", "RPLINE", "DTLINE"] {
        place.run_without(variable, &["preline", "-frd", "cat"]).must(100, variable);
    }
    place.run(&["preline", "sh", "-c", "cat >/dev/null; exit 99"]).must(99, "");
    place.run(&["preline", "sh", "-c", "kill -9 $$"]).must(111, "crashed");
    place.run(&["preline", "/nonexistent"]).must(100, "unable to run /nonexistent");
    for wrong in [&["preline"][..], &["preline", "-f"], &["preline", "-x", "cat"]] {
        place.run(wrong).must(100, "usage");
    }
}

#[test]
fn a_program_that_does_not_read_fails_only_for_long_messages() {
    let place = Place::new();
    for code in [0, 77] {
        place.run(&["preline", "sh", "-c", &format!("exec <&-; exit {code}")]).must(code, "");
    }
    place.write("letter", &"a long line\n".repeat(100_000));
    place.run(&["preline", "sh", "-c", "exec <&-; exit 0"]).must(111, "unable to give sh the message");
}

#[test]
fn each_program_answers_to_its_name() {
    let place = Place::new();
    let link = place.path("except");
    symlink(PROGRAM, &link).unwrap();
    assert_eq!(Command::new(link).arg("false").status().unwrap().code(), Some(0));
    place.run(&[]).must(100, "the programs are forward, preline, condredirect");
    place.run(&["sendmail"]).must(100, "usage");
    for name in ["forward", "preline", "condredirect", "bouncesaying", "except", "fastforward", "maildirmake"] {
        place.run(&[name]).must(100, &format!("{name}: fatal: usage"));
    }
}
