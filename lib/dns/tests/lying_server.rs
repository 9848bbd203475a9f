//! The resolver against servers that lie, err, cut short or say nothing.
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};
use std::thread;
use std::time::{Duration, Instant};

use domain::base::iana::{Rcode, Rtype};
use domain::base::name::ToName;
use domain::base::{Message, MessageBuilder, Ttl};
use domain::rdata::{A, Cname};
use stafett_dns::{Kind, Name, Outcome, Question, Reason, Resolver};

/// Whoever waited for it would be seen, on a busy machine too.
const PATIENCE: Duration = Duration::from_secs(60);
/// What does not wait for that is over by then.
const SOON: Duration = Duration::from_secs(20);
const ADDRESS: Ipv4Addr = Ipv4Addr::new(192, 0, 2, 1);

fn name(text: &str) -> Name {
    text.parse().unwrap()
}

fn question() -> Question {
    Question::new("host.example", Kind::A).unwrap()
}

/// Runs `behave` on each datagram; what it returns is sent back, in order.
fn server(behave: impl Fn(&Message<Vec<u8>>) -> Vec<Vec<u8>> + Send + 'static) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let query = Message::from_octets(buffer[..length].to_vec()).unwrap();
            for reply in behave(&query) {
                socket.send_to(&reply, peer).unwrap();
            }
        }
    });
    address
}

fn reply(query: &Message<Vec<u8>>, rcode: Rcode, records: &[(&str, Record)]) -> Vec<u8> {
    let mut answer = MessageBuilder::new_vec().start_answer(query, rcode).unwrap();
    for (owner, record) in records {
        let ttl = Ttl::from_secs(60);
        match record {
            Record::Address(address) => answer.push((name(owner), ttl, A::new(*address))).unwrap(),
            Record::Alias(target) => answer.push((name(owner), ttl, Cname::new(name(target)))).unwrap(),
        }
    }
    answer.finish()
}

enum Record {
    Address(Ipv4Addr),
    Alias(&'static str),
}

fn honest(query: &Message<Vec<u8>>) -> Vec<u8> {
    let owner: Name = query.sole_question().unwrap().qname().to_name();
    reply(query, Rcode::NOERROR, &[(&owner.to_string(), Record::Address(ADDRESS))])
}

fn ask(servers: Vec<SocketAddr>) -> Outcome {
    Resolver::new(servers).ask(&question(), PATIENCE)
}

fn reason(outcome: Outcome) -> Reason {
    match outcome {
        Outcome::Temporary(failure) => failure.reason,
        other => panic!("expected a temporary failure, saw {other:?}"),
    }
}

fn is_the_address(outcome: &Outcome) -> bool {
    matches!(outcome, Outcome::Answer(answer) if answer.addresses().eq([ADDRESS]))
}

#[test]
fn an_honest_answer_is_taken() {
    assert!(is_the_address(&ask(vec![server(|query| vec![honest(query)])])));
}

#[test]
fn a_wrong_id_is_dropped_and_the_right_answer_behind_it_taken() {
    let liar = server(|query| {
        let mut forged = reply(query, Rcode::NOERROR, &[("host.example", Record::Address(Ipv4Addr::new(6, 6, 6, 6)))]);
        forged[0] ^= 0xff;
        vec![forged, honest(query)]
    });
    assert!(is_the_address(&ask(vec![liar])));
}

#[test]
fn an_answer_to_another_question_is_dropped() {
    let liar = server(|query| {
        let mut other = MessageBuilder::new_vec();
        other.header_mut().set_id(query.header().id());
        other.header_mut().set_qr(true);
        let mut other = other.question();
        other.push((name("other.example"), Rtype::A)).unwrap();
        let mut other = other.answer();
        other.push((name("host.example"), Ttl::from_secs(1), A::new(Ipv4Addr::new(6, 6, 6, 6)))).unwrap();
        vec![other.finish(), honest(query)]
    });
    assert!(is_the_address(&ask(vec![liar])));
}

#[test]
fn records_of_other_owners_do_not_count() {
    let liar = server(|query| vec![reply(query, Rcode::NOERROR, &[("elsewhere.example", Record::Address(ADDRESS))])]);
    assert_eq!(ask(vec![liar]), Outcome::NoData);
}

#[test]
fn nothing_but_strangers_ends_with_the_deadline_and_names_the_reason() {
    let liar = server(|query| {
        let mut forged = honest(query);
        forged[1] ^= 0xff;
        vec![forged]
    });
    let start = Instant::now();
    let outcome = Resolver::new(vec![liar]).ask(&question(), Duration::from_millis(300));
    assert_eq!(reason(outcome), Reason::Malformed("wrong id"));
    assert!(start.elapsed() < SOON);
}

#[test]
fn a_flood_of_strangers_is_cut_off() {
    let liar = server(|query| {
        let mut forged = honest(query);
        forged[1] ^= 0xff;
        vec![forged; 64]
    });
    let start = Instant::now();
    assert_eq!(reason(ask(vec![liar])), Reason::Malformed("wrong id"));
    assert!(start.elapsed() < SOON);
}

#[test]
fn silence_ends_with_the_deadline() {
    let start = Instant::now();
    let outcome = Resolver::new(vec![server(|_| Vec::new())]).ask(&question(), Duration::from_millis(400));
    assert_eq!(reason(outcome), Reason::Timeout);
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(400) && elapsed < SOON, "{elapsed:?}");
}

