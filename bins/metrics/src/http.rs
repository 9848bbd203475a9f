//! What a scraper asks and what it hears (RFC 9112), without a socket.
//!
//! Security stance: the request is bounded by the caller; nothing of it is repeated in the answer.
//! Known limits: one request for each connection; a body is not read.

use crate::collector::Pages;
use crate::text::Dialect;

/// The longest request, in bytes.
pub const LONGEST: usize = 8192;

/// Whether a request's head is whole.
pub fn is_whole(request: &[u8]) -> bool {
    request.windows(4).any(|end| end == b"\r\n\r\n") || request.windows(2).any(|end| end == b"\n\n")
}

/// The answer to a whole request.
pub fn answer(request: &[u8], pages: &Pages) -> Vec<u8> {
    let text = String::from_utf8_lossy(request);
    let mut lines = text.lines();
    let words: Vec<&str> = lines.next().unwrap_or_default().split(' ').collect();
    let [method, target, version] = words[..] else { return refusal("400 Bad Request") };
    if !version.starts_with("HTTP/1.") {
        return refusal("505 HTTP Version Not Supported");
    }
    let path = target.split_once('?').map_or(target, |(path, _)| path);
    match (method, path) {
        ("GET", "/metrics") => page(pages, dialect(lines), true),
        ("HEAD", "/metrics") => page(pages, dialect(lines), false),
        (_, "/metrics") => refusal("405 Method Not Allowed"),
        _ => refusal("404 Not Found"),
    }
}

/// An answer without a page.
pub fn refusal(status: &str) -> Vec<u8> {
    let allow = if status.starts_with("405") { "Allow: GET, HEAD\r\n" } else { "" };
    let body = "The numbers are at /metrics.\n";
    format!(
        "HTTP/1.1 {status}\r\n{allow}Content-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{body}",
        body.len()
    )
    .into_bytes()
}

fn page(pages: &Pages, dialect: Dialect, with_body: bool) -> Vec<u8> {
    let page = pages.page(dialect);
    let head = format!(
        "HTTP/1.1 200 OK\r\nContent-Type: {}\r\nContent-Length: {}\r\nCache-Control: no-store\r\nVary: Accept\r\nConnection: close\r\n\r\n",
        dialect.content_type(),
        page.len()
    );
    let mut answer = head.into_bytes();
    if with_body {
        answer.extend_from_slice(page.as_bytes());
    }
    answer
}

/// OpenMetrics, unless plain text is asked for and OpenMetrics is not.
fn dialect<'a>(fields: impl Iterator<Item = &'a str>) -> Dialect {
    let accept = |line: &'a str| line.split_once(':').filter(|(name, _)| name.eq_ignore_ascii_case("accept")).map(|(_, value)| value);
    let wanted: Vec<String> = fields.take_while(|line| !line.is_empty()).filter_map(accept).map(str::to_ascii_lowercase).collect();
    let names = |kind: &str| wanted.iter().any(|value| value.contains(kind));
    if names("text/plain") && !names("application/openmetrics-text") { Dialect::Classic } else { Dialect::OpenMetrics }
}

#[cfg(test)]
#[path = "http_test.rs"]
mod tests;
