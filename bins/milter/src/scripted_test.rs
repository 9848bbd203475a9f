//! A session against filters that do as they are told: every verdict, every change, every fault.

use crate::protocol::frame::{self, Frame};
use crate::protocol::options::steps;
use crate::session::Session;
use crate::settings::Settings;
use stafett_ask::{Answer, Verdict};
use stafett_control::Item;
use stafett_control::form::milter::Milter;
use std::fs::File;
use std::io::{Read, Seek, Write};
use std::net::{TcpListener, TcpStream};
use std::os::fd::OwnedFd;
use std::sync::{Arc, Mutex};
use std::time::Instant;

const MESSAGE: &[u8] = b"Subject: test\r\nTo: all\r\n\r\nbody\r\n";

/// What a filter does when it hears a command.
#[derive(Clone)]
enum Act {
    /// Sends these packets.
    Say(Vec<(u8, Vec<u8>)>),
    /// Sends these bytes.
    Raw(Vec<u8>),
    Hang,
    Close,
}

type Script = Vec<(u8, Act)>;

fn say(code: u8, data: &[u8]) -> Act {
    Act::Say(vec![(code, data.to_vec())])
}

struct Filter {
    port: u16,
    heard: Arc<Mutex<Vec<Frame>>>,
}

impl Filter {
    /// A filter that agrees to all actions and to `steps`, and says `c` where the script says nothing else.
    fn new(steps: u32, script: Script) -> Filter {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        let heard = Arc::new(Mutex::new(Vec::new()));
        let notes = Arc::clone(&heard);
        std::thread::spawn(move || {
            for stream in listener.incoming() {
                play(stream.unwrap(), steps, &script, &notes);
            }
        });
        Filter { port, heard }
    }

    fn line(&self, words: &str) -> String {
        format!("inet:127.0.0.1:{} {words}", self.port)
    }

    /// The commands so far, without macros, as letters.
    fn commands(&self) -> String {
        self.heard.lock().unwrap().iter().map(|frame| char::from(frame.code)).filter(|letter| *letter != 'D').collect()
    }

    fn data(&self, code: u8) -> Vec<String> {
        let heard = self.heard.lock().unwrap();
        heard.iter().filter(|frame| frame.code == code).map(|frame| String::from_utf8_lossy(&frame.data).into_owned()).collect()
    }
}

fn silent(steps: u32, command: u8) -> bool {
    let flag = match command {
        b'C' => steps::SILENT_CONNECT,
        b'H' => steps::SILENT_HELO,
        b'M' => steps::SILENT_MAIL,
        b'R' => steps::SILENT_RCPT,
        b'T' => steps::SILENT_DATA,
        b'L' => steps::SILENT_HEADER,
        b'N' => steps::SILENT_END_OF_HEADER,
        b'B' => steps::SILENT_BODY,
        _ => 0,
    };
    steps & flag != 0 || matches!(command, b'D' | b'A' | b'Q')
}

fn play(mut stream: TcpStream, steps: u32, script: &Script, notes: &Mutex<Vec<Frame>>) {
    let (mut pending, mut piece) = (Vec::new(), [0; 65_536]);
    loop {
        while let Some(command) = frame::take(&mut pending).unwrap() {
            let act = script.iter().find(|(code, _)| *code == command.code).map(|(_, act)| act.clone());
            let act = act.unwrap_or_else(|| match command.code {
                b'O' => say(b'O', &[&6_u32.to_be_bytes()[..], &0x1ff_u32.to_be_bytes(), &steps.to_be_bytes()].concat()),
                code if silent(steps, code) => Act::Say(Vec::new()),
                _ => say(b'c', b""),
            });
            notes.lock().unwrap().push(command);
            let mut out = Vec::new();
            match act {
                Act::Say(packets) => packets.iter().for_each(|(code, data)| frame::push(&mut out, *code, &[data])),
                Act::Raw(bytes) => out = bytes,
                Act::Hang => {
                    // until the other side gives up
                    while stream.read(&mut piece).is_ok_and(|length| length > 0) {}
                    return;
                }
                Act::Close => return,
            }
            if stream.write_all(&out).is_err() {
                return;
            }
        }
        match stream.read(&mut piece) {
            Ok(0) | Err(_) => return,
            Ok(length) => pending.extend_from_slice(&piece[..length]),
        }
    }
}

