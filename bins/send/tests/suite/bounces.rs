//! What becomes of what failed for good.

use crate::common::{Site, envelope, now_id, seconds};
use crate::queued::Queued;
use crate::remote::{Remote, Reply};
use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::journal::Event;
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::injector::Answer;
use std::time::Duration;

const NO: (Verdict, &str) = (Verdict::Permanent, "does not like recipient. Remote host said: 550 5.1.1 no such user");
const LATER: (Verdict, &str) = (Verdict::Temporary, "Remote host said: 450 4.2.0 later");
const DONE: (Verdict, &str) = (Verdict::Ok, "accepted. Remote host said: 250 ok");

fn refusing(site: &Site) -> Remote {
    Remote::start(site, |_| Reply::All(NO.0, NO.1))
}

fn from(sender: &str) -> Envelope {
    Envelope { sender: sender.into(), ..envelope(&["a@example.net"]) }
}

#[test]
fn what_is_refused_for_good_is_bounced_once() {
    let mut site = Site::new();
    let (_remote, queued) = (refusing(&site), Queued::willing(&site));
    site.start();
    let id = site.arrive(&from("s@example.org"));
    site.wait_for_end(id);
    site.wait_for_log(&format!("bounce msg {id} qp 1763758000123456"));
    let [bounce] = &queued.brought()[..] else { panic!("{:?}", queued.brought()) };
    assert_eq!((bounce.envelope.sender.as_str(), bounce.envelope.recipients[0].address.as_str()), ("", "s@example.org"));
    assert!(bounce.text.contains("Status: 5.1.1") && bounce.text.contains("Final-Recipient: rfc822;a@example.net"));
}

#[test]
fn a_told_failure_stands_in_the_journal_of_a_message_that_goes_on() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Each(vec![NO, LATER]));
    let queued = Queued::willing(&site);
    site.start();
    let id = site.arrive(&envelope(&["a@example.net", "b@example.net"]));
    site.wait_for_rest(id);
    let events: Vec<_> = site.entry(id).standings.iter().map(|standing| standing.event).collect();
    assert_eq!(events, [Some(Event::Bounced), Some(Event::Deferred)]);
    site.kill();
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    site.start();
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(queued.brought().len(), 1);
}

#[test]
fn what_was_tried_long_enough_is_bounced() {
    let mut site = Site::new();
    site.control("queuelifetime", "1000");
    let _remote = Remote::start(&site, |_| Reply::All(LATER.0, LATER.1));
    let queued = Queued::willing(&site);
    let id = now_id(Duration::from_secs(1010));
    site.put(id, &from("s@example.org"));
    site.start();
    site.wait_for_end(id);
    assert!(queued.brought()[0].text.contains("I'm not going to try again; this message"), "{}", queued.brought()[0].text);
    site.wait_for_log("failure: ");
}

#[test]
fn a_bounce_that_bounces_goes_to_the_postmaster_and_no_further() {
    let mut site = Site::new();
    let (_remote, queued) = (refusing(&site), Queued::willing(&site));
    site.start();
    let bounce = site.arrive(&from(""));
    let double = site.arrive(&from("#@[]"));
    site.wait_for_end(bounce);
    site.wait_for_end(double);
    site.wait_for_log(&format!("triple bounce: discarding bounce/{double}"));
    let [told] = &queued.brought()[..] else { panic!("{:?}", queued.brought()) };
    assert_eq!((told.envelope.sender.as_str(), told.envelope.recipients[0].address.as_str()), ("#@[]", "postmaster@relay.example"));
}

#[test]
fn nobody_is_told_who_asked_not_to_be() {
    let mut site = Site::new();
    let (_remote, queued) = (refusing(&site), Queued::willing(&site));
    site.start();
    let mut silent = from("s@example.org");
    silent.recipients[0].notify = Some("NEVER".into());
    let id = site.arrive(&silent);
    site.wait_for_end(id);
    site.wait_for_log(&format!("end msg {id}"));
    assert!(queued.brought().is_empty());
}