#[test]
fn a_silent_server_is_passed_over() {
    let start = Instant::now();
    let outcome = ask(vec![server(|_| Vec::new()), server(|query| vec![honest(query)])]);
    assert!(is_the_address(&outcome));
    assert!(start.elapsed() < SOON);
}

#[test]
fn servfail_and_refused_go_to_the_next_server_at_once() {
    for rcode in [Rcode::SERVFAIL, Rcode::REFUSED] {
        let servers = vec![server(move |query| vec![reply(query, rcode, &[])]), server(|query| vec![honest(query)])];
        let took = || {
            let start = Instant::now();
            assert!(is_the_address(&ask(servers.clone())));
            start.elapsed()
        };
        // The next is asked after a second anyway, so each would take that long; a busy machine delays some.
        assert!((0..5).any(|_| took() < Duration::from_millis(900)), "{rcode}");
    }
}

#[test]
fn servfail_everywhere_is_temporary_with_its_reason() {
    let failing = || server(|query| vec![reply(query, Rcode::SERVFAIL, &[])]);
    assert_eq!(reason(ask(vec![failing(), failing()])), Reason::ServerFailure);
    assert_eq!(reason(ask(vec![server(|query| vec![reply(query, Rcode::REFUSED, &[])])])), Reason::Refused);
}

#[test]
fn a_dead_server_is_noticed_at_once() {
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let start = Instant::now();
    assert!(matches!(reason(ask(vec![dead])), Reason::Unreachable(_)));
    assert!(start.elapsed() < SOON);
}

#[test]
fn no_such_name_and_no_data_are_told_apart() {
    assert_eq!(ask(vec![server(|query| vec![reply(query, Rcode::NXDOMAIN, &[])])]), Outcome::NoSuchName);
    assert_eq!(ask(vec![server(|query| vec![reply(query, Rcode::NOERROR, &[])])]), Outcome::NoData);
}

#[test]
fn aliases_inside_one_answer_are_followed_in_any_order() {
    let server = server(|query| {
        vec![reply(
            query,
            Rcode::NOERROR,
            &[
                ("c.example", Record::Address(ADDRESS)),
                ("b.example", Record::Alias("c.example")),
                ("host.example", Record::Alias("b.example")),
            ],
        )]
    });
    let Outcome::Answer(answer) = ask(vec![server]) else { panic!("no answer") };
    assert_eq!(answer.owner, name("c.example"));
}

#[test]
fn aliases_that_leave_the_answer_are_asked_for() {
    let server = server(|query| {
        let asked: Name = query.sole_question().unwrap().qname().to_name();
        if asked == name("host.example") {
            vec![reply(query, Rcode::NOERROR, &[("host.example", Record::Alias("b.example"))])]
        } else {
            vec![honest(query)]
        }
    });
    assert!(is_the_address(&ask(vec![server])));
}

#[test]
fn alias_loops_are_temporary() {
    let inside = server(|query| {
        let records = [("host.example", Record::Alias("b.example")), ("b.example", Record::Alias("host.example"))];
        vec![reply(query, Rcode::NOERROR, &records)]
    });
    assert_eq!(reason(ask(vec![inside])), Reason::AliasLoop);
    let across = server(|query| {
        let asked: Name = query.sole_question().unwrap().qname().to_name();
        let step = if asked == name("host.example") {
            ("host.example", Record::Alias("b.example"))
        } else {
            ("b.example", Record::Alias("host.example"))
        };
        vec![reply(query, Rcode::NOERROR, &[step])]
    });
    assert_eq!(reason(ask(vec![across])), Reason::AliasLoop);
}

#[test]
fn a_server_without_edns_is_asked_again_without() {
    let old = server(|query| if query.opt().is_some() { vec![reply(query, Rcode::FORMERR, &[])] } else { vec![honest(query)] });
    assert!(is_the_address(&ask(vec![old])));
}

