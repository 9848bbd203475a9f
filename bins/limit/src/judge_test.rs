//! Rules against events, with a clock that goes as the test says.

use super::Judge;
use crate::clock::Clock;
use crate::memory::Memory;
use crate::request::{Event, Request};
use crate::rules::Settings;
use stafett_ask::{Answer, Verdict};
use stafett_control::Control;
use stafett_log::Log;
use stafett_sys::descriptor::pipe;
use std::os::fd::OwnedFd;

const LOG: Log = Log::new("test");
const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const NOON: u16 = 12 * 60;
const NIGHT: u16 = 22 * 60;

/// A service without a socket.
struct Bench {
    directory: tempfile::TempDir,
    settings: Settings,
    memory: Memory,
    now: u64,
    minute: u16,
}

impl Bench {
    fn new(files: &[(&str, &str)]) -> Bench {
        let directory = tempfile::tempdir().unwrap();
        for name in ["control", "state"] {
            std::fs::create_dir(directory.path().join(name)).unwrap();
        }
        for (name, text) in files {
            std::fs::write(directory.path().join("control").join(name), text).unwrap();
        }
        let (memory, _) = Memory::read(LOG, &directory.path().join("state"), 100).unwrap();
        let mut bench = Bench { directory, settings: Settings::default(), memory, now: 500_000 * HOUR, minute: NOON };
        bench.reload();
        bench
    }

    fn limits(lines: &str) -> Bench {
        Bench::new(&[("limits", lines)])
    }

    fn reload(&mut self) {
        self.settings = Settings::read(&Control::new(self.directory.path().join("control"))).unwrap();
        self.settings.own(&mut self.memory.counters);
    }

    fn with(&mut self, event: Event, request: &Request, end: Option<OwnedFd>) -> Answer {
        let Bench { settings, memory, now, minute, .. } = self;
        Judge { log: LOG, settings, memory, store: None, now: *now, minute: *minute }.judge(event, request, end)
    }

    fn ask(&mut self, event: Event, request: &Request) -> Answer {
        self.with(event, request, None)
    }

    fn passes(&mut self, event: Event, request: &Request) -> bool {
        self.ask(event, request).verdict == Verdict::Ok
    }

    /// How many of so many pass.
    fn passing(&mut self, event: Event, request: &Request, times: usize) -> usize {
        (0..times).filter(|_| self.passes(event, request)).count()
    }
}

fn from(ip: &str) -> Request {
    Request { ip: Some(ip.parse().unwrap()), ..Request::default() }
}

fn account(ip: &str, name: &str) -> Request {
    Request { account: Some(name.into()), ..from(ip) }
}

const UNIVERSITY: &str = "connections per account 5/second for 129.27.0.0/16
messages per connection 500 for 129.27.0.0/16
messages per account 50/hour except 129.27.0.0/16
recipients per message 20 except 129.27.0.0/16
authentications per account 150/day when 18:00-06:00 except 129.27.0.0/16
";

#[test]
fn a_university_inside() {
    let mut bench = Bench::limits(UNIVERSITY);
    let inside = Request { number: 1, ..account("129.27.3.4", "alice") };
    assert_eq!(bench.passing(Event::Authentication, &inside, 20), 20, "a claim uses nothing up");
    assert_eq!(bench.passing(Event::Login, &inside, 20), 5, "in one second");
    bench.now += 1100;
    assert_eq!(bench.passing(Event::Login, &inside, 20), 5, "in the next");
    assert!(bench.ask(Event::Login, &inside).text.starts_with("421 4.7.0 "));
    assert_eq!(bench.passing(Event::Message, &Request { number: 500, ..inside.clone() }, 200), 200);
    let answer = bench.ask(Event::Message, &Request { number: 501, ..inside.clone() });
    assert_eq!(answer.text, "421 4.7.0 too many messages in one connection, try again later");
    assert_eq!(answer.field(0).as_deref(), Some("control/limits:2"));
    assert!(bench.passes(Event::Recipient, &Request { number: 1000, ..inside }));
}

#[test]
fn robots_and_classes_have_limits_of_their_own() {
    let mut bench = Bench::limits("messages per account 3/hour for robots\nmessages per account 5/hour for class:lists except people\n");
    let with = |classes: &[&str]| Request { classes: classes.iter().map(|class| (*class).into()).collect(), ..account("192.0.2.1", "x") };
    assert_eq!(bench.passing(Event::Message, &with(&["robots"]), 9), 3);
    assert_eq!(bench.passing(Event::Message, &with(&["people"]), 9), 9);
    assert_eq!(bench.passing(Event::Message, &with(&["people", "lists"]), 9), 9);
    assert_eq!(bench.passing(Event::Message, &Request { account: Some("y".into()), ..with(&["lists"]) }, 9), 5);
}

