//! ESMTP parameters of MAIL and RCPT: SIZE (RFC 1870), BODY (RFC 6152), SMTPUTF8 (RFC 6531), REQUIRETLS (RFC 8689), RET,
//! ENVID, NOTIFY and ORCPT (RFC 3461); AUTH (RFC 4954 §5), which is read and not believed.
//!
//! Security stance: every value is checked against its grammar before it is kept, since it goes out again to the next host
//! and into the queue file. ENVID and ORCPT stay in xtext, as they came, and are never decoded here.
//!
//! How it fails: an unknown parameter is 555, a doubled or malformed one 501.

use std::fmt;

use crate::Reply;

/// The longest ENVID, in bytes (RFC 3461 §4.4).
const ENVID_MAX: usize = 100;

/// The longest ORCPT, in bytes (RFC 3461 §4.2).
const ORCPT_MAX: usize = 500;

/// Those of MAIL; see [`MailParameters::parse`].
const MAIL_PARAMETERS: [&str; 7] = ["SIZE", "BODY", "SMTPUTF8", "RET", "ENVID", "REQUIRETLS", "AUTH"];

/// BODY=.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Body {
    /// ASCII only, or not said.
    #[default]
    SevenBit,
    /// Bytes above 127 may occur.
    EightBit,
}

/// RET=: how much of the message a bounce shall bring back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Ret {
    /// The whole message.
    Full,
    /// The header.
    Headers,
}

/// NOTIFY=: when the sender wants to hear of a recipient. All three false = NEVER.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Notify {
    /// After delivery.
    pub success: bool,
    /// After failure.
    pub failure: bool,
    /// After a while without either.
    pub delay: bool,
}

/// The value as RCPT has it.
impl fmt::Display for Notify {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        let wanted = [(self.success, "SUCCESS"), (self.failure, "FAILURE"), (self.delay, "DELAY")];
        let words: Vec<&str> = wanted.iter().filter(|(on, _)| *on).map(|(_, word)| *word).collect();
        if words.is_empty() { out.write_str("NEVER") } else { out.write_str(&words.join(",")) }
    }
}

/// The parameters of MAIL.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MailParameters {
    /// The size that the client announces, in bytes; beyond 64 bits it counts as the largest.
    pub size: Option<u64>,
    /// BODY=.
    pub body: Body,
    /// SMTPUTF8.
    pub utf8: bool,
    /// REQUIRETLS.
    pub require_tls: bool,
    /// RET=.
    pub ret: Option<Ret>,
    /// ENVID=, in xtext.
    pub envid: Option<String>,
}

/// The parameters of RCPT.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct RcptParameters {
    /// NOTIFY=.
    pub notify: Option<Notify>,
    /// ORCPT=, `type;xtext`.
    pub orcpt: Option<String>,
}

/// What is wrong with a parameter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ParameterFault {
    /// Nobody offered it.
    Unknown,
    /// Given twice.
    Doubled,
    /// The value breaks its grammar; the words name the parameter.
    Malformed(&'static str),
    /// A value that we do not serve; the words name it.
    Unsupported(&'static str),
}

impl ParameterFault {
    /// What the client gets to hear.
    pub fn reply(self) -> Reply {
        match self {
            Self::Unknown => Reply::new(555, (5, 5, 4), "parameter not recognized"),
            Self::Doubled => Reply::new(501, (5, 5, 4), "parameter given twice"),
            Self::Malformed(name) => Reply::new(501, (5, 5, 4), format!("malformed {name} parameter")),
            Self::Unsupported(name) => Reply::new(555, (5, 5, 4), format!("{name} not supported")),
        }
    }
}

impl MailParameters {
    /// Parses what follows the path.
    pub fn parse(text: &str) -> Result<Self, ParameterFault> {
        let mut parameters = Self::default();
        let mut seen = Seen::default();
        for (name, value) in words(text) {
            let position = MAIL_PARAMETERS.iter().position(|known| known.eq_ignore_ascii_case(name));
            seen.note(position)?;
            match position {
                Some(0) => parameters.size = Some(size(value)?),
                Some(1) => parameters.body = body(value)?,
                Some(2) => parameters.utf8 = flag("SMTPUTF8", value)?,
                Some(3) => parameters.ret = Some(ret(value)?),
                Some(4) => parameters.envid = Some(envid(value)?),
                Some(5) => parameters.require_tls = flag("REQUIRETLS", value)?,
                Some(6) => submitter(value)?,
                _ => return Err(ParameterFault::Unknown),
            }
        }
        Ok(parameters)
    }
}

impl RcptParameters {
    /// Parses what follows the path.
    pub fn parse(text: &str) -> Result<Self, ParameterFault> {
        let mut parameters = Self::default();
        let mut seen = Seen::default();
        for (name, value) in words(text) {
            let position = ["NOTIFY", "ORCPT"].iter().position(|known| known.eq_ignore_ascii_case(name));
            seen.note(position)?;
            match position {
                Some(0) => parameters.notify = Some(notify(value)?),
                Some(1) => parameters.orcpt = Some(orcpt(value)?),
                _ => return Err(ParameterFault::Unknown),
            }
        }
        Ok(parameters)
    }
}

/// Which parameters have been given, a bit each.
#[derive(Default)]
struct Seen(u8);

impl Seen {
    fn note(&mut self, position: Option<usize>) -> Result<(), ParameterFault> {
        let bit = position.map_or(0, |position| 1 << position);
        if self.0 & bit != 0 {
            return Err(ParameterFault::Doubled);
        }
        self.0 |= bit;
        Ok(())
    }
}

fn words(text: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    let words = text.split([' ', '\t']).filter(|word| !word.is_empty());
    words.map(|word| word.split_once('=').map_or((word, None), |(name, value)| (name, Some(value))))
}

/// RFC 1870 §6: 1 to 20 digits.
fn size(value: Option<&str>) -> Result<u64, ParameterFault> {
    let digits = value.filter(|text| (1..=20).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit()));
    let digits = digits.ok_or(ParameterFault::Malformed("SIZE"))?;
    Ok(digits.parse().unwrap_or(u64::MAX))
}