#[test]
fn a_cut_answer_is_fetched_over_tcp() {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let socket = UdpSocket::bind(address).unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        let (length, peer) = socket.recv_from(&mut buffer).unwrap();
        let query = Message::from_octets(buffer[..length].to_vec()).unwrap();
        let mut cut = Message::from_octets(reply(&query, Rcode::NOERROR, &[])).unwrap();
        cut.header_mut().set_tc(true);
        socket.send_to(cut.as_slice(), peer).unwrap();
        let (mut stream, _) = listener.accept().unwrap();
        let mut length = [0; 2];
        stream.read_exact(&mut length).unwrap();
        let mut query = vec![0; usize::from(u16::from_be_bytes(length))];
        stream.read_exact(&mut query).unwrap();
        let answer = honest(&Message::from_octets(query).unwrap());
        // In two pieces, so that the reader must join them.
        stream.write_all(&u16::try_from(answer.len()).unwrap().to_be_bytes()).unwrap();
        stream.write_all(&answer[..10]).unwrap();
        thread::sleep(Duration::from_millis(50));
        stream.write_all(&answer[10..]).unwrap();
    });
    assert!(is_the_address(&ask(vec![address])));
}

#[test]
fn a_cut_answer_without_tcp_is_temporary() {
    let liar = server(|query| {
        let mut cut = Message::from_octets(reply(query, Rcode::NOERROR, &[])).unwrap();
        cut.header_mut().set_tc(true);
        vec![cut.into_octets()]
    });
    assert!(matches!(reason(ask(vec![liar])), Reason::Unreachable(_)));
}

#[test]
fn records_cut_inside_are_malformed() {
    let liar = server(|query| {
        let mut answer = honest(query);
        answer.truncate(answer.len() - 2);
        vec![answer]
    });
    assert!(matches!(reason(ask(vec![liar])), Reason::Malformed(_)));
}

#[test]
fn fifty_questions_are_asked_before_one_is_answered() {
    let questions: Vec<Question> = (0..50).map(|number| Question::new(&format!("host{number}.example"), Kind::A).unwrap()).collect();
    let outcomes = Resolver::new(vec![answering_together(questions.len())]).ask_all(&questions, PATIENCE);
    assert_eq!(outcomes.len(), questions.len());
    assert!(outcomes.iter().all(is_the_address));
}

/// Answers when it has heard so many questions.
fn answering_together(many: usize) -> SocketAddr {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let (mut buffer, mut heard) = ([0; 2048], BTreeMap::new());
        while heard.len() < many {
            let (length, peer) = socket.recv_from(&mut buffer).unwrap();
            let query = Message::from_octets(buffer[..length].to_vec()).unwrap();
            let asked: Name = query.sole_question().unwrap().qname().to_name();
            heard.insert(asked.to_string(), (peer, honest(&query)));
        }
        for (peer, answer) in heard.into_values() {
            socket.send_to(&answer, peer).unwrap();
        }
    });
    address
}

#[test]
fn no_server_at_all_is_temporary() {
    assert!(matches!(reason(ask(Vec::new())), Reason::System(_)));
}

/// Bit 5 of the fourth octet: "validated" (RFC 4035 §3.2.3).
const AUTHENTIC: u8 = 0x20;

/// An alias in one message and its address in the next; each is said to be validated where `steps` says so.
fn validated(steps: [bool; 2]) -> SocketAddr {
    server(move |query| {
        let asked: Name = query.sole_question().unwrap().qname().to_name();
        let is_first = asked == name("host.example");
        let record = if is_first { Record::Alias("end.example") } else { Record::Address(ADDRESS) };
        let mut bytes = reply(query, Rcode::NOERROR, &[(&asked.to_string(), record)]);
        let is_asked_for = query.header().ad();
        bytes[3] = bytes[3] & !AUTHENTIC | if is_asked_for && steps[usize::from(!is_first)] { AUTHENTIC } else { 0 };
        vec![bytes]
    })
}

#[test]
fn dnssec_vouches_for_an_answer_only_if_it_does_for_each_step() {
    for (steps, secure) in [([true, true], true), ([true, false], false), ([false, true], false), ([false, false], false)] {
        let resolver = Resolver::new(vec![validated(steps)]);
        let timed = resolver.ask_all_timed(&[question()], PATIENCE).pop().unwrap();
        assert!(matches!(timed.outcome, Outcome::Answer(_)), "{timed:?}");
        assert_eq!(timed.secure, secure, "{steps:?}");
        let Outcome::Answer(host) = resolver.hosts(&[name("host.example")], 1, PATIENCE).pop().unwrap() else { panic!("no host") };
        assert_eq!((host.secure, host.owner), (secure, name("end.example")), "{steps:?}");
    }
}