fn settings(lines: &[String]) -> Settings {
    let milters = lines.iter().enumerate().map(|(index, line)| Item { line: index + 1, value: Milter::parse(line).unwrap() });
    Settings { me: "relay.example".to_owned(), milters: milters.collect(), hosts: "127.0.0.1 filterhost\n".to_owned() }
}

fn ask(session: &mut Session<'_>, fields: &[&str]) -> Answer {
    session.answer(&fields.iter().map(|field| field.as_bytes().to_vec()).collect::<Vec<_>>(), None).0
}

fn connect(session: &mut Session<'_>) -> Answer {
    ask(session, &["connect", "client.example", "192.0.2.1", "4711", "192.0.2.25", "25", ""])
}

/// From the connection to an accepted recipient; the first refusal ends it.
fn open(session: &mut Session<'_>) -> Answer {
    let questions: [&[&str]; 3] = [&["helo", "helo.example"], &["mail", "1.1", "a@b.example", "BODY=8BITMIME"], &["rcpt", "c@d.example"]];
    let mut answer = connect(session);
    for question in questions {
        if answer.verdict == Verdict::Ok {
            answer = ask(session, question);
        }
    }
    answer
}

fn judge(session: &mut Session<'_>, message: &[u8]) -> (Answer, Option<File>) {
    let mut file = tempfile::tempfile().unwrap();
    file.write_all(message).unwrap();
    session.answer(&[b"message".to_vec()], Some(OwnedFd::from(file)))
}

/// The whole way with these filters: the first answer that is no yes, or that about the message.
fn pass(lines: &[String]) -> Answer {
    let settings = settings(lines);
    let mut session = Session::new(&settings);
    match open(&mut session) {
        answer if answer.verdict == Verdict::Ok => judge(&mut session, MESSAGE).0,
        answer => answer,
    }
}

fn one(steps: u32, script: Script) -> Answer {
    pass(&[Filter::new(steps, script).line("timeout=20")])
}

fn fields(answer: &Answer) -> Vec<String> {
    answer.fields.iter().map(|field| String::from_utf8_lossy(field).into_owned()).collect()
}

#[test]
fn a_filter_that_is_content_sees_everything_in_order() {
    let filter = Filter::new(0, Vec::new());
    let answer = pass(&[filter.line("")]);
    assert_eq!((answer.verdict, fields(&answer)), (Verdict::Ok, vec![]));
    assert_eq!(filter.commands(), "OCHMRTLLNBE");
    assert_eq!(filter.data(b'M'), ["<a@b.example>\0BODY=8BITMIME\0"]);
    assert_eq!(filter.data(b'L'), ["Subject\0test\0", "To\0all\0"]);
    assert_eq!(filter.data(b'B'), ["body\r\n"]);
    let macros = filter.data(b'D').concat();
    for expected in ["Cj\0relay.example\0", "{client_addr}\x00192.0.2.1\0", "Mi\x001.1\0", "{rcpt_addr}\0c@d.example\0"] {
        assert!(macros.contains(expected), "{macros:?}");
    }
}

#[test]
fn a_filter_knows_of_tls_and_of_the_account() {
    let filter = Filter::new(0, Vec::new());
    let settings = settings(&[filter.line("")]);
    let mut session = Session::new(&settings);
    connect(&mut session);
    ask(&mut session, &["helo", "client.example", "{tls_version}=TLSv1.3", "{cipher_bits}=256", "{cert_subject}=Größe = 7", "{j}=other"]);
    ask(&mut session, &["mail", "1.1", "a@b.example", "SIZE=5", "{auth_type}=PLAIN", "{auth_authen}=alice", "{auth_author}=alice"]);
    ask(&mut session, &["mail", "1.2", "a@b.example"]);
    ask(&mut session, &["helo", "client.example"]);
    assert_eq!(filter.data(b'M')[0], "<a@b.example>\0SIZE=5\0");
    let of_mail =
        "Mi\x001.1\0{mail_addr}\0a@b.example\0{mail_host}\0b.example\0{auth_type}\0PLAIN\0{auth_authen}\0alice\0{auth_author}\0alice\0";
    assert_eq!(
        filter.data(b'D')[1..],
        [
            "H{tls_version}\0TLSv1.3\0{cipher_bits}\x00256\0{cert_subject}\0Größe = 7\0",
            of_mail,
            "Mi\x001.2\0{mail_addr}\0a@b.example\0{mail_host}\0b.example\0"
        ]
    );
}