fn body(value: Option<&str>) -> Result<Body, ParameterFault> {
    match value.map(str::to_ascii_uppercase).as_deref() {
        Some("7BIT") => Ok(Body::SevenBit),
        Some("8BITMIME") => Ok(Body::EightBit),
        Some("BINARYMIME") => Err(ParameterFault::Unsupported("BODY=BINARYMIME")),
        _ => Err(ParameterFault::Malformed("BODY")),
    }
}

fn flag(name: &'static str, value: Option<&str>) -> Result<bool, ParameterFault> {
    if value.is_none() { Ok(true) } else { Err(ParameterFault::Malformed(name)) }
}

/// Who is said to have submitted the message: `<>`, or an address in xtext. Nobody is believed, so nothing is kept.
fn submitter(value: Option<&str>) -> Result<(), ParameterFault> {
    let fits = value.is_some_and(|value| !value.is_empty() && value.len() <= ORCPT_MAX && is_xtext(value));
    if fits { Ok(()) } else { Err(ParameterFault::Malformed("AUTH")) }
}

fn ret(value: Option<&str>) -> Result<Ret, ParameterFault> {
    match value.map(str::to_ascii_uppercase).as_deref() {
        Some("FULL") => Ok(Ret::Full),
        Some("HDRS") => Ok(Ret::Headers),
        _ => Err(ParameterFault::Malformed("RET")),
    }
}

fn envid(value: Option<&str>) -> Result<String, ParameterFault> {
    let text = value.filter(|text| !text.is_empty() && text.len() <= ENVID_MAX && is_xtext(text));
    text.map(str::to_owned).ok_or(ParameterFault::Malformed("ENVID"))
}

fn notify(value: Option<&str>) -> Result<Notify, ParameterFault> {
    let text = value.unwrap_or_default().to_ascii_uppercase();
    let mut notify = Notify { success: false, failure: false, delay: false };
    if text == "NEVER" {
        return Ok(notify);
    }
    for word in text.split(',') {
        match word {
            "SUCCESS" => notify.success = true,
            "FAILURE" => notify.failure = true,
            "DELAY" => notify.delay = true,
            _ => return Err(ParameterFault::Malformed("NOTIFY")),
        }
    }
    Ok(notify)
}

/// `type;address`: the type an atom, the address in xtext, or in UTF-8 where the type says so (RFC 6533 §3).
fn orcpt(value: Option<&str>) -> Result<String, ParameterFault> {
    let text = value.filter(|text| text.len() <= ORCPT_MAX);
    let parts = text.and_then(|text| text.split_once(';'));
    let sound = parts.is_some_and(|(kind, address)| {
        let utf8 = kind.eq_ignore_ascii_case("utf-8");
        is_atom(kind) && !address.is_empty() && (is_xtext(address) || (utf8 && is_unitext(address)))
    });
    text.filter(|_| sound).map(str::to_owned).ok_or(ParameterFault::Malformed("ORCPT"))
}

fn is_atom(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-')
}

/// RFC 3461 §4: printable ASCII without `+` and `=`, and `+` with two upper-case hexadecimal digits.
fn is_xtext(text: &str) -> bool {
    let mut bytes = text.bytes();
    let hex = |byte: Option<u8>| byte.is_some_and(|byte| byte.is_ascii_digit() || (b'A'..=b'F').contains(&byte));
    while let Some(byte) = bytes.next() {
        let sound = match byte {
            b'+' => hex(bytes.next()) && hex(bytes.next()),
            b'=' => false,
            other => other.is_ascii_graphic(),
        };
        if !sound {
            return false;
        }
    }
    true
}

/// RFC 6533 §3: printable text without blanks, `+` and `=`.
fn is_unitext(text: &str) -> bool {
    text.chars().all(|symbol| symbol.is_ascii_graphic() && !matches!(symbol, '+' | '=') || !symbol.is_ascii() && !symbol.is_control())
}