#[test]
fn a_bounce_waits_for_a_queued_that_is_away() {
    let mut site = Site::new();
    let _remote = refusing(&site);
    site.start();
    let id = site.arrive(&from("s@example.org"));
    let due = site.wait_for_rest(id);
    assert!(due <= seconds() + 61);
    assert_eq!(site.entry(id).standings[0].event, Some(Event::Failed));
    site.wait_for_log("unable to queue the bounce");
    let queued = Queued::willing(&site);
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(queued.brought().len(), 1);
    assert_eq!(site.count("possible duplicate"), 0, "{}", site.log());
}

#[test]
fn a_bounce_without_an_answer_may_come_twice_and_the_log_says_so() {
    let mut site = Site::new();
    let _remote = refusing(&site);
    let mut calls = 0;
    let queued = Queued::start(&site, move |_| {
        calls += 1;
        (calls > 1).then(|| Answer::Accepted("1763758000123456".into()))
    });
    site.start();
    let id = site.arrive(&from("s@example.org"));
    site.wait_for_rest(id);
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!(queued.brought().len(), 2);
    assert!(site.count(&format!("possible duplicate: msg {id}")) >= 1, "{}", site.log());
}

#[test]
fn a_kill_before_the_bounce_is_marked_is_announced() {
    let mut site = Site::new();
    let _remote = refusing(&site);
    let (sender, brought) = std::sync::mpsc::channel();
    let mut calls = 0;
    let _queued = Queued::start(&site, move |_| {
        calls += 1;
        sender.send(()).unwrap();
        if calls == 1 {
            std::thread::sleep(Duration::from_secs(1));
        }
        Some(Answer::Accepted("1763758000123456".into()))
    });
    site.start();
    let id = site.arrive(&from("s@example.org"));
    brought.recv().unwrap();
    site.kill();
    std::thread::sleep(Duration::from_secs(2));
    site.start();
    site.signal(Signal::Alarm);
    brought.recv().unwrap();
    site.wait_for_end(id);
    assert!(site.count(&format!("possible duplicate: msg {id}")) >= 1, "{}", site.log());
}

#[test]
fn a_sender_with_a_place_for_the_recipient_is_one_sender_for_each() {
    let mut site = Site::new();
    let remote =
        Remote::start(
            &site,
            |seen| if seen.recipients[0] == "b@example.com" { Reply::All(NO.0, NO.1) } else { Reply::All(DONE.0, DONE.1) },
        );
    let queued = Queued::willing(&site);
    site.start();
    let id = site.arrive(&Envelope { sender: "list-@example.org-@[]".into(), ..envelope(&["a@example.com", "b@example.com"]) });
    site.wait_for_end(id);
    let mut senders: Vec<String> = remote.seen().into_iter().map(|seen| seen.sender).collect();
    senders.sort();
    assert_eq!(senders, ["list-a=example.com@example.org", "list-b=example.com@example.org"]);
    assert_eq!(queued.brought()[0].envelope.recipients[0].address, "list-@example.org");
}

#[test]
fn a_domain_that_no_destination_can_have_is_refused_for_good() {
    let mut site = Site::new();
    let (_remote, queued) = (Remote::willing(&site), Queued::willing(&site));
    site.start();
    let id = site.arrive(&envelope(&[&format!("a@{}", "x".repeat(300))]));
    site.wait_for_end(id);
    assert!(queued.brought()[0].text.contains("5.1.2"), "{}", queued.brought()[0].text);
}

#[test]
fn many_bounces_are_brought_a_few_at_a_time_and_all_of_them() {
    let mut site = Site::new();
    let (_remote, queued) = (refusing(&site), Queued::willing(&site));
    site.start();
    let ids: Vec<_> = (0..30).map(|_| site.arrive(&from("s@example.org"))).collect();
    ids.into_iter().for_each(|id| site.wait_for_end(id));
    assert_eq!(queued.brought().len(), 30);
}

#[test]
fn an_end_does_not_wait_for_bounces_that_were_not_begun() {
    let mut site = Site::new();
    let _remote = refusing(&site);
    let queued = Queued::start(&site, |_| {
        std::thread::sleep(Duration::from_millis(300));
        Some(Answer::Accepted("1763758000123456".into()))
    });
    site.start();
    let ids: Vec<_> = (0..30).map(|_| site.arrive(&from("s@example.org"))).collect();
    site.wait_for("the first bounce", |_| !queued.brought().is_empty());
    site.stop();
    assert!(queued.brought().len() < 10);
    let left = ids.iter().filter(|id| site.find(**id).is_some()).count();
    assert_eq!(left + queued.brought().len(), 30);
}

