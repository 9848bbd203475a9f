use crate::Verdict;
use crate::arrival::Arrival;
use crate::delivery::{Destination, Kind, Order, Report, Scope};
use crate::injector::{Answer, Injector};
use crate::netstring::{self, Reader};

#[test]
fn netstrings_survive_any_cut_of_the_stream() {
    struct Drip<'a>(&'a [u8]);
    impl std::io::Read for Drip<'_> {
        fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
            let Some((first, rest)) = self.0.split_first() else { return Ok(0) };
            out[0] = *first;
            self.0 = rest;
            Ok(1)
        }
    }
    let mut stream = Vec::new();
    netstring::push(&mut stream, b"hello");
    netstring::push(&mut stream, b"");
    netstring::push(&mut stream, b"1:2,");
    let mut reader = Reader::new(Drip(&stream), 16);
    for expected in [&b"hello"[..], b"", b"1:2,"] {
        assert_eq!(reader.next().unwrap().unwrap(), expected);
    }
    assert!(reader.next().unwrap().is_none());
}

#[test]
fn malformed_netstrings_are_errors() {
    for bad in [&b"x:a,"[..], b":,", b"-1:a,", b"3:abc;", b"99999999999:a,", b"5:abc", b"17:aaaaaaaaaaaaaaaaa,"] {
        let mut reader = Reader::new(bad, 16);
        assert!(reader.next().is_err(), "{}", String::from_utf8_lossy(bad));
    }
    assert!(netstring::all(b"1:a,1:b,", 1).is_err());
    assert!(netstring::all(b"1:a,1", 9).is_err());
}

#[test]
fn orders_reports_arrivals_and_answers_are_read_back() {
    let order = Order { delivery: 7, id: 1_763_758_000_123_456, size: 4096, envelope: b"from a@b\nto c@d\n" };
    assert_eq!(Order::parse(&order.encode()).unwrap(), order);
    for scope in [Scope::Message, Scope::Destination, Scope::Own] {
        let report = Report {
            delivery: 7,
            scope,
            reusable: false,
            takes_several: false,
            recipients: vec![(Verdict::Ok, "fine".into()), (Verdict::Permanent, "r\u{e4}v".into()), (Verdict::Ok, "k".into())],
            dsn_taken: vec![true, false, false],
        };
        assert_eq!(Report::parse(&report.encode()).unwrap(), report);
    }
    assert!(Report::parse(b"1:7,1:x,1:-,2:Kk,").is_err());
    assert!(Report::parse(b"1:7,1:m,1:!,2:Kk,").is_err());
    let arrival = Arrival::Message { id: 1, size: 2, envelope: b"from \nto a\n" };
    assert_eq!(Arrival::parse(&arrival.encode()).unwrap(), arrival);
    assert_eq!(Arrival::parse(b"S").unwrap(), Arrival::Scan);
    let answer = Answer::Temporary("452 4.3.1 no room".into());
    assert_eq!(Answer::parse(&answer.encode()).unwrap(), answer);
    assert!(Answer::parse(b"Kid\r\n250 forged").is_err());
}

#[test]
fn several_orders_and_their_reports_are_read_back() {
    let orders: Vec<Order<'_>> = (1..=16).map(|delivery| Order { delivery, id: 1, size: 2, envelope: b"from \nto a@b\n" }).collect();
    let mut packet = Vec::new();
    orders.iter().for_each(|order| order.add_to(&mut packet));
    assert_eq!(Order::parse_all(&packet).unwrap(), orders);
    assert!(Order::parse(&packet).is_err(), "one is wanted");
    orders[0].add_to(&mut packet);
    for bad in [&packet[..], b"", b"1:1,1:1,1:1,", b"1:1,1:1,1:1,1:x,1:2,"] {
        assert!(Order::parse_all(bad).is_err(), "{}", String::from_utf8_lossy(bad));
    }
    let report = |delivery| Report {
        delivery,
        scope: Scope::Message,
        reusable: true,
        takes_several: true,
        recipients: vec![(Verdict::Ok, "did 1+0+0".into())],
        dsn_taken: vec![false],
    };
    let reports = [report(1), report(2)];
    assert_eq!(Report::parse_all(&Report::encode_all(&reports)).unwrap(), reports);
    assert!(Report::parse_all(b"").is_err());
}