#[test]
fn steps_that_are_not_wanted_are_left_out() {
    let filter = Filter::new(0x7f | steps::NO_DATA, Vec::new());
    assert_eq!(pass(&[filter.line("")]).verdict, Verdict::Ok);
    assert_eq!(filter.commands(), "OE");
    // what belongs to them is known all the same
    assert!(filter.data(b'D').concat().contains("{client_addr}\x00192.0.2.1"));
}

#[test]
fn steps_that_are_not_answered_are_not_waited_for() {
    let all = steps::SILENT_CONNECT | steps::SILENT_HELO | steps::SILENT_MAIL | steps::SILENT_RCPT | steps::SILENT_DATA;
    let filter = Filter::new(all | steps::SILENT_HEADER | steps::SILENT_END_OF_HEADER | steps::SILENT_BODY, Vec::new());
    assert_eq!(pass(&[filter.line("")]).verdict, Verdict::Ok);
    assert_eq!(filter.commands(), "OCHMRTLLNBE");
}

#[test]
fn leading_blanks_go_along_when_asked_for() {
    let filter = Filter::new(steps::LEADING_SPACE, vec![(b'E', Act::Say(vec![(b'h', b"X\0 1\0".to_vec()), (b'c', vec![])]))]);
    let answer = pass(&[filter.line("")]);
    assert_eq!(filter.data(b'L'), ["Subject\0 test\0", "To\0 all\0"]);
    assert_eq!(fields(&answer), ["P24 24:X: 1\r\n"]);
}

#[test]
fn refusals_reach_the_client_at_every_step() {
    for step in *b"CHMRTLNBE" {
        let answer = one(0, vec![(step, say(b'y', b"554 5.7.1 go away\0"))]);
        assert_eq!((answer.verdict, answer.text.as_str()), (Verdict::Permanent, "554 5.7.1 go away"), "{}", char::from(step));
        assert_eq!(fields(&answer), ["control/milters:1"]);
        assert_eq!(one(0, vec![(step, say(b't', b""))]).verdict, Verdict::Temporary);
        assert_eq!(one(0, vec![(step, say(b'r', b""))]).text, "550 5.7.1 command rejected by a mail filter");
    }
}

#[test]
fn accepted_clients_and_messages_are_not_asked_about_further() {
    for (step, expected) in [(b'C', "OC"), (b'H', "OCH"), (b'M', "OCHM"), (b'R', "OCHMR"), (b'L', "OCHMRTL"), (b'B', "OCHMRTLLNB")] {
        let filter = Filter::new(0, vec![(step, say(b'a', b""))]);
        assert_eq!(pass(&[filter.line("")]).verdict, Verdict::Ok);
        assert_eq!(filter.commands(), expected);
    }
}

#[test]
fn the_next_message_is_asked_about_again() {
    let filter = Filter::new(0, vec![(b'R', say(b'a', b""))]);
    let settings = settings(&[filter.line("")]);
    let mut session = Session::new(&settings);
    open(&mut session);
    ask(&mut session, &["mail", "1.2", "x@y"]);
    ask(&mut session, &["rcpt", "c@d"]);
    session.quit();
    let deadline = Instant::now() + std::time::Duration::from_secs(30);
    while !filter.commands().ends_with('Q') && Instant::now() < deadline {
        std::thread::yield_now();
    }
    assert!(filter.commands().ends_with("OCHMRAMRQ"), "{}", filter.commands());
}

#[test]
fn discarded_messages_are_accepted_and_named() {
    for step in *b"MRTLNBE" {
        let answer = one(0, vec![(step, say(b'd', b""))]);
        assert_eq!((answer.verdict, fields(&answer)), (Verdict::Ok, vec!["Xcontrol/milters:1".to_owned()]), "{}", char::from(step));
    }
}

