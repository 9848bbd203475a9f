//! What we answer to a client: one type, one way onto the wire.
//!
//! Security stance: texts may hold words of the peer. On the way out everything but printable ASCII becomes `?`, so no
//! reply can be split and no terminal of the other side steered. Lines stay below 512 bytes (RFC 5321 §4.5.3.1.5).

use std::borrow::Cow;

use crate::Enhanced;

/// The most text on one line: 512 less code, enhanced status and line end.
const TEXT_MAX: usize = 490;

/// A reply: code, enhanced status where the code may have one, and at least one line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    code: u16,
    enhanced: Option<Enhanced>,
    lines: Vec<Cow<'static, str>>,
}

impl Reply {
    /// A reply with enhanced status and one line.
    pub fn new(code: u16, enhanced: (u8, u16, u16), text: impl Into<Cow<'static, str>>) -> Self {
        let enhanced = Some(Enhanced(enhanced.0, enhanced.1, enhanced.2));
        Self { code, enhanced, lines: vec![text.into()] }
    }

    /// A reply that must not carry an enhanced status: the greeting, HELO, EHLO and 354 (RFC 2034 §4).
    pub fn plain(code: u16, text: impl Into<Cow<'static, str>>) -> Self {
        Self { code, enhanced: None, lines: vec![text.into()] }
    }

    /// A refusal from text that begins with code and enhanced status, as the queue gives it (`452 4.3.1 queue full`).
    /// Text that does not fit, a code below 400 included, counts as a temporary failure: a refusal never reads as success.
    pub fn from_text(text: &str) -> Self {
        Self::parse_text(text).unwrap_or_else(|| Self::new(451, (4, 3, 0), text.to_owned()))
    }

    /// The same reply with one more line.
    pub fn line(mut self, text: impl Into<Cow<'static, str>>) -> Self {
        self.lines.push(text.into());
        self
    }

    /// The same words with another code, and the enhanced status of its class.
    pub fn with_code(mut self, code: u16) -> Self {
        let class = u8::try_from(code / 100).unwrap_or(4);
        self.enhanced = self.enhanced.map(|Enhanced(_, subject, detail)| Enhanced(class, subject, detail));
        Self { code, ..self }
    }

    /// The three digits.
    pub fn code(&self) -> u16 {
        self.code
    }

    /// Whether the client did something that counts as an error: 4xx and 5xx.
    pub fn is_failure(&self) -> bool {
        self.code >= 400
    }

    /// Appends the reply in wire form.
    pub fn write(&self, out: &mut Vec<u8>) {
        let last = self.lines.len().saturating_sub(1);
        for (index, text) in self.lines.iter().enumerate() {
            let separator = if index == last { ' ' } else { '-' };
            out.extend_from_slice(format!("{}{separator}", self.code).as_bytes());
            if let Some(enhanced) = self.enhanced {
                out.extend_from_slice(format!("{enhanced} ").as_bytes());
            }
            out.extend(text.bytes().take(TEXT_MAX).map(printable));
            out.extend_from_slice(b"\r\n");
        }
    }

    /// The reply as one line for a log: `553 5.7.1 sorry …`, lines joined by `/`.
    pub fn one_line(&self) -> String {
        let status = self.enhanced.map(|enhanced| format!("{enhanced} ")).unwrap_or_default();
        let text = self.lines.join("/");
        format!("{} {status}{text}", self.code)
    }

    fn parse_text(text: &str) -> Option<Self> {
        let (code, rest) = text.split_once(' ')?;
        let code = code.parse().ok().filter(|code| (400..600).contains(code))?;
        let (enhanced, words) = Enhanced::take(rest.as_bytes(), code)?;
        let words = String::from_utf8_lossy(words).into_owned();
        Some(Self { code, enhanced: Some(enhanced), lines: vec![words.into()] })
    }
}

fn printable(byte: u8) -> u8 {
    if byte == b' ' || byte.is_ascii_graphic() { byte } else { b'?' }
}
