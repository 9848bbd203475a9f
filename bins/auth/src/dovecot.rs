//! Dovecot's auth service (doc.dovecot.org, authentication protocol 1.2): one connection for each password.
//!
//! What it does: PLAIN alone. Security stance: the answer is text of another program, bounded in time and size; nothing but
//! `OK` for our request lets anybody in. How it fails: whatever is not understood is a temporary failure.

use crate::external::PATIENCE;
use crate::request::Request;
use stafett_smtp::base64;
use stafett_sys::socket::{Style, connect_within};
use std::io::{self, BufRead, BufReader, Read, Write};
use std::os::unix::net::UnixStream;
use std::path::Path;
use std::time::Instant;

/// The most that is read of it, in bytes.
const MOST: u64 = 64 * 1024;
/// The only request of a connection.
const NUMBER: &str = "1";

/// Asks it; the account's name where the password is right.
///
/// # Errors
/// A sentence about what went wrong.
pub fn ask(path: &str, name: &str, request: &Request) -> Result<Option<String>, String> {
    talk(path, name, request).map_err(|error| format!("dovecot at {path}: {error}"))
}

fn talk(path: &str, name: &str, request: &Request) -> io::Result<Option<String>> {
    let deadline = Instant::now() + PATIENCE;
    let mut stream = UnixStream::from(connect_within(Path::new(path), Style::Stream, PATIENCE)?);
    stream.set_write_timeout(Some(PATIENCE))?;
    let mut lines = BufReader::new(stream.try_clone()?.take(MOST));
    write!(stream, "VERSION\t1\t2\nCPID\t{}\n", std::process::id())?;
    loop {
        match line(&stream, &mut lines, deadline)?.split('\t').collect::<Vec<_>>()[..] {
            ["VERSION", major, ..] if major != "1" => return Err(odd("it speaks another version")),
            ["DONE", ..] => break,
            _ => {}
        }
    }
    stream.write_all(question(name, request).as_bytes())?;
    let answer = line(&stream, &mut lines, deadline)?;
    let words: Vec<&str> = answer.split('\t').collect();
    let value = |key: &str| words.iter().find_map(|word| word.strip_prefix(key));
    match words[..] {
        ["OK", NUMBER, ..] => Ok(Some(value("user=").map_or_else(|| name.to_owned(), unescape))),
        ["FAIL", NUMBER, ..] if words.contains(&"temp") => Err(odd("it has a temporary problem")),
        ["FAIL", NUMBER, ..] => Ok(None),
        _ => Err(odd("its answer is not understood")),
    }
}

fn question(name: &str, request: &Request) -> String {
    // who guesses is held up here; Dovecot would make wrong ones wait ever longer, by which accounts of its own could be told
    let mut text = format!("AUTH\t{NUMBER}\tPLAIN\tservice=smtp\tno-penalty");
    if request.tls {
        text.push_str("\tsecured");
    }
    request.local_ip.iter().for_each(|ip| text.push_str(&format!("\tlip={ip}")));
    request.ip.iter().for_each(|ip| text.push_str(&format!("\trip={ip}")));
    let message = [&b"\0"[..], name.as_bytes(), b"\0", &request.password].concat();
    text.push_str(&format!("\tresp={}\n", base64::encode(&message)));
    text
}

fn line(stream: &UnixStream, lines: &mut impl BufRead, deadline: Instant) -> io::Result<String> {
    let left = deadline.saturating_duration_since(Instant::now());
    if left.is_zero() {
        return Err(io::ErrorKind::TimedOut.into());
    }
    stream.set_read_timeout(Some(left))?;
    let mut text = String::new();
    lines.read_line(&mut text)?;
    match text.strip_suffix('\n') {
        Some(line) => Ok(line.to_owned()),
        None => Err(odd("it has hung up")),
    }
}

/// Tabs, line ends and NUL are escaped by a byte 1.
fn unescape(text: &str) -> String {
    let mut symbols = text.chars();
    let mut out = String::new();
    while let Some(symbol) = symbols.next() {
        out.push(match symbol {
            '\u{1}' => match symbols.next() {
                Some('t') => '\t',
                Some('n') => '\n',
                Some('r') => '\r',
                Some('0') => '\0',
                other => other.unwrap_or('\u{1}'),
            },
            other => other,
        });
    }
    out
}

fn odd(words: &str) -> io::Error {
    io::Error::other(words)
}
