//! What mail filters say. The modules are those of stafett-milter, which is no library.

#[allow(dead_code)]
#[path = "../../../bins/milter/src/protocol/mod.rs"]
mod protocol;

use protocol::frame;
use protocol::options::Agreed;
use protocol::response::{Change, Response};

/// Packets of a filter: the same whatever the pieces; a refusal is one, in words that a client may hear.
pub fn milter_answers(input: &[u8]) {
    let (cut, bytes) = input.split_first().map_or((1, input), |(first, rest)| (usize::from(*first % 7) + 1, rest));
    let whole = answers(bytes, bytes.len().max(1));
    assert_eq!(answers(bytes, cut), whole, "{bytes:?}");
    for response in whole.iter().flatten() {
        match response {
            Response::Refuse(reply) => is_speakable(&reply.text(), reply.is_permanent()),
            Response::Change(change) => assert!(change.action() != 0 && is_sized(change, bytes.len()), "{change:?}"),
            _ => {}
        }
    }
}

fn is_sized(change: &Change, most: usize) -> bool {
    // words of a quarantine may have grown: what is no UTF-8 takes three bytes
    change.size() <= 3 * most + 1000
}

fn is_speakable(text: &str, permanent: bool) {
    assert!(text.starts_with(if permanent { '5' } else { '4' }) && !text.starts_with("421"), "{text:?}");
    assert!(text.split('\n').all(|line| line.bytes().all(|byte| byte == b' ' || byte.is_ascii_graphic())), "{text:?}");
    assert!(text.split('\n').count() <= 20 && text.split('\n').all(|line| line.len() < 512), "{text:?}");
}

/// `None` stands for what is malformed, where reading ends.
fn answers(bytes: &[u8], cut: usize) -> Vec<Option<Response>> {
    let (mut buffer, mut found) = (Vec::new(), Vec::new());
    for piece in bytes.chunks(cut) {
        buffer.extend_from_slice(piece);
        loop {
            match frame::take(&mut buffer) {
                Ok(None) => break,
                Ok(Some(frame)) => {
                    let _ = Agreed::parse(&frame.data);
                    found.push(Response::parse(&frame).ok());
                }
                Err(_) => {
                    found.push(None);
                    return found;
                }
            }
        }
    }
    found
}
