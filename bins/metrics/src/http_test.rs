use super::{answer, is_whole};
use crate::collector::Pages;

fn hear(request: &str) -> String {
    String::from_utf8(answer(request.as_bytes(), &Pages::default())).unwrap()
}

#[test]
fn the_page_is_given_to_whoever_asks_for_it() {
    let plain = hear("GET /metrics?x=1 HTTP/1.1\r\nHost: a\r\n\r\n");
    assert!(
        plain.starts_with(
            "HTTP/1.1 200 OK\r\nContent-Type: application/openmetrics-text; version=1.0.0; charset=utf-8\r\nContent-Length: 0\r\n"
        ),
        "{plain}"
    );
    for (accept, kind) in [
        ("application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5", "application/openmetrics-text;"),
        ("text/plain;version=0.0.4", "text/plain;"),
        ("*/*", "application/openmetrics-text;"),
    ] {
        let heard = hear(&format!("GET /metrics HTTP/1.1\r\nACCEPT: {accept}\r\n\r\n"));
        assert!(heard.contains(&format!("Content-Type: {kind}")), "{accept}: {heard}");
    }
}

#[test]
fn anything_else_is_refused() {
    for (request, status) in [
        ("GET / HTTP/1.1\r\n\r\n", "404"),
        ("GET /metrics/../x HTTP/1.1\r\n\r\n", "404"),
        ("POST /metrics HTTP/1.1\r\n\r\n", "405"),
        ("GET /metrics HTTP/2\r\n\r\n", "505"),
        ("GET /metrics\r\n\r\n", "400"),
        ("\r\n\r\n", "400"),
        ("\u{0}\u{1} x y z\n\n", "400"),
    ] {
        assert!(hear(request).starts_with(&format!("HTTP/1.1 {status} ")), "{request:?}");
    }
}

#[test]
fn a_head_ends_with_an_empty_line() {
    assert!(is_whole(b"GET / HTTP/1.0\r\n\r\n") && is_whole(b"GET / HTTP/1.0\n\n"));
    assert!(!is_whole(b"GET / HTTP/1.0\r\n") && !is_whole(b""));
}
