//! Address lists of header fields (RFC 5322 section 3.4): parsed so that an address can be read or replaced while
//! everything around it, comments, display names, groups and folding included, stays byte for byte.
//!
//! What: the body of a field such as To becomes text and addresses in their order. Routes (section 4.4) are dropped.
//! Security stance: header text may come from strangers; it is only read, in one pass, and nothing is guessed. An
//! address that holds a control character is none. How it fails: with words for the writer of the field.
//! Known limits: an address must be UTF-8; comments inside an address move behind it.

use crate::tokens::{Token, Tokens};
use std::fmt;

/// One address field's body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressList {
    parts: Vec<Part>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(Vec<u8>),
    Address(Address),
}

/// An address as it stands in a field; it may still lack its domain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Address {
    /// The local part without quotes and backslashes.
    pub local: String,
    /// What stands behind the last `@`, as written.
    pub domain: Option<String>,
}

/// Why a body is no address list.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NoList(pub(crate) &'static str);

impl fmt::Display for NoList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl std::error::Error for NoList {}

impl AddressList {
    /// Reads the body of a field, what stands behind its colon; it may be folded.
    ///
    /// # Errors
    /// When it is not a list of addresses and groups.
    pub fn parse(body: &[u8]) -> Result<AddressList, NoList> {
        let mut list = AddressList { parts: Vec::new() };
        let mut element = Vec::new();
        let mut depth = 0_u32;
        for token in Tokens::of(body) {
            let token = token?;
            match token {
                Token::Special(b'<', _) => depth += 1,
                Token::Special(b'>', _) => depth = depth.checked_sub(1).ok_or(NoList("a > without its <"))?,
                _ => {}
            }
            match token {
                Token::Special(b':', text) if depth == 0 => {
                    // What stood before is the name of a group.
                    element.drain(..).for_each(|token: Token<'_>| list.text(token.bytes()));
                    list.text(text);
                }
                Token::Special(b',' | b';', text) if depth == 0 => {
                    list.element(&element)?;
                    element.clear();
                    list.text(text);
                }
                token => element.push(token),
            }
        }
        if depth > 0 {
            return Err(NoList("a < without its >"));
        }
        list.element(&element)?;
        Ok(list)
    }

    /// The addresses, in order.
    pub fn addresses(&self) -> impl Iterator<Item = &Address> {
        self.parts.iter().filter_map(|part| match part {
            Part::Address(address) => Some(address),
            Part::Text(_) => None,
        })
    }

    /// As [`AddressList::addresses`], to change them.
    pub fn addresses_mut(&mut self) -> impl Iterator<Item = &mut Address> {
        self.parts.iter_mut().filter_map(|part| match part {
            Part::Address(address) => Some(address),
            Part::Text(_) => None,
        })
    }

    /// The body again.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut body = Vec::new();
        for part in &self.parts {
            match part {
                Part::Text(text) => body.extend_from_slice(text),
                Part::Address(address) => body.extend_from_slice(address.to_string().as_bytes()),
            }
        }
        body
    }

    fn text(&mut self, text: &[u8]) {
        match self.parts.last_mut() {
            Some(Part::Text(before)) => before.extend_from_slice(text),
            _ => self.parts.push(Part::Text(text.to_vec())),
        }
    }

    /// What stands between two commas: nothing but space, one bare address, or one in angle brackets behind a name.
    fn element(&mut self, tokens: &[Token<'_>]) -> Result<(), NoList> {
        let open = tokens.iter().position(|token| matches!(token, Token::Special(b'<', _)));
        let Some(open) = open else { return self.bare(tokens) };
        let close = tokens.iter().position(|token| matches!(token, Token::Special(b'>', _))).ok_or(NoList("a < without its >"))?;
        let (name, inside, behind) = (tokens.get(..=open), tokens.get(open + 1..close), tokens.get(close..));
        let behind = behind.unwrap_or_default();
        if behind.iter().skip(1).any(|token| token.is_meant()) {
            return Err(NoList("text between the > of an address and the next comma"));
        }
        name.unwrap_or_default().iter().for_each(|token| self.text(token.bytes()));
        let inside = without_route(inside.unwrap_or_default());
        if inside.iter().any(Token::is_meant) {
            self.bare(inside)?;
        }
        behind.iter().for_each(|token| self.text(token.bytes()));
        Ok(())
    }

    fn bare(&mut self, tokens: &[Token<'_>]) -> Result<(), NoList> {
        let Some(first) = tokens.iter().position(Token::is_meant) else {
            tokens.iter().for_each(|token| self.text(token.bytes()));
            return Ok(());
        };
        let (before, rest) = tokens.split_at(first);
        before.iter().for_each(|token| self.text(token.bytes()));
        self.parts.push(Part::Address(address(rest)?));
        let last = rest.iter().rposition(Token::is_meant).unwrap_or(0);
        // Comments inside the address come to stand behind it; blank space inside it goes.
        for (place, token) in rest.iter().enumerate() {
            match token {
                Token::Comment(text) if place < last => {
                    self.text(b" ");
                    self.text(text);
                }
                token if place > last => self.text(token.bytes()),
                _ => {}
            }
        }
        Ok(())
    }
}

/// As it stands in a header: the local part quoted where it must be.
impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&crate::quoted(&self.local))?;
        self.domain.as_ref().map_or(Ok(()), |domain| write!(f, "@{domain}"))
    }
}

/// `@a,@b:` in front of an address (RFC 5322 section 4.4) says nothing today.
fn without_route<'t, 'b>(tokens: &'t [Token<'b>]) -> &'t [Token<'b>] {
    let first = tokens.iter().find(|token| token.is_meant());
    match (first, tokens.iter().position(|token| matches!(token, Token::Special(b':', _)))) {
        (Some(Token::Special(b'@', _)), Some(colon)) => tokens.get(colon + 1..).unwrap_or_default(),
        _ => tokens,
    }
}

fn address(tokens: &[Token<'_>]) -> Result<Address, NoList> {
    let meant: Vec<Token<'_>> = joined(tokens)?;
    let at = meant.iter().position(|token| matches!(token, Token::Special(b'@', _)));
    let (local, domain) = match at {
        Some(at) => (meant.get(..at).unwrap_or_default(), meant.get(at + 1..)),
        None => (meant.as_slice(), None),
    };
    let local = local.iter().map(|token| token.meaning(false)).collect::<Result<Vec<_>, _>>()?.concat();
    if local.is_empty() {
        return Err(NoList("an address without a local part"));
    }
    let Some(domain) = domain else { return Ok(Address { local, domain: None }) };
    let domain = domain.iter().map(|token| token.meaning(true)).collect::<Result<Vec<_>, _>>()?.concat();
    if domain.is_empty() { Err(NoList("an address without a domain behind its @")) } else { Ok(Address { local, domain: Some(domain) }) }
}

/// What carries meaning. Two words side by side are no address, unless a dot or an @ joins them.
fn joined<'b>(tokens: &[Token<'b>]) -> Result<Vec<Token<'b>>, NoList> {
    let mut meant: Vec<Token<'b>> = Vec::new();
    for token in tokens.iter().filter(|token| token.is_meant()) {
        if let Some(before) = meant.last() {
            let joins = before.bytes().ends_with(b".") || token.bytes().starts_with(b".");
            if before.is_word() && token.is_word() && !joins {
                return Err(NoList("two words side by side where one address belongs; a comma may be missing"));
            }
        }
        meant.push(*token);
    }
    Ok(meant)
}

#[cfg(test)]
#[path = "list_test.rs"]
mod list_test;
