//! The scheduler's log as qmailanalog reads it.
//!
//! Its matchup takes lines apart at blanks and goes by the positions of the words; it is described in matchup(1) and
//! MATCHUP of qmailanalog. It is in neither Debian nor a package registry, so what it does is done here after that
//! description; where a matchup is installed, both must say the same, as they did with the one that a descendant of qmail
//! brings (aQmail).

use stafett_test_e2e::{Act, Client, Signal, Sink, Site, Step, Supervisor, has, message, signal, wait_until};
use std::collections::HashMap;
use std::io::Write;
use std::process::{Command, Stdio};

/// TAI64 labels count from here.
const TAI_EPOCH: u64 = (1 << 62) + 10;

/// A log with its TAI64N stamps as seconds with a fraction, as tai64nfrac writes them.
fn with_fractions(log: &str) -> String {
    let line = |line: &str| {
        let (stamp, rest) = line.split_once(' ').unwrap();
        let digits = stamp.strip_prefix('@').filter(|digits| digits.len() == 24).unwrap_or_else(|| panic!("no TAI64N stamp: {line}"));
        let number = |digits: &str| u64::from_str_radix(digits, 16).unwrap();
        format!("{}.{:09} {rest}\n", number(&digits[..16]) - TAI_EPOCH, number(&digits[16..]))
    };
    log.lines().map(line).collect()
}

#[derive(Default)]
struct Message {
    birth: String,
    bytes: u64,
    sender: String,
    qp: u64,
    uid: u64,
    outcomes: [u64; 3],
}

/// The lines about ended deliveries (`d`) and ended messages (`m`), in order.
fn matched(log: &str) -> Vec<String> {
    let (mut messages, mut deliveries) = (HashMap::<u64, Message>::new(), HashMap::<u64, (u64, String, String)>::new());
    let mut out = Vec::new();
    for line in log.lines() {
        let words: Vec<&str> = line.split_ascii_whitespace().collect();
        // A number may be followed by a colon, as scan_ulong() stops there.
        let number = |at: usize| words[at].trim_end_matches(':').parse::<u64>().unwrap_or_else(|_| panic!("no number at {at}: {line}"));
        match words[1] {
            "new" => drop(messages.remove(&number(3))),
            "info" => {
                let (birth, sender) = (words[0].to_owned(), words[7].to_ascii_lowercase());
                assert!((words[2], words[4], words[6], words[8], words[10]) == ("msg", "bytes", "from", "qp", "uid"), "{line}");
                let message = Message { birth, sender, bytes: number(5), qp: number(9), uid: number(11), outcomes: [0; 3] };
                messages.insert(number(3), message);
            }
            "starting" => {
                let recipient = format!("{}.{}", words[7], words[8].to_ascii_lowercase());
                deliveries.insert(number(3), (number(5), words[0].to_owned(), recipient));
            }
            "delivery" => {
                let (id, start, recipient) = deliveries.remove(&number(2)).unwrap_or_else(|| panic!("never started: {line}"));
                let message = messages.get_mut(&id).unwrap_or_else(|| panic!("of an unknown message: {line}"));
                let result = ["success:", "failure:", "deferral:"].iter().position(|word| *word == words[3]).unwrap();
                message.outcomes[result] += 1;
                let Message { birth, bytes, sender, qp, uid, .. } = message;
                let letter = ["k", "d", "z"][result];
                out.push(format!("d {letter} {birth} {start} {} {bytes} {sender} {recipient} {qp} {uid} {}", words[0], words[4]));
                assert_eq!(words.len(), 5, "the reason is more than one word: {line}");
            }
            "end" => {
                let Message { birth, bytes, sender, qp, uid, outcomes: [k, d, z] } = messages.remove(&number(3)).unwrap();
                out.push(format!("m {birth} {} {bytes} {k} {d} {z} {sender} {qp} {uid}", words[0]));
            }
            _ => {}
        }
    }
    assert!(deliveries.is_empty(), "deliveries without an end: {deliveries:?}");
    out
}

/// Without times and ids, which differ from run to run.
fn lasting(line: &str, uid: &str) -> String {
    let is_known =
        |word: &&str| !(word.contains('.') && word.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') || word.len() == 16);
    let words: Vec<&str> = line.split(' ').filter(is_known).map(|word| if word == uid { "UID" } else { word }).collect();
    words.join(" ")
}

#[test]
fn qmailanalog_can_read_the_log() {
    let sink = Sink::scripted(|step, _| match step {
        Step::Rcpt(line) if line.contains("gone") => Act::Say("550 5.1.1 no such user".to_owned()),
        Step::Rcpt(line) if line.contains("later") => Act::Say("450 4.2.0 not now".to_owned()),
        _ => Act::Accept,
    });
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("doublebounceto", "\n");
    // multilog stamps its lines in TAI64N.
    site.start(Supervisor::Daemontools);
    let mut client = Client::greeted(site.port());
    client.deliver("\"A b\"@Sender.test", &["There@taken.test", "later@taken.test"], &message("one"));
    client.deliver("", &["gone@taken.test"], &message("two"));
    site.logged("send", "deferral: ");
    site.logged("send", "failure: ");
    sink.now(|_, _| Act::Accept);
    signal(site.resident("stafett-send").pid, Signal::SIGALRM);
    site.drained(60);
    assert!(wait_until(30, || site.log("send").matches("end msg").count() == 2), "{}", site.logs());
    let log = with_fractions(&site.log("send"));
    let said = matched(&log);
    let info = log.lines().find(|line| line.contains("info msg")).unwrap();
    let mut lines: Vec<String> = said.iter().map(|line| lasting(line, info.rsplit(' ').next().unwrap())).collect();
    lines.sort();
    let (from, said_it) = ("<\"a_b\"@sender.test>", "127.0.0.1_accepted_message._Remote_host_said:_250_2.0.0_taken");
    let wanted = [
        "d d 133 <> remote.gone@taken.test UID 127.0.0.1_does_not_like_recipient._Remote_host_said:_550_5.1.1_no_such_user".to_owned(),
        format!("d k 133 {from} remote.later@taken.test UID {said_it}"),
        format!("d k 133 {from} remote.there@taken.test UID {said_it}"),
        format!("d z 133 {from} remote.later@taken.test UID 127.0.0.1_does_not_like_recipient._Remote_host_said:_450_4.2.0_not_now"),
        "m 133 0 1 0 <> UID".to_owned(),
        format!("m 133 2 0 1 {from} UID"),
    ];
    assert_eq!(lines, wanted, "{log}");
    if let Some(matchup) = has("matchup") {
        assert_eq!(said_by(&matchup, &log), said);
    }
}

/// What matchup itself says; unfinished things go to its descriptor 5.
fn said_by(matchup: &std::path::Path, log: &str) -> Vec<String> {
    let mut command = Command::new("sh");
    command.args(["-c", "exec \"$0\" 5>/dev/null"]).arg(matchup).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().unwrap();
    child.stdin.take().unwrap().write_all(log.as_bytes()).unwrap();
    let text = String::from_utf8(child.wait_with_output().unwrap().stdout).unwrap();
    text.lines().filter(|line| !line.starts_with('?')).map(str::to_owned).collect()
}
