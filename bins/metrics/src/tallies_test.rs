use super::{Listener, Send, Smtpd};
use crate::routes::Routes;

#[test]
fn smtpd_is_counted_by_rule_and_never_by_line() {
    let mut smtpd = Smtpd::default();
    for line in [
        "stafett-smtpd: accept 1763758000123456 bytes 1432 from <a@example.org> to <b@example.net> recipients 1 client 192.0.2.1 helo x pid 1",
        "stafett-smtpd: refuse control/badmailfrom:3 from <a@example.org> client 192.0.2.1 helo x pid 1: 550 no",
        "stafett-smtpd: refuse control/badmailfrom:9 from <a@example.org> client 192.0.2.1 helo x pid 1: 550 no",
        "stafett-smtpd: refuse rule_DATABYTES from <refuse@queue> client 192.0.2.1 helo x pid 1: 552 no",
        "stafett-smtpd: end quit client 192.0.2.1 helo x pid 1 host - accepted 1 refused 3 commands 9 errors 3 seconds 0.1",
        "stafett-smtpd: status: ready",
        "stafett-smtpd: refuse",
        "stafett-queued: accept 1",
        "",
    ] {
        smtpd.take(line);
    }
    assert_eq!(smtpd.accepted, 1);
    assert!(smtpd.refused.each().any(|found| found == (["control/rcpthosts"], 0)), "usual rules are told before they come");
    let refused: Vec<_> = smtpd.refused.each().filter(|(_, count)| *count > 0).map(|([rule], count)| (rule.to_owned(), count)).collect();
    assert_eq!(refused, [("control/badmailfrom".into(), 2), ("other".into(), 1), ("rule_DATABYTES".into(), 1)]);
    assert_eq!(smtpd.ended.each().collect::<Vec<_>>(), [(["quit"], 1)]);
}

#[test]
fn deliveries_are_counted_by_where_they_go() {
    let mut routes = Routes::none();
    routes.insert("inside.example", "192.0.2.7:2525");
    routes.insert("box.example", "lmtp:unix:/run/x");
    let mut send = Send::default();
    for line in [
        "starting delivery 1: msg 1763758000123456 to remote a@b.net",
        "starting delivery 2: msg 1763758000123456 to remote a@inside.example",
        "starting delivery 3: msg 1763758000123456 to remote a@box.example",
        "delivery 1: success: 192.0.2.1_accepted_message.",
        "delivery 2: deferral: x:_failure:_y",
        "delivery 3: failure: no",
        "delivery 4: success: began before us",
        "delivery 5: odd: word",
        "delivery x: success: y",
        "starting delivery 6",
        "status: local 0/0 remote 0/20",
    ] {
        send.take(line, &routes);
    }
    let found: Vec<_> = send.outcomes.each().map(|(words, count)| (words.join(" "), count)).collect();
    let wanted = ["host example deferral", "lmtp example failure", "mx net success", "unknown unknown success"];
    assert_eq!(found, wanted.map(|words| (words.to_owned(), 1)));
}

#[test]
fn a_listener_is_known_by_its_last_status() {
    let mut listener = Listener::default();
    for line in [
        "tcpserver: status: 3/200",
        "tcpserver: ok 1 a b",
        "tcpserver: deny 2 a b",
        "tcpserver: status: x/y",
        "tcpserver: status: 2/200",
        "tcpserver: end 1 status 0",
    ] {
        listener.take(line);
    }
    assert_eq!(listener, Listener { admitted: 1, denied: 1, status: Some((2, 200)) });
}