#[test]
fn changes_come_as_patches_and_lists() {
    let changes = vec![
        (b'i', b"\0\0\0\x01First\0yes\0".to_vec()),
        (b'm', b"\0\0\0\x01subject\0changed\0".to_vec()),
        (b'm', b"\0\0\0\x01To\0\0".to_vec()),
        (b'h', b"Last\0yes\0".to_vec()),
        (b'e', b"<new@sender>\0".to_vec()),
        (b'+', b"<more@rcpt>\0".to_vec()),
        (b'2', b"<dsn@rcpt>\0NOTIFY=NEVER\0".to_vec()),
        (b'-', b"<c@d.example>\0".to_vec()),
        (b'q', b"looks odd\0".to_vec()),
        (b'p', vec![]),
        (b'b', b"new \n".to_vec()),
        (b'b', b"body".to_vec()),
        (b'c', vec![]),
    ];
    let filter = Filter::new(0, vec![(b'E', Act::Say(changes))]);
    let settings = settings(&[filter.line("")]);
    let mut session = Session::new(&settings);
    open(&mut session);
    let (answer, body) = judge(&mut session, MESSAGE);
    let expected = [
        "Fnew@sender",
        "Amore@rcpt",
        "Adsn@rcpt\0NOTIFY=NEVER",
        "Rc@d.example",
        "Qcontrol/milters:1 looks odd",
        "P0 0:First: yes\r\n",
        "P0 15:Subject: changed\r\n",
        "P15 24:",
        "P24 24:Last: yes\r\n",
        "B26",
    ];
    assert_eq!(fields(&answer), expected);
    let (mut body, mut text) = (body.unwrap(), String::new());
    body.rewind().unwrap();
    body.read_to_string(&mut text).unwrap();
    assert_eq!(text, "new \r\nbody\r\n");
}

#[test]
fn a_refusal_takes_the_changes_back() {
    let answer = one(0, vec![(b'E', Act::Say(vec![(b'h', b"X\x001\0".to_vec()), (b'y', b"550 5.7.1 no\0".to_vec())]))]);
    assert_eq!((answer.verdict, fields(&answer)), (Verdict::Permanent, vec!["control/milters:1".to_owned()]));
}

#[test]
fn the_second_filter_sees_what_the_first_has_changed() {
    let changes = vec![(b'h', b"X\x001\0".to_vec()), (b'm', b"\0\0\0\x01To\0\0".to_vec()), (b'b', b"new\r\n".to_vec()), (b'a', vec![])];
    let first = Filter::new(0, vec![(b'E', Act::Say(changes))]);
    let second = Filter::new(0, Vec::new());
    pass(&[first.line(""), second.line("")]);
    assert_eq!(second.data(b'L'), ["Subject\0test\0", "X\x001\0"]);
    assert_eq!(second.data(b'B'), ["new\r\n"]);
}

#[test]
fn the_second_filter_is_not_asked_once_the_first_refuses() {
    let first = Filter::new(0, vec![(b'M', say(b'r', b""))]);
    let second = Filter::new(0, Vec::new());
    assert_eq!(pass(&[first.line(""), second.line("")]).verdict, Verdict::Permanent);
    assert_eq!(second.commands(), "OCH");
}

#[test]
fn skipped_clients_and_recipients_are_not_shown() {
    let filter = Filter::new(0, Vec::new());
    assert_eq!(pass(&[filter.line("skip=192.0.2.0/24")]).verdict, Verdict::Ok);
    assert_eq!(filter.commands(), "");
    assert_eq!(pass(&[filter.line("skip=@d.example")]).verdict, Verdict::Ok);
    assert_eq!(filter.commands(), "OCHM");
}

#[test]
fn hosts_are_known_by_name() {
    let filter = Filter::new(0, Vec::new());
    assert_eq!(pass(&[format!("inet:filterhost:{}", filter.port)]).verdict, Verdict::Ok);
    assert_eq!(pass(&[format!("inet:otherhost:{}", filter.port)]).verdict, Verdict::Temporary);
}

#[test]
fn a_long_body_goes_in_pieces_until_it_is_not_wanted() {
    let message = [MESSAGE, &b"0123456789abcde\r\n".repeat(20_000)].concat();
    for (script, pieces) in [(Vec::new(), 6), (vec![(b'B', say(b's', b""))], 1)] {
        let filter = Filter::new(0, script);
        let settings = settings(&[filter.line("")]);
        let mut session = Session::new(&settings);
        open(&mut session);
        assert_eq!(judge(&mut session, &message).0.verdict, Verdict::Ok);
        assert_eq!(filter.data(b'B').len(), pieces);
        assert!(filter.commands().ends_with('E'));
    }
}

