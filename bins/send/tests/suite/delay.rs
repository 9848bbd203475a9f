//! Notices of delay: told once, to those who want to hear it.

use crate::common::{Site, envelope, now_id, seconds};
use crate::queued::Queued;
use crate::remote::{Remote, Reply};
use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::Id;
use stafett_queue_store::journal::Event;
use stafett_sys::signal::Signal;
use stafett_wire::Verdict;
use stafett_wire::injector::Answer;
use std::time::Duration;

const LATER: (Verdict, &str) = (Verdict::Temporary, "does not like recipient. Remote host said: 450 4.2.0 later");
const NO: (Verdict, &str) = (Verdict::Permanent, "Remote host said: 550 5.1.1 no such user");

fn deferring(site: &Site) -> Remote {
    Remote::start(site, |_| Reply::All(LATER.0, LATER.1))
}

/// A site that tells of delay after 900 seconds, not started.
fn telling() -> Site {
    let site = Site::new();
    site.control("delaynotice", "900");
    site
}

/// A message that is late already.
fn late(site: &Site, envelope: &Envelope) -> Id {
    let id = now_id(Duration::from_secs(1000));
    site.put(id, envelope);
    id
}

/// Tries everything now, and ends: whoever is to be told has been told then.
fn try_again(site: &mut Site) {
    let before = site.count("deferral: ") + site.count("failure: ");
    site.signal(Signal::Alarm);
    site.wait_for("another attempt", |site| site.count("deferral: ") + site.count("failure: ") > before);
    site.stop();
}

fn warned(site: &Site, id: Id) -> Vec<bool> {
    site.entry(id).standings.iter().map(|standing| standing.warned).collect()
}

#[test]
fn a_late_message_is_told_of_once_whatever_happens() {
    let mut site = telling();
    let (remote, queued) = (deferring(&site), Queued::willing(&site));
    let id = late(&site, &envelope(&["a@example.net"]));
    site.start();
    site.wait_for_rest(id);
    let [notice] = &queued.brought()[..] else { panic!("{:?}", queued.brought()) };
    assert_eq!((notice.envelope.sender.as_str(), notice.envelope.recipients[0].address.as_str()), ("", "s@example.org"));
    for part in ["Subject: delay notice\r\n", "This is a warning only", "Action: delayed\r\nStatus: 4.2.0\r\n", "\r\nWill-Retry-Until: "] {
        assert!(notice.text.contains(part), "{part:?} is missing in:\n{}", notice.text);
    }
    site.wait_for_log(&format!("bounce msg {id} qp "));
    site.kill();
    for _ in 0..2 {
        site.start();
        try_again(&mut site);
    }
    assert_eq!((queued.brought().len(), warned(&site, id)), (1, vec![true]));
    remote.script(|_| Reply::All(NO.0, NO.1));
    site.start();
    site.signal(Signal::Alarm);
    site.wait_for_end(id);
    let [notice, failure] = &queued.brought()[..] else { panic!("{:?}", queued.brought()) };
    let message_id = |text: &str| text.lines().find(|line| line.starts_with("Message-ID: ")).unwrap().to_owned();
    assert!(failure.text.contains("Action: failed"), "{}", failure.text);
    assert_ne!(message_id(&notice.text), message_id(&failure.text), "a reader would take one for a copy of the other");
}

#[test]
fn nobody_hears_of_delay_before_its_time_or_where_the_file_is_absent() {
    let mut site = Site::new();
    let (_remote, queued) = (deferring(&site), Queued::willing(&site));
    let id = late(&site, &envelope(&["a@example.net"]));
    site.start();
    site.wait_for_rest(id);
    site.control("delaynotice", "100000");
    site.signal(Signal::Hangup);
    try_again(&mut site);
    assert!(queued.brought().is_empty() && warned(&site, id) == [false]);
}

#[test]
fn notify_decides_who_is_told_of_and_nobody_tells_a_bounce() {
    let mut site = telling();
    let (_remote, queued) = (deferring(&site), Queued::willing(&site));
    let mut asking = envelope(&["absent@example.net"]);
    let words = ["NEVER", "FAILURE", "SUCCESS,FAILURE", "failure,delay"];
    asking.recipients.extend(
        words.iter().map(|word| Recipient {
            notify: Some((*word).to_owned()),
            ..Recipient::new(format!("{}@example.net", word.replace(',', "-")))
        }),
    );
    let id = late(&site, &asking);
    let bounce = late(&site, &Envelope { sender: String::new(), ..envelope(&["b@example.net"]) });
    let double = late(&site, &Envelope { sender: "#@[]".into(), ..envelope(&["b@example.net"]) });
    site.start();
    for id in [id, bounce, double] {
        site.wait_for_rest(id);
    }
    let [notice] = &queued.brought()[..] else { panic!("{:?}", queued.brought()) };
    assert_eq!(notice.text.matches("Final-Recipient: ").count(), 2, "{}", notice.text);
    assert!(notice.text.contains("rfc822;absent@") && notice.text.contains("rfc822;failure-delay@"));
    assert_eq!(warned(&site, id), [true, false, false, false, true]);
}

#[test]
fn failure_and_delay_share_a_notice_and_the_late_one_waits_for_its_time() {
    let mut site = telling();
    let remote = Remote::start(&site, |_| Reply::Each(vec![NO, LATER]));
    let queued = Queued::willing(&site);
    let id = late(&site, &envelope(&["a@example.net", "b@example.net"]));
    site.start();
    let due = site.wait_for_rest(id);
    let [notice] = &queued.brought()[..] else { panic!("{:?}", queued.brought()) };
    assert!(notice.text.contains("Subject: failure notice\r\n"), "{}", notice.text);
    assert!(notice.text.contains("Action: failed") && notice.text.contains("Action: delayed"), "{}", notice.text);
    let events: Vec<_> = site.entry(id).standings.iter().map(|standing| standing.event).collect();
    assert_eq!((events, warned(&site, id)), (vec![Some(Event::Bounced), Some(Event::Deferred)], vec![false, true]));
    assert!(due > seconds() + 400 && remote.seen().len() == 1);
}

#[test]
fn a_notice_that_is_refused_is_given_at_the_next_attempt() {
    let mut site = telling();
    let _remote = deferring(&site);
    let mut calls = 0;
    let queued = Queued::start(&site, move |_| {
        calls += 1;
        Some(if calls == 1 { Answer::Temporary("452 4.3.1 full".into()) } else { Answer::Accepted("1763758000123456".into()) })
    });
    let id = late(&site, &envelope(&["a@example.net"]));
    site.start();
    assert!(site.wait_for_rest(id) > seconds() + 100, "a notice is no reason to try again soon");
    site.wait_for_log("unable to queue the delay notice");
    // the log may be ahead of the journal
    site.wait_for("the notice is taken back", |site| warned(site, id) == [false]);
    site.signal(Signal::Alarm);
    site.wait_for("another notice", |site| queued.brought().len() == 2 && warned(site, id) == [true]);
}

#[test]
fn a_notice_without_an_answer_is_not_given_again() {
    let mut site = telling();
    let _remote = deferring(&site);
    let queued = Queued::start(&site, |_| None);
    let id = late(&site, &envelope(&["a@example.net"]));
    site.start();
    site.wait_for_rest(id);
    site.wait_for_log("unable to queue the delay notice");
    try_again(&mut site);
    assert_eq!((queued.brought().len(), warned(&site, id)), (1, vec![true]));
    assert_eq!(site.count("possible duplicate"), 0, "{}", site.log());
}