#[test]
fn a_destination_is_read_back_and_a_hostile_one_refused() {
    for (kind, name, port, shown) in [
        (Kind::Mx, "example.org", 25, "example.org"),
        (Kind::Host, "2001:db8::1", 25, "[2001:db8::1]:25"),
        (Kind::Lmtp, "mail.example", 24, "lmtp:mail.example:24"),
        (Kind::LmtpSocket, "/run/Dovecot/lmtp", 0, "lmtp:unix:/run/Dovecot/lmtp"),
    ] {
        let destination = Destination::plain(kind, name, port);
        let strings = destination.strings();
        let bytes: Vec<&[u8]> = strings.iter().map(String::as_bytes).collect();
        assert_eq!(Destination::parse(&bytes).unwrap(), destination);
        assert_eq!(destination.to_string(), shown);
    }
    let destination = Destination { words: "auth=us tls=verify".into(), ..Destination::plain(Kind::Host, "mail.example", 465) };
    let strings = destination.strings();
    assert_eq!(Destination::parse(&strings.each_ref().map(String::as_bytes)).unwrap(), destination);
    assert_eq!(destination.to_string(), "mail.example:465 auth=us tls=verify");
    assert_eq!((destination.word("tls"), destination.word("tls-start")), (Some("verify"), None));
    for bad in [
        [&b"lmtp-socket"[..], b"run/lmtp", b"0", b""],
        [&b"mx"[..], b"", b"25", b""],
        [b"mx", b"a", b"65536", b""],
        [b"xx", b"a", b"25", b""],
        [b"mx", b"a\nb", b"25", b""],
        [b"mx", b"a", b"25", b"tls=\n"],
    ] {
        assert!(Destination::parse(&bad).is_err());
    }
}

#[test]
fn a_long_text_is_cut_at_a_character() {
    let report = Report {
        delivery: 1,
        scope: Scope::Message,
        reusable: true,
        takes_several: false,
        recipients: vec![(Verdict::Ok, "\u{e4}".repeat(900))],
        dsn_taken: Vec::new(),
    };
    let read = Report::parse(&report.encode()).unwrap();
    assert_eq!(read.recipients[0].1, "\u{e4}".repeat(500));
}

/// A stopped queued accepts nobody, and a caller that finds its backlog full must not wait for ever.
#[test]
fn a_queue_that_accepts_nobody_is_given_up() {
    let path = std::env::temp_dir().join(format!("stafett-wire-{}", std::process::id()));
    let _listener = stafett_sys::socket::listen(&path, stafett_sys::socket::Style::Stream, 0).unwrap();
    let patience = std::time::Duration::from_millis(100);
    let mut callers = Vec::new();
    let refused = (0..5).any(|_| match Injector::connect(&path, patience) {
        Ok(caller) => {
            callers.push(caller);
            false
        }
        Err(error) => error.kind() == std::io::ErrorKind::WouldBlock,
    });
    std::fs::remove_file(&path).unwrap();
    assert!(refused, "nobody was turned away");
}

#[test]
fn questions_and_their_answers_are_read_back() {
    use crate::question::{MOST_LINES, Question, Reply, Verb};
    let question = Question { verb: Verb::Hold, arguments: vec!["1763758000123456".into()] };
    assert!(Question::is_one(&question.encode()));
    assert_eq!(Question::parse(&question.encode()).unwrap(), question);
    assert!(!Question::is_one(&Arrival::Scan.encode()));
    assert!(Question::parse(b"1:Q,4:what,").is_err());
    let lines: Vec<String> = (0..2 * MOST_LINES + 1).map(|n| n.to_string()).collect();
    let packets = Reply::packets(lines.clone());
    assert_eq!(packets.len(), 3);
    let mut read = Vec::new();
    for packet in &packets {
        let Reply::Lines(some, more) = Reply::parse(&packet.encode()).unwrap() else { panic!("no lines") };
        read.extend(some);
        assert_eq!(more, read.len() < lines.len());
    }
    assert_eq!(read, lines);
    assert_eq!(Reply::packets(Vec::new()), [Reply::Lines(Vec::new(), false)]);
}