#[test]
fn faults_are_what_the_line_says() {
    let unused = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let faults: Vec<(&str, Script)> = vec![
        ("hangs at once", vec![(b'O', Act::Hang)]),
        ("hangs at the end", vec![(b'E', Act::Hang)]),
        ("closes", vec![(b'R', Act::Close)]),
        ("closes at the end", vec![(b'E', Act::Close)]),
        ("closes amid changes", vec![(b'E', Act::Raw(b"\0\0\0\x09hXX\0evil".to_vec())), (b'Q', Act::Close)]),
        ("garbage", vec![(b'M', Act::Raw(b"220 hello, this is SMTP\r\n".to_vec()))]),
        ("garbage at once", vec![(b'O', Act::Raw(b"\0\0\0\x04Oabc".to_vec()))]),
        ("an unknown answer", vec![(b'H', say(b'?', b""))]),
        ("a packet too long", vec![(b'B', Act::Raw(b"\x00\x10\x00\x00b".to_vec()))]),
        ("a change too early", vec![(b'L', say(b'h', b"X\x001\0"))]),
        ("a header without name", vec![(b'E', say(b'h', b"\x001\0"))]),
        ("gives up", vec![(b'N', say(b'4', b""))]),
        ("a version from the future", vec![(b'O', say(b'O', b"\0\0\0\x07\0\0\0\0\0\0\0\0"))]),
        ("a discarded client", vec![(b'C', say(b'd', b""))]),
    ];
    std::thread::scope(|scope| {
        for (what, script) in faults {
            for (words, verdict) in
                [("away=accept", Verdict::Ok), ("away=tempfail", Verdict::Temporary), ("away=reject", Verdict::Permanent)]
            {
                let filter = Filter::new(0, script.clone());
                scope.spawn(move || {
                    let answer = pass(&[filter.line(&format!("timeout=1 message=1 {words}"))]);
                    assert_eq!(answer.verdict, verdict, "{what} {words} {answer:?}");
                    assert!(verdict != Verdict::Ok || answer.fields.is_empty(), "{what} {answer:?}");
                });
            }
        }
    });
    for (words, verdict) in [("away=accept", Verdict::Ok), ("", Verdict::Temporary), ("away=reject", Verdict::Permanent)] {
        assert_eq!(pass(&[format!("inet:127.0.0.1:{unused} timeout=1 {words}")]).verdict, verdict);
        assert_eq!(pass(&[format!("unix:/nonexistent/socket timeout=1 {words}")]).verdict, verdict);
    }
}

#[test]
fn changes_that_were_not_agreed_upon_are_faults() {
    let offer = say(b'O', b"\0\0\0\x06\0\0\0\x01\0\0\0\0");
    for (change, verdict) in [((b'h', &b"X\x001\0"[..]), Verdict::Ok), ((b'b', &b"new"[..]), Verdict::Temporary)] {
        let end = Act::Say(vec![(change.0, change.1.to_vec()), (b'c', vec![])]);
        assert_eq!(one(0, vec![(b'O', offer.clone()), (b'E', end)]).verdict, verdict);
    }
}

#[test]
fn progress_gives_time_but_not_for_ever() {
    let late = Act::Say(std::iter::repeat_n((b'p', vec![]), 50).chain([(b'c', vec![])]).collect());
    assert_eq!(one(0, vec![(b'E', late)]).verdict, Verdict::Ok);
    let never = Act::Say(vec![(b'p', vec![]); 50]);
    let filter = Filter::new(0, vec![(b'E', never)]);
    let begun = Instant::now();
    assert_eq!(pass(&[filter.line("timeout=1 message=2")]).verdict, Verdict::Temporary);
    assert!(begun.elapsed().as_secs() < 30);
}

#[test]
fn a_filter_that_failed_stays_away_for_the_session() {
    let filter = Filter::new(0, vec![(b'M', Act::Close)]);
    for (words, verdict) in [("", Verdict::Temporary), ("away=accept", Verdict::Ok)] {
        let settings = settings(&[filter.line(words)]);
        let mut session = Session::new(&settings);
        assert_eq!(open(&mut session).verdict, verdict);
        assert_eq!(ask(&mut session, &["mail", "1.2", "x@y"]).verdict, verdict);
    }
}

#[test]
fn questions_that_are_none_get_no_yes() {
    let settings = settings(&[]);
    let mut session = Session::new(&settings);
    for question in [&["wat"][..], &[], &["connect"], &["mail", "x"], &["message"]] {
        assert_eq!(ask(&mut session, question).verdict, Verdict::Temporary, "{question:?}");
    }
}