fn asking(sender: &str, recipients: &[(&str, &str)]) -> Envelope {
    let recipient = |(address, notify): &(&str, &str)| Recipient { notify: Some((*notify).into()), ..Recipient::new(*address) };
    Envelope { sender: sender.into(), recipients: recipients.iter().map(recipient).collect(), ..from(sender) }
}

#[test]
fn who_asked_to_hear_of_success_is_told_when_the_next_host_will_not() {
    let mut site = Site::new();
    let _remote = Remote::start(&site, |_| Reply::Each(vec![DONE, DONE, NO]));
    let queued = Queued::willing(&site);
    site.start();
    let id = site.arrive(&asking(
        "s@example.org",
        &[("a@example.net", "SUCCESS"), ("b@example.net", "FAILURE"), ("c@example.net", "success,failure")],
    ));
    site.wait_for_end(id);
    let [notice] = &queued.brought()[..] else { panic!("{:?}", queued.brought()) };
    assert_eq!(notice.envelope.recipients[0].address, "s@example.org");
    assert!(notice.text.contains("Final-Recipient: rfc822;a@example.net\r\nAction: relayed\r\nStatus: 2.0.0\r\n"), "{}", notice.text);
    assert!(notice.text.contains("Final-Recipient: rfc822;c@example.net\r\nAction: failed\r\n"), "{}", notice.text);
    assert!(!notice.text.contains("b@example.net"), "{}", notice.text);
}

#[test]
fn nobody_is_told_of_success_twice_or_by_a_bounce() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::Taken);
    let queued = Queued::willing(&site);
    site.start();
    let id = site.arrive(&asking("s@example.org", &[("a@example.net", "SUCCESS")]));
    site.wait_for_end(id);
    remote.script(|_| Reply::All(DONE.0, DONE.1));
    let id = site.arrive(&asking("", &[("a@example.net", "SUCCESS")]));
    site.wait_for_end(id);
    assert!(queued.brought().is_empty(), "{:?}", queued.brought());
}

#[test]
fn a_success_that_could_not_be_told_is_told_after_a_restart_and_not_delivered_again() {
    let mut site = Site::new();
    let remote = Remote::start(&site, |_| Reply::All(DONE.0, DONE.1));
    site.start();
    let id = site.arrive(&asking("s@example.org", &[("a@example.net", "SUCCESS")]));
    site.wait_for_rest(id);
    site.kill();
    let queued = Queued::willing(&site);
    site.start();
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    assert_eq!((remote.seen().len(), queued.brought().len()), (1, 1));
}

#[test]
fn what_becomes_of_a_copy_is_logged_and_told_to_nobody() {
    let mut site = Site::new();
    let (_remote, queued) = (refusing(&site), Queued::willing(&site));
    site.start();
    // An ordinary message, a bounce and a double bounce, of each of which the copy alone fails; nothing is told of any.
    let copy = Recipient { notify: Some("NEVER".into()), copy: true, ..Recipient::new("log@example.com") };
    for sender in ["s@example.org", "", "#@[]"] {
        let id = site.arrive(&Envelope { recipients: vec![copy.clone()], ..from(sender) });
        site.wait_for_end(id);
        site.wait_for_log(&format!("end msg {id}"));
        assert!(!site.log().contains("bounce msg") && !site.log().contains("triple bounce"), "{}", site.log());
    }
    assert_eq!(site.log().matches("failure: ").count(), 3, "{}", site.log());
    assert!(queued.brought().is_empty(), "{:?}", queued.brought());
    // Beside a recipient that fails too, the bounce does not name it.
    let id = site.arrive(&Envelope { recipients: vec![Recipient::new("a@example.net"), copy], ..from("s@example.org") });
    site.wait_for_end(id);
    let [bounce] = &queued.brought()[..] else { panic!("{:?}", queued.brought()) };
    assert!(bounce.text.contains("a@example.net") && !bounce.text.contains("log@example.com"), "{}", bounce.text);
}
