//! What clients say to log in: the messages of PLAIN (RFC 4616) and SCRAM (RFC 5802), without base64.
//!
//! Security stance: a message that is not whole, holds bytes that it must not, or says something that we would have to
//! understand and do not is none. Nothing here is a decision: whoever has the verifiers decides.

/// PLAIN: who wants to act, who logs in, and the password.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Plain<'a> {
    /// For whom the client wants to act; empty for itself.
    pub authorization: &'a str,
    /// Whose password it is.
    pub name: &'a str,
    /// The password.
    pub password: &'a [u8],
}

/// The first message of SCRAM.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ScramFirst<'a> {
    /// What it says about the channel.
    pub binding: Binding<'a>,
    /// For whom the client wants to act, as it was written; empty for itself.
    pub authorization: &'a str,
    /// The begin, up to the second comma and with it (gs2-header).
    pub header: &'a str,
    /// What stands behind that (client-first-message-bare).
    pub bare: &'a str,
    /// Whose password it is, as it was written.
    pub name: &'a str,
    /// The client's nonce.
    pub nonce: &'a str,
}

/// What a client says about the channel (RFC 5802 §6).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Binding<'a> {
    /// It knows no binding.
    None,
    /// It knows bindings and has not seen that we do.
    Unseen,
    /// It binds to this kind of channel.
    To(&'a str),
}

/// The last message of SCRAM.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ScramFinal<'a> {
    /// The whole message without the proof (client-final-message-without-proof).
    pub without_proof: &'a str,
    /// The header and the channel's data, once more.
    pub binding: Vec<u8>,
    /// Both nonces.
    pub nonce: &'a str,
    /// The proof.
    pub proof: Vec<u8>,
}

impl<'a> Plain<'a> {
    /// Reads it.
    pub fn parse(message: &'a [u8]) -> Option<Plain<'a>> {
        let mut parts = message.split(|byte| *byte == 0);
        let (authorization, name, password) = (parts.next()?, parts.next()?, parts.next()?);
        let text = |bytes| std::str::from_utf8(bytes).ok();
        let plain = Plain { authorization: text(authorization)?, name: text(name)?, password };
        (parts.next().is_none() && !plain.name.is_empty() && !password.is_empty()).then_some(plain)
    }
}

impl<'a> ScramFirst<'a> {
    /// Reads it.
    pub fn parse(message: &'a [u8]) -> Option<ScramFirst<'a>> {
        let message = std::str::from_utf8(message).ok()?;
        let mut parts = message.splitn(3, ',');
        let (flag, authorization, bare) = (parts.next()?, parts.next()?, parts.next()?);
        let binding = match flag.strip_prefix("p=") {
            Some(kind) if !kind.is_empty() => Binding::To(kind),
            None if flag == "n" => Binding::None,
            None if flag == "y" => Binding::Unseen,
            _ => return None,
        };
        let authorization = if authorization.is_empty() { "" } else { authorization.strip_prefix("a=")? };
        let header = message.get(..message.len() - bare.len())?;
        // what begins with m= would have to be understood
        let mut attributes = bare.split(',');
        let name = attributes.next()?.strip_prefix("n=").filter(|name| !name.is_empty())?;
        let nonce = attributes.next()?.strip_prefix("r=").filter(|nonce| is_nonce(nonce))?;
        Some(ScramFirst { binding, authorization, header, bare, name, nonce })
    }
}

impl<'a> ScramFinal<'a> {
    /// Reads it.
    pub fn parse(message: &'a [u8]) -> Option<ScramFinal<'a>> {
        let message = std::str::from_utf8(message).ok()?;
        let (without_proof, proof) = message.rsplit_once(",p=")?;
        let mut attributes = without_proof.split(',');
        let binding = crate::base64::decode(attributes.next()?.strip_prefix("c=")?.as_bytes())?;
        let nonce = attributes.next()?.strip_prefix("r=")?;
        Some(ScramFinal { without_proof, binding, nonce, proof: crate::base64::decode(proof.as_bytes())? })
    }
}

/// A name as it is written in SCRAM, without `=2C` and `=3D`; nothing where another `=` stands in it (RFC 5802 §5.1).
pub fn unescape(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut out = parts.next()?.to_owned();
    for part in parts {
        let (symbol, rest) = part.strip_prefix("2C").map(|rest| (',', rest)).or_else(|| part.strip_prefix("3D").map(|rest| ('=', rest)))?;
        out.push(symbol);
        out.push_str(rest);
    }
    Some(out)
}

fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.len() <= 256 && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b',')
}

#[cfg(test)]
#[path = "sasl_test.rs"]
mod sasl_test;
