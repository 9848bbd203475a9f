use super::Case;
use crate::knowledge::Live;
use stafett_queue_store::journal::{Event, Standing};
use stafett_queue_store::{Id, Listed, Place};

fn judge(place: Place, text: &str, said: Option<&str>, live: Option<&Live>, running: bool) -> (&'static str, Option<u64>) {
    let event = (!text.is_empty()).then_some(Event::Deferred);
    let standing = Standing { event, text: text.into(), ..Standing::default() };
    let listed = Listed { id: Id(1), size: 1, place, due: 500 };
    let reason = Case { listed, standing: &standing, said, live, destination: "example.net", running }.judge();
    (reason.kind, reason.next)
}

#[test]
fn each_reason_has_its_word_and_its_time() {
    let down = Live { until: Some(900), ..Live::default() };
    let later = "Connected to 192.0.2.1. Remote host said: 450 4.2.0 later";
    let own = Some("backoff: waits for its own next attempt");
    for (place, text, said, live, running, expected) in [
        (Place::Held, later, Some("held by the admin"), None, true, ("hold", None)),
        (Place::Held, later, None, None, false, ("hold", None)),
        (Place::Waiting, later, own, None, true, ("backoff", Some(500))),
        (Place::Waiting, later, own, Some(&down), true, ("destination", Some(900))),
        (Place::Waiting, later, None, None, false, ("stopped", Some(500))),
        (Place::Waiting, "DNS look-up of x failed temporarily: SERVFAIL. (#4.4.3)", own, None, true, ("dns", Some(500))),
        (Place::Waiting, "I may not connect to x: no. (#4.7.1)", own, None, true, ("policy", Some(500))),
        (Place::Waiting, "Not tried, because x could not be reached: y", own, None, true, ("destination", Some(500))),
        (Place::Waiting, "", Some("down until 77: x could not be reached: y"), None, true, ("destination", Some(77))),
        (Place::Waiting, "", Some("down until 77: I may not send to x: y (#4.7.5)"), None, true, ("tls", Some(77))),
        (Place::Waiting, "I may not send to x: y (#4.7.5)", own, None, true, ("tls", Some(500))),
        (Place::New, "", Some("window: 5 of 5 connections to x are busy"), None, true, ("window", None)),
        (Place::New, "", Some("limit: control/concurrencyremote is reached"), None, true, ("limit", None)),
        (Place::New, "", Some("hold: control/concurrencyremote is 0"), None, true, ("hold", None)),
        (Place::New, "", Some("remote: stafett-remote is not there"), None, true, ("remote", None)),
        (Place::New, "", Some("running: it is being delivered"), None, true, ("running", None)),
        (Place::New, "", Some("rate: 10 a minute"), None, true, ("rate", None)),
        (Place::New, "", Some("fresh, to be read when memory has room"), None, true, ("other", None)),
        (Place::New, "", None, None, true, ("fresh", None)),
        (Place::New, "", Some("to be deleted when its running delivery ends"), None, true, ("other", None)),
    ] {
        assert_eq!(judge(place, text, said, live, running), expected, "{said:?} {text}");
    }
}
