//! The part before the `@`: atoms with dots, or a quoted string (RFC 5321 §4.1.2, RFC 6531 §3.3).
//!
//! Kept without quotes and backslashes, so that `"a"@b`, `a@b` and `"\a"@b` are one address; quotes come back on the way
//! out only where the grammar needs them. Control characters are refused even where RFC 5321 would let a client send them.

use std::borrow::Cow;

use crate::Error;

/// The longest local part taken, in bytes without quotes. RFC 5321 §4.5.3.1.1 asks for 64; VERP, SRS and BATV need more.
pub const LOCAL_MAX: usize = 255;

/// Splits a text after its local part: the meaning of the local part, and the rest.
pub(crate) fn take(text: &str) -> Result<(String, &str), Error> {
    let (local, rest) = match text.strip_prefix('"') {
        Some(quoted) => take_quoted(quoted)?,
        None => take_dot_string(text)?,
    };
    if local.len() > LOCAL_MAX {
        return Err(Error::LocalTooLong);
    }
    Ok((local, rest))
}

/// The local part as SMTP and header fields write it: in quotes where it must be.
pub fn quote(local: &str) -> Cow<'_, str> {
    if is_dot_string(local) {
        return Cow::Borrowed(local);
    }
    let mut quoted = String::with_capacity(local.len() + 4);
    quoted.push('"');
    for symbol in local.chars() {
        if matches!(symbol, '"' | '\\') {
            quoted.push('\\');
        }
        quoted.push(symbol);
    }
    quoted.push('"');
    Cow::Owned(quoted)
}

/// Whether a local part without quotes may stand in an address at all.
pub(crate) fn check(local: &str) -> Result<(), Error> {
    if local.is_empty() {
        Err(Error::Syntax("empty local part"))
    } else if local.len() > LOCAL_MAX {
        Err(Error::LocalTooLong)
    } else if local.chars().any(char::is_control) {
        Err(Error::Syntax("control character in local part"))
    } else {
        Ok(())
    }
}

fn take_dot_string(text: &str) -> Result<(String, &str), Error> {
    let end = text.find(|symbol| !is_atom(symbol) && symbol != '.').unwrap_or(text.len());
    let (local, rest) = text.split_at(end);
    if local.is_empty() {
        Err(Error::Syntax("empty local part"))
    } else if is_dot_string(local) {
        Ok((local.to_owned(), rest))
    } else {
        Err(Error::Syntax("dot out of place in local part"))
    }
}

/// Reads up to the closing quote; `text` begins after the opening one.
fn take_quoted(text: &str) -> Result<(String, &str), Error> {
    let mut local = String::new();
    let mut symbols = text.char_indices();
    while let Some((at, symbol)) = symbols.next() {
        let kept = match symbol {
            '"' => return finish_quoted(local, text.get(at + 1..).unwrap_or_default()),
            '\\' => symbols.next().map(|(_, escaped)| escaped),
            plain => Some(plain),
        };
        match kept {
            Some(symbol) if !symbol.is_control() => local.push(symbol),
            _ => return Err(Error::Syntax("forbidden character in quoted local part")),
        }
    }
    Err(Error::Syntax("quoted local part without closing quote"))
}

fn finish_quoted(local: String, rest: &str) -> Result<(String, &str), Error> {
    check(&local)?;
    Ok((local, rest))
}

fn is_dot_string(local: &str) -> bool {
    local.split('.').all(|atom| !atom.is_empty() && atom.chars().all(is_atom))
}

/// atext of RFC 5322 §3.2.3, widened by RFC 6531 to everything beyond ASCII that is no control character.
fn is_atom(symbol: char) -> bool {
    symbol.is_ascii_alphanumeric() || "!#$%&'*+-/=?^_`{|}~".contains(symbol) || (!symbol.is_ascii() && !symbol.is_control())
}
