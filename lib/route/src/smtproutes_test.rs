//! Routes and the order in which they are looked up.

use super::*;

fn routes(lines: &[(&str, &str)]) -> SmtpRoutes {
    let mut routes = SmtpRoutes::new();
    for (key, value) in lines {
        routes.insert(key, value).unwrap();
    }
    routes
}

fn shown(routes: &SmtpRoutes, domain: &str) -> String {
    routes.destination(domain).strings().join(" ").trim_end().to_owned()
}

#[test]
fn without_routes_everything_goes_by_mx() {
    assert_eq!(shown(&SmtpRoutes::new(), "Example.ORG."), "mx example.org 25");
}

#[test]
fn the_most_exact_key_counts() {
    let routes =
        routes(&[("example.org", "exact"), (".example.org", "below"), (".b.example.org", "deeper:26"), (".org", "top"), ("", "default")]);
    assert_eq!(shown(&routes, "example.org"), "host exact 25");
    assert_eq!(shown(&routes, "a.example.org"), "host below 25");
    assert_eq!(shown(&routes, "x.b.example.org"), "host deeper 26");
    assert_eq!(shown(&routes, "b.example.org"), "host below 25");
    assert_eq!(shown(&routes, "other.org"), "host top 25");
    assert_eq!(shown(&routes, "org"), "host default 25");
    assert_eq!(shown(&routes, "notexample.com"), "host default 25");
}

#[test]
fn an_empty_relay_means_mx_and_keeps_the_port() {
    let routes = routes(&[("direct.example", ""), ("odd.example", ":2525"), ("", "smarthost.example")]);
    assert_eq!(shown(&routes, "direct.example"), "mx direct.example 25");
    assert_eq!(shown(&routes, "odd.example"), "mx odd.example 2525");
    assert_eq!(shown(&routes, "else.example"), "host smarthost.example 25");
}

#[test]
fn the_last_of_equal_keys_wins_in_any_case() {
    let routes = routes(&[("Example.org", "first"), ("eXample.ORG", "Second.Example")]);
    assert_eq!(shown(&routes, "EXAMPLE.org"), "host second.example 25");
    assert_eq!(routes.len(), 1);
}

#[test]
fn addresses_as_relays() {
    let routes = routes(&[("four.example", "192.0.2.1:2525"), ("six.example", "[2001:DB8::1]:2525"), ("plain.example", "[2001:db8::1]")]);
    assert_eq!(shown(&routes, "four.example"), "host 192.0.2.1 2525");
    assert_eq!(shown(&routes, "six.example"), "host 2001:db8::1 2525");
    assert_eq!(shown(&routes, "plain.example"), "host 2001:db8::1 25");
}

#[test]
fn address_literals_stay_literals() {
    let empty = SmtpRoutes::new();
    assert_eq!(shown(&empty, "[192.0.2.1]"), "mx [192.0.2.1] 25");
    assert_eq!(shown(&empty, "[IPv6:2001:DB8::1]"), "mx [2001:db8::1] 25");
    assert_eq!(shown(&empty, "[x]"), "mx [x] 25");
    assert_eq!(shown(&routes(&[("", "smart.example")]), "[192.0.2.1]"), "host smart.example 25");
    assert_eq!(shown(&routes(&[("", ":26")]), "[192.0.2.1]"), "mx [192.0.2.1] 26");
}

#[test]
fn relays_that_speak_lmtp() {
    let routes = routes(&[
        ("socket.example", "lmtp:unix:/run/Dovecot/lmtp"),
        ("tcp.example", "lmtp:Mail.Example:2424"),
        ("short.example", "lmtp:mail.example"),
        ("six.example", "lmtp:[2001:DB8::1]:24"),
        // As qmail reads them.
        ("host.example", "lmtp:2525"),
        ("bare.example", "lmtp"),
        ("colon.example", "lmtp:"),
    ]);
    assert_eq!(shown(&routes, "socket.example"), "lmtp-socket /run/Dovecot/lmtp 0");
    assert_eq!(shown(&routes, "tcp.example"), "lmtp mail.example 2424");
    assert_eq!(shown(&routes, "short.example"), "lmtp mail.example 24");
    assert_eq!(shown(&routes, "six.example"), "lmtp 2001:db8::1 24");
    assert_eq!(shown(&routes, "host.example"), "host lmtp 2525");
    assert_eq!(shown(&routes, "bare.example"), "host lmtp 25");
    assert_eq!(shown(&routes, "colon.example"), "host lmtp 25");
}

#[test]
fn words_behind_a_route() {
    let routes = routes(&[
        ("a.example", "relay.example:465 tls-match=b.example tls=verify"),
        ("mx.example", "tls=dane"),
        ("port.example", ":26 tls=none"),
        ("lmtp.example", "lmtp:unix:/run/a b tls=none"),
    ]);
    assert_eq!(shown(&routes, "a.example"), "host relay.example 465 tls=verify tls-match=b.example");
    assert_eq!(shown(&routes, "mx.example"), "mx mx.example 25 tls=dane");
    assert_eq!(shown(&routes, "port.example"), "mx port.example 26 tls=none");
    assert_eq!(shown(&routes, "lmtp.example"), "lmtp-socket /run/a b 0 tls=none");
}

#[test]
fn values_that_are_refused() {
    let refused = |value: &str| SmtpRoutes::new().insert("example.org", value).unwrap_err().to_string();
    for value in [
        "relay:0",
        "relay:65536",
        "relay:+25",
        "relay:smtp",
        "2001:db8::1",
        "[2001:db8::1",
        "[relay]",
        "[::1]25",
        "a b",
        "relay tls=much",
        "relay colour=red",
        "lmtp:unix:run/x",
        "lmtp::24x",
        "lmtp:h:0",
    ] {
        refused(value);
    }
    assert!(refused("relay:587|user|password").contains("does not support credentials in smtproutes"));
    refused(&format!("lmtp:unix:/{}", "x".repeat(200)));
    assert!(refused("relay:0").contains("from 1 to 65535"));
}