#[test]
fn a_university_outside() {
    let mut bench = Bench::limits(UNIVERSITY);
    let outside = Request { number: 1, ..account("192.0.2.1", "alice") };
    assert_eq!(bench.passing(Event::Message, &outside, 60), 50);
    bench.now += HOUR - 1;
    assert_eq!(bench.passing(Event::Message, &outside, 60), 0);
    bench.now += 5 * MINUTE + 1;
    assert_eq!(bench.passing(Event::Message, &outside, 60), 50);
    assert!(bench.passes(Event::Message, &account("192.0.2.1", "bob")));
    assert!(bench.passes(Event::Recipient, &Request { number: 20, ..outside.clone() }));
    assert_eq!(
        bench.ask(Event::Recipient, &Request { number: 21, ..outside.clone() }).text,
        "452 4.5.3 too many recipients in one message, try again later"
    );
    assert_eq!(bench.passing(Event::Authentication, &outside, 300), 300, "by day nothing is counted");
    bench.minute = NIGHT;
    assert_eq!(bench.passing(Event::Authentication, &outside, 300), 150);
    assert!(bench.ask(Event::Authentication, &outside).text.starts_with("454 4.7.0 "));
    bench.minute = NOON;
    assert!(bench.passes(Event::Authentication, &outside));
}

#[test]
fn what_is_not_counted_by_one_limit_is_counted_by_none() {
    let mut bench = Bench::limits("messages per sender 2/hour\nmessages per address 10/hour\nmessages per domain 3/hour then refuse\n");
    let mail = |sender: &str| Request { sender: sender.into(), ..from("192.0.2.1") };
    assert_eq!(bench.passing(Event::Message, &mail("a@example.net"), 9), 2);
    let (now, kinds) = (bench.now, bench.settings.limits.iter().map(|limit| limit.kind.unwrap()).collect::<Vec<_>>());
    assert_eq!(bench.memory.counters.total(kinds[1], "192.0.2.1", now), 2);
    assert_eq!(bench.passing(Event::Message, &mail("b@example.net"), 9), 1);
    assert_eq!(bench.ask(Event::Message, &mail("c@example.net")).text, "550 5.7.1 too many messages from this domain");
    assert!(bench.passes(Event::Message, &mail("")), "the null sender has neither");
}

#[test]
fn what_was_not_accepted_is_given_back() {
    let mut bench = Bench::limits("messages per address 2/hour\nrecipients per address 5/hour\n");
    let client = from("192.0.2.1");
    assert_eq!((bench.passing(Event::Message, &client, 5), bench.passing(Event::Recipient, &client, 9)), (2, 5));
    assert!(bench.passes(Event::Back, &Request { number: 1, recipients: 3, ..client.clone() }));
    assert_eq!((bench.passing(Event::Message, &client, 5), bench.passing(Event::Recipient, &client, 9)), (1, 3));
}

#[test]
fn networks_all_and_those_who_are_free() {
    let mut bench = Bench::limits("connections per network/24/48 3/m\nconnections per all 5/m\nexempt 129.187.254.0/23 relayclients\n");
    assert_eq!(bench.passing(Event::Connection, &from("2001:db8:1:1::1"), 2), 2);
    assert_eq!(bench.passing(Event::Connection, &from("2001:db8:1:ffff::1"), 5), 1);
    assert_eq!(bench.passing(Event::Connection, &from("192.0.2.1"), 5), 2, "five in all");
    assert!(bench.ask(Event::Connection, &from("192.0.2.1")).text.starts_with("421 4.7.0 too many connections in all"));
    assert_eq!(bench.passing(Event::Connection, &from("129.187.255.9"), 9), 9);
    assert_eq!(bench.passing(Event::Connection, &Request { relay: true, ..from("192.0.2.1") }, 9), 9);
}

#[test]
fn open_connections_count_until_they_are_closed() {
    let mut bench = Bench::limits("connections per address 2 at once say one at a time\n");
    let client = from("192.0.2.1");
    let mut ends = Vec::new();
    let mut open = |bench: &mut Bench| {
        let (read, write) = pipe().unwrap();
        ends.push(write);
        bench.with(Event::Connection, &client, Some(read))
    };
    assert_eq!((open(&mut bench).verdict, open(&mut bench).verdict), (Verdict::Ok, Verdict::Ok));
    assert_eq!(open(&mut bench).text, "421 4.7.0 one at a time");
    assert!(bench.passes(Event::Connection, &from("192.0.2.2")));
    ends.clear();
    bench.memory.slots.collect();
    assert!(bench.passes(Event::Connection, &client));
}

#[test]
fn refused_recipients_bar_the_client() {
    let mut bench = Bench::limits("refusals per address 3/hour then refuse\n");
    let client = from("192.0.2.1");
    assert_eq!(bench.passing(Event::Refused, &client, 3), 2, "the third is the last that is borne");
    for event in [Event::Connection, Event::Message, Event::Recipient] {
        assert_eq!(bench.ask(event, &client).verdict, Verdict::Permanent, "{event:?}");
    }
    assert!(bench.passes(Event::Connection, &from("192.0.2.2")));
    bench.now += HOUR + 5 * MINUTE;
    assert!(bench.passes(Event::Connection, &client));
    let mut bench = Bench::limits("refusals per connection 3\n");
    assert!(bench.passes(Event::Refused, &Request { number: 2, ..client.clone() }));
    assert!(!bench.passes(Event::Refused, &Request { number: 3, ..client }));
}

