//! An SMTP client that does as it is told, right or wrong.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

/// One reply, all its lines.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Its code; 0 when the server hung up instead.
    pub code: u16,
    /// Its lines without CRLF, joined by LF.
    pub text: String,
}

/// A connection to an SMTP server.
#[derive(Debug)]
pub struct Client {
    stream: TcpStream,
    buffer: Vec<u8>,
}

impl Client {
    /// Connects to a port on 127.0.0.1 and reads nothing yet.
    pub fn connect(port: u16) -> Client {
        Client::try_connect(([127, 0, 0, 1], port).into()).unwrap()
    }

    /// Connects to an address.
    ///
    /// # Errors
    /// When nobody listens there.
    pub fn try_connect(address: SocketAddr) -> io::Result<Client> {
        let stream = TcpStream::connect(address)?;
        stream.set_read_timeout(Some(Duration::from_secs(30)))?;
        stream.set_write_timeout(Some(Duration::from_secs(30)))?;
        stream.set_nodelay(true)?;
        Ok(Client { stream, buffer: Vec::new() })
    }

    /// Connects, reads the greeting and says EHLO.
    pub fn greeted(port: u16) -> Client {
        let mut client = Client::connect(port);
        client.expect(220);
        client.command("EHLO client.test").must(250);
        client
    }

    /// The stream, for what no method here does.
    pub fn stream(&self) -> &TcpStream {
        &self.stream
    }

    /// Sends bytes as they are. Whether they arrive shows in the next reply.
    pub fn send(&mut self, bytes: &[u8]) {
        let _ = self.stream.write_all(bytes);
    }

    /// Reads one reply.
    pub fn reply(&mut self) -> Reply {
        let mut lines = Vec::new();
        loop {
            let Some(line) = self.line() else { return Reply { code: 0, text: lines.join("\n") } };
            let more = line.as_bytes().get(3) == Some(&b'-');
            let code = line.get(..3).and_then(|digits| digits.parse().ok()).unwrap_or_else(|| panic!("no reply: {line:?}"));
            lines.push(line);
            if !more {
                return Reply { code, text: lines.join("\n") };
            }
        }
    }

    /// Sends one line and reads the reply.
    pub fn command(&mut self, line: &str) -> Reply {
        self.send(format!("{line}\r\n").as_bytes());
        self.reply()
    }

    /// Reads a reply that must have this code.
    pub fn expect(&mut self, code: u16) -> Reply {
        self.reply().must(code)
    }

    /// Sends a message (CRLF lines, dot-stuffed here) after the 354 and returns the last reply.
    pub fn data(&mut self, message: &[u8]) -> Reply {
        self.command("DATA").must(354);
        self.send(&stuffed(message));
        self.reply()
    }

    /// A whole transaction that must be taken; returns the last reply.
    pub fn deliver(&mut self, from: &str, to: &[&str], message: &[u8]) -> Reply {
        self.command(&format!("MAIL FROM:<{from}>")).must(250);
        for one in to {
            self.command(&format!("RCPT TO:<{one}>")).must(250);
        }
        self.data(message).must(250)
    }

    /// Whether the server has hung up, or does within the read timeout.
    pub fn is_closed(&mut self) -> bool {
        self.line().is_none()
    }

    fn line(&mut self) -> Option<String> {
        loop {
            if let Some(end) = self.buffer.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.buffer.drain(..=end).collect();
                let line = line.strip_suffix(b"\r\n").unwrap_or_else(|| panic!("a reply without CRLF: {line:?}"));
                return Some(String::from_utf8_lossy(line).into_owned());
            }
            let mut bytes = [0; 4096];
            match self.stream.read(&mut bytes) {
                Ok(0) => return None,
                Ok(count) => self.buffer.extend_from_slice(&bytes[..count]),
                Err(error) if matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut) => panic!("no reply in time"),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return None,
            }
        }
    }
}

impl Reply {
    /// Panics unless it has this code.
    #[track_caller]
    pub fn must(self, code: u16) -> Reply {
        assert_eq!(self.code, code, "the reply is {:?}", self.text);
        self
    }

    /// Panics unless it holds this text.
    #[track_caller]
    pub fn saying(self, text: &str) -> Reply {
        assert!(self.text.contains(text), "{text:?} is missing in {:?}", self.text);
        self
    }
}

/// The bytes after 354: stuffed, with the final dot.
fn stuffed(message: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(message.len() + 16);
    for line in message.split_inclusive(|byte| *byte == b'\n') {
        if line.starts_with(b".") {
            out.push(b'.');
        }
        out.extend_from_slice(line);
    }
    if !message.is_empty() && !message.ends_with(b"\r\n") {
        out.extend_from_slice(b"\r\n");
    }
    out.extend_from_slice(b".\r\n");
    out
}

/// A small message with this subject.
pub fn message(subject: &str) -> Vec<u8> {
    format!("From: <a@sender.test>\r\nTo: <b@taken.test>\r\nSubject: {subject}\r\nMessage-ID: <{subject}@sender.test>\r\n\r\nfirst line\r\n.a line with a dot\r\nlast line\r\n").into_bytes()
}

/// One message over a connection of its own; returns the last reply.
pub fn transfer(port: u16, from: &str, to: &str, message: &[u8]) -> Reply {
    let mut client = Client::greeted(port);
    let reply = client.deliver(from, &[to], message);
    client.command("QUIT").must(221);
    reply
}
