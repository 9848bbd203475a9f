//! The third part of a bounce: the original message, or its header.

use crate::bounce::Original;
use crate::settings::Bounces;
use stafett_envelope::{Envelope, Head, Ret};
use std::os::unix::fs::FileExt;

/// The largest header that is returned, in bytes.
const LARGEST_HEADER: u64 = 64 * 1024;

/// The lines that go in front of the message at delivery.
fn trace(envelope: &Envelope) -> Vec<u8> {
    let lines = envelope.head.iter().filter_map(|head| if let Head::Line(line) = head { Some(line) } else { None });
    lines.flat_map(|line| [line.as_bytes(), b"\r\n"].concat()).collect()
}

/// The third part: the original, or its header.
#[derive(Debug)]
pub(crate) struct Returned {
    /// Its bytes.
    pub(crate) content: Vec<u8>,
    whole: bool,
    global: bool,
}

impl Returned {
    /// RET concerns failures: where nothing failed the header is enough (RFC 3461 section 4.3), and where TLS is required
    /// never more than that comes back (RFC 8689 section 5).
    pub(crate) fn read(original: &Original<'_>, has_failed: bool, settings: &Bounces) -> Returned {
        let asked = has_failed && original.envelope.ret != Some(Ret::Headers) && !original.envelope.require_tls;
        let whole = asked && original.size <= settings.max_bytes;
        let length = if whole { original.size } else { original.size.min(LARGEST_HEADER) };
        let mut content = vec![0; usize::try_from(length).unwrap_or(0)];
        let read = original.file.is_some_and(|file| file.read_exact_at(&mut content, 0).is_ok());
        if !read {
            content.clear();
        }
        let mut content = [trace(original.envelope), content].concat();
        if !whole {
            let end = content.windows(4).position(|four| four == b"\r\n\r\n").map_or(content.len(), |at| at + 2);
            content.truncate(end);
            // A header that was cut in the middle of a line ends with its last whole line.
            let last = content.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
            content.truncate(last);
        }
        Returned { content, whole, global: original.envelope.smtputf8 }
    }

    /// Writes the part, and the border that ends all.
    pub(crate) fn write(&self, out: &mut Vec<u8>, border: &str) {
        let kind = match (self.whole, self.global) {
            (true, false) => "message/rfc822",
            (true, true) => "message/global",
            (false, false) => "text/rfc822-headers",
            (false, true) => "message/global-headers",
        };
        let encoding = if self.content.is_ascii() { "7bit" } else { "8bit" };
        out.extend_from_slice(format!("--{border}\r\nContent-Type: {kind}\r\nContent-Transfer-Encoding: {encoding}\r\n\r\n").as_bytes());
        out.extend_from_slice(&self.content);
        out.extend_from_slice(format!("\r\n--{border}--\r\n").as_bytes());
    }
}