#[test]
fn who_locks_an_account_by_guesses_does_not_hear_so() {
    let mut bench = Bench::limits("authentications per account 2/hour then lock say locked\n");
    let client = account("192.0.2.1", "alice");
    assert_eq!(bench.passing(Event::Authentication, &client, 2), 2);
    for _ in 0..2 {
        assert_eq!(bench.ask(Event::Authentication, &client).text, "535 5.7.8 authentication credentials invalid");
    }
    assert!(bench.ask(Event::Login, &client).text.starts_with("535 5.7.0 this account is locked"));
}

#[test]
fn an_account_stays_locked_until_it_is_unlocked() {
    let mut bench = Bench::limits("messages per account 2/hour then lock say locked, ask the help desk\n");
    let client = account("192.0.2.1", "alice");
    assert_eq!(bench.passing(Event::Message, &client, 2), 2);
    assert_eq!(bench.ask(Event::Message, &client).text, "550 5.7.1 locked, ask the help desk");
    bench.now += 48 * HOUR;
    let (memory, _) = Memory::read(LOG, &bench.directory.path().join("state"), 100).unwrap();
    bench.memory = memory;
    bench.reload();
    assert!(bench.passes(Event::Authentication, &client), "a stranger does not hear of it");
    let answer = bench.ask(Event::Login, &client);
    assert!(answer.text.starts_with("535 5.7.0 this account is locked"), "{answer:?}");
    assert_eq!(answer.field(0).as_deref(), Some("control/limits:1"));
    assert!(bench.memory.locks.unlock("alice").unwrap());
    assert!(bench.passes(Event::Message, &client));
    assert!(bench.passes(Event::Message, &from("192.0.2.1")), "who has no account has no such limit");
}

#[test]
fn looking_changes_nothing() {
    let mut bench = Bench::new(&[("limits", "messages per account 2/hour then lock\nrecipients per address 1/hour\n"), ("greylist", "")]);
    let client = Request {
        dry: true,
        grey: true,
        sender: "a@example.net".into(),
        recipient: "b@example.org".into(),
        ..account("192.0.2.1", "alice")
    };
    assert_eq!(bench.passing(Event::Message, &client, 9), 9);
    assert_eq!(bench.ask(Event::Recipient, &client).text, "451 4.7.1 greylisted, try again in 300 seconds");
    assert_eq!((bench.memory.counters.held(), bench.memory.grey.triplets().len()), (0, 0));
    bench.passing(Event::Message, &Request { dry: false, ..client.clone() }, 2);
    assert!(!bench.passes(Event::Message, &client));
    assert!(bench.memory.locks.all().is_empty());
}

#[test]
fn greylisted_recipients_are_not_counted() {
    let mut bench = Bench::new(&[("limits", "recipients per address 1/hour\n"), ("greylist", "wait 1m\nsay come back\n")]);
    let mail = Request { grey: true, sender: "a@example.net".into(), recipient: "b@example.org".into(), ..from("192.0.2.1") };
    let answer = bench.ask(Event::Recipient, &mail);
    assert_eq!((answer.text.as_str(), answer.field(0).as_deref()), ("451 4.7.1 come back", Some("control/greylist")));
    bench.now += MINUTE;
    assert!(bench.passes(Event::Recipient, &Request { ip: Some("192.0.2.200".parse().unwrap()), ..mail.clone() }), "the same network");
    assert!(bench.passes(Event::Recipient, &mail));
    assert_eq!(bench.ask(Event::Recipient, &mail).text, "450 4.7.1 too many recipients from this address, try again later");
}

#[test]
fn counts_survive_a_restart_and_a_change_of_the_number() {
    let mut bench = Bench::limits("messages per address 3/hour\n");
    let client = from("192.0.2.1");
    assert_eq!(bench.passing(Event::Message, &client, 3), 3);
    bench.memory.write_all(bench.now);
    let (memory, clock) = Memory::read(LOG, &bench.directory.path().join("state"), 100).unwrap();
    bench.memory = memory;
    std::fs::write(bench.directory.path().join("control/limits"), "# more now\nmessages per address 4/hour\n").unwrap();
    bench.reload();
    assert!(clock.now() >= bench.now, "the clock does not go back");
    assert_eq!(bench.passing(Event::Message, &client, 3), 1);
    assert!(Clock::new(clock.now()).now() >= clock.now());
}

#[test]
fn a_damaged_file_is_set_aside() {
    let mut bench = Bench::limits("messages per address 3/hour\n");
    assert_eq!(bench.passing(Event::Message, &from("192.0.2.1"), 3), 3);
    bench.memory.write_all(bench.now);
    let state = bench.directory.path().join("state");
    for name in ["counters", "greylist"] {
        let text = std::fs::read(state.join(name)).unwrap();
        std::fs::write(state.join(name), &text[..text.len() / 2]).unwrap();
    }
    let (memory, _) = Memory::read(LOG, &state, 100).unwrap();
    assert_eq!(memory.counters.held(), 0);
    assert!(state.join("counters.damaged").exists() && state.join("greylist.damaged").exists());
}
