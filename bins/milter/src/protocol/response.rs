//! What a filter answers.

use super::frame::Frame;
use super::options::actions;
use super::reply::Reply;
use super::{Malformed, number, text};

/// Parameters of an address at most.
const MOST_PARAMETERS: usize = 16;

/// An answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Response {
    /// Go on.
    Continue,
    /// Take the message, or all of this client, without asking further.
    Accept,
    /// Take the message and throw it away.
    Discard,
    /// Refuse with words of the filter, or with ours for it.
    Refuse(Reply),
    /// The rest of the body is not wanted.
    Skip,
    /// It takes longer.
    Progress,
    /// The filter gives up.
    GivesUp,
    /// A change of the message; others and a verdict follow.
    Change(Change),
}

/// A change of a message.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A field behind all others.
    AddHeader {
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// A field between others.
    InsertHeader {
        /// Before which one, from 1; 0 is the top too.
        before: u32,
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// Another value for a field; removed where that is empty.
    SetHeader {
        /// Which one of that name, from 1.
        which: u32,
        /// Its name.
        name: Vec<u8>,
        /// Its value.
        value: Vec<u8>,
    },
    /// Another sender.
    Sender(Address),
    /// One more recipient.
    AddRecipient(Address),
    /// One recipient less.
    RemoveRecipient(Address),
    /// The next part of another body.
    Body(Vec<u8>),
    /// To be held, with a reason.
    Quarantine(String),
}

/// An address as a filter gives it, without brackets, and its parameters.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Address {
    /// The address; not judged here.
    pub address: String,
    /// Parameters such as `NOTIFY=NEVER`.
    pub parameters: Vec<String>,
}

impl Response {
    /// Reads a packet.
    ///
    /// # Errors
    /// When it is no answer.
    pub fn parse(frame: &Frame) -> Result<Response, Malformed> {
        let data = frame.data.as_slice();
        Ok(match frame.code {
            b'c' => Response::Continue,
            b'a' => Response::Accept,
            b'd' => Response::Discard,
            b'r' => Response::Refuse(Reply::rejected()),
            b't' => Response::Refuse(Reply::unavailable()),
            b'y' => Response::Refuse(Reply::parse(text(data)?.0)),
            b's' => Response::Skip,
            b'p' => Response::Progress,
            b'4' | b'f' => Response::GivesUp,
            code => Response::Change(Change::parse(code, data)?),
        })
    }
}

impl Change {
    fn parse(code: u8, data: &[u8]) -> Result<Change, Malformed> {
        Ok(match code {
            b'h' => {
                let (name, value) = field(data)?;
                Change::AddHeader { name, value }
            }
            b'i' => {
                let (before, data) = number(data)?;
                let (name, value) = field(data)?;
                Change::InsertHeader { before, name, value }
            }
            b'm' => {
                let (which, data) = number(data)?;
                let (name, value) = field(data)?;
                Change::SetHeader { which, name, value }
            }
            b'e' => Change::Sender(Address::parse(data)?),
            b'+' | b'2' => Change::AddRecipient(Address::parse(data)?),
            b'-' => Change::RemoveRecipient(Address::parse(data)?),
            b'b' => Change::Body(data.to_vec()),
            b'q' => Change::Quarantine(words(text(data)?.0)),
            _ => return Err(Malformed("an answer that does not exist")),
        })
    }

    /// What of which one must have been agreed upon for it.
    pub fn action(&self) -> u32 {
        match self {
            Change::AddHeader { .. } | Change::InsertHeader { .. } => actions::ADD_HEADER,
            Change::SetHeader { .. } => actions::CHANGE_HEADER,
            Change::Sender(_) => actions::SENDER,
            Change::AddRecipient(_) => actions::ADD_RECIPIENT | actions::ADD_RECIPIENT_WITH,
            Change::RemoveRecipient(_) => actions::REMOVE_RECIPIENT,
            Change::Body(_) => actions::BODY,
            Change::Quarantine(_) => actions::QUARANTINE,
        }
    }

    /// What it holds, in bytes.
    pub fn size(&self) -> usize {
        match self {
            Change::AddHeader { name, value } | Change::InsertHeader { name, value, .. } | Change::SetHeader { name, value, .. } => {
                name.len() + value.len()
            }
            Change::Sender(address) | Change::AddRecipient(address) | Change::RemoveRecipient(address) => address.address.len(),
            Change::Body(piece) => piece.len(),
            Change::Quarantine(reason) => reason.len(),
        }
    }
}

impl Address {
    fn parse(data: &[u8]) -> Result<Address, Malformed> {
        let (address, mut rest) = text(data)?;
        let address = utf8(address)?.trim();
        let bare = address.strip_prefix('<').and_then(|inside| inside.strip_suffix('>')).unwrap_or(address);
        let mut parameters = Vec::new();
        while !rest.is_empty() {
            let (parameter, after) = text(rest)?;
            rest = after;
            parameters.extend(utf8(parameter)?.split_ascii_whitespace().map(str::to_owned));
            if parameters.len() > MOST_PARAMETERS {
                return Err(Malformed("an address with more parameters than exist"));
            }
        }
        Ok(Address { address: bare.to_owned(), parameters })
    }
}

/// Name and value of a header field. RFC 5322 §2.2: a name is printable and has no colon.
fn field(data: &[u8]) -> Result<(Vec<u8>, Vec<u8>), Malformed> {
    let (name, rest) = text(data)?;
    let (value, _) = text(rest)?;
    if name.is_empty() || !name.iter().all(|byte| byte.is_ascii_graphic() && *byte != b':') {
        return Err(Malformed("a header field with a name that cannot be"));
    }
    Ok((name.to_vec(), value.to_vec()))
}

fn utf8(bytes: &[u8]) -> Result<&str, Malformed> {
    std::str::from_utf8(bytes).map_err(|_| Malformed("an address that is no UTF-8 text"))
}

fn words(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).chars().map(|symbol| if symbol.is_control() { ' ' } else { symbol }).take(200).collect()
}
