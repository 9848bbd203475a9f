use super::{Event, Fields, Verdict, ids};
use proptest::prelude::*;

const ID: u64 = 1_795_299_494_221_406;

#[test]
fn the_lines_of_the_scheduler_are_taken_apart() {
    for (line, event) in [
        ("new msg 1795299494221406", Event::New(ID)),
        (
            "info msg 1795299494221406: bytes 260 from <a@b> qp 1795299494221406 uid 997",
            Event::Info { id: ID, bytes: 260, sender: "a@b", user: "997" },
        ),
        ("starting delivery 7: msg 1795299494221406 to remote b@c", Event::Begin { delivery: 7, id: ID, address: "b@c" }),
        ("delivery 7: deferral: No:_not_now", Event::Outcome { delivery: 7, verdict: Verdict::Deferral, text: "No:_not_now" }),
        ("bounce msg 1795299494221406 qp 1795299494221407", Event::Bounce { id: ID, bounce: ID + 1 }),
        ("triple bounce: discarding bounce/1795299494221406", Event::Discarded(ID)),
        ("end msg 1795299494221406", Event::End(ID)),
        ("possible duplicate: msg 1795299494221406: why", Event::Duplicate { id: ID, why: "why" }),
        (
            "admin uid 0: route relay.example:26 msg 1795299494221406",
            Event::Admin { id: ID, user: "0", what: "route relay.example:26", when: "" },
        ),
        (
            "admin uid 0: delete msg 1795299494221406 at 1795299499000000 while stopped",
            Event::Admin { id: ID, user: "0", what: "delete", when: "1795299499000000" },
        ),
        ("admin uid 0: flush all", Event::Quiet),
        ("status: local 0/0 remote 3/100", Event::Quiet),
        ("status: exiting", Event::Scheduler),
        ("stafett-send: status: ready", Event::Scheduler),
        ("stafett-send: error: unable to do it: no", Event::Complaint { program: "stafett-send", text: "unable to do it: no" }),
    ] {
        assert_eq!(Event::of(line), event, "{line}");
    }
}

#[test]
fn the_lines_of_sessions_are_taken_apart() {
    let who = Fields { client: "2001:db8::7", helo: "x", pid: "12", ..Fields::default() };
    let accept = "stafett-smtpd: accept 1795299494221406 bytes 26 from <> to <b@c> recipients 3 client 2001:db8::7 helo x pid 12";
    let fields = Fields { bytes: "26", to: "b@c", recipients: "3", ..who.clone() };
    assert_eq!(Event::of(accept), Event::Accept { id: ID, fields });
    let refuse = "stafett-smtpd: refuse control/badmailfrom:3 from <a@b> to <b@c> client 2001:db8::7 helo x pid 12: 553 5.7.1 sorry: no";
    let fields = Fields { from: "a@b", to: "b@c", ..who.clone() };
    assert_eq!(Event::of(refuse), Event::Refuse { rule: "control/badmailfrom:3", fields, reply: "553 5.7.1 sorry: no" });
    let end =
        "stafett-smtpd: end quit client 2001:db8::7 helo x pid 12 host h accepted 0 refused 2 commands 5 errors 0 seconds 0.024 early";
    let fields = Fields { accepted: "0", refused: "2", ..who };
    assert_eq!(Event::of(end), Event::Session { why: "quit", fields });
}

#[test]
fn the_lines_of_the_listener_are_taken_apart() {
    for (line, event) in [
        ("tcpserver: status: 3/40", Event::Crowd { running: 3 }),
        ("tcpserver: pid 12 from 192.0.2.7", Event::Quiet),
        ("tcpserver: ok 12 l:192.0.2.1:25 h:2001:db8::7:info:4711", Event::Connected { pid: 12, address: "2001:db8::7", port: "4711" }),
        ("tcpserver: deny 12 l:192.0.2.1:25 :192.0.2.7::4711 too many", Event::Denied { address: "192.0.2.7", why: "too many" }),
        ("tcpserver: end 12 status 0", Event::Disconnected { pid: 12 }),
        ("tcpserver: warning: odd", Event::Complaint { program: "tcpserver", text: "odd" }),
    ] {
        assert_eq!(Event::of(line), event, "{line}");
    }
}

#[test]
fn a_name_of_a_client_forges_no_field() {
    let line = "stafett-smtpd: refuse routing from <client> to <pid> client 192.0.2.7 helo pid_1: pid 12: 553 client 192.0.2.8";
    let Event::Refuse { fields, reply, .. } = Event::of(line) else { panic!("{line}") };
    assert_eq!((fields.client, fields.pid, fields.from), ("192.0.2.7", "12", "client"));
    assert_eq!(reply, "553 client 192.0.2.8");
}

#[test]
fn only_sixteen_digits_are_an_id() {
    let found: Vec<u64> = ids("msg 1795299494221406: 12345 17952994942214060 x1795299494221407/").collect();
    assert_eq!(found, [ID, ID + 1]);
}

proptest! {
    #[test]
    fn nothing_in_a_log_stops_the_reader(line in "(stafett-smtpd: |tcpserver: |)(accept|refuse|end|ok|deny|delivery|starting delivery|info msg|status:) ?[ -~é]{0,60}") {
        let _ = Event::of(&line);
    }
}
