//! The words of an address field (RFC 5322 section 3.2): blank space, comments, quoted strings, literals, atoms and the
//! characters with a meaning of their own.
//!
//! Security stance: the text may come from strangers; it is read in one pass and every byte belongs to one word. How it fails:
//! with words for the writer of the field. Known limits: what may stand in an atom is not judged here.

use crate::list::NoList;

/// One word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Token<'b> {
    Space(&'b [u8]),
    Comment(&'b [u8]),
    Quoted(&'b [u8]),
    Literal(&'b [u8]),
    Word(&'b [u8]),
    Special(u8, &'b [u8]),
}

impl<'b> Token<'b> {
    /// As it stands in the field.
    pub(crate) fn bytes(&self) -> &'b [u8] {
        match self {
            Token::Space(text)
            | Token::Comment(text)
            | Token::Quoted(text)
            | Token::Literal(text)
            | Token::Word(text)
            | Token::Special(_, text) => text,
        }
    }

    /// Whether it is more than space and comment.
    pub(crate) fn is_meant(&self) -> bool {
        !matches!(self, Token::Space(_) | Token::Comment(_))
    }

    /// Whether it is a word of an address.
    pub(crate) fn is_word(&self) -> bool {
        matches!(self, Token::Quoted(_) | Token::Literal(_) | Token::Word(_))
    }

    /// What it stands for, in a domain or in a local part.
    pub(crate) fn meaning(&self, in_domain: bool) -> Result<String, NoList> {
        let text = match self {
            Token::Quoted(text) if !in_domain => unquoted(text),
            Token::Word(text) => text.to_vec(),
            Token::Literal(text) if in_domain => text.to_vec(),
            _ => return Err(NoList("a character that an address cannot hold there")),
        };
        let text = String::from_utf8(text).map_err(|_| NoList("an address that is not UTF-8"))?;
        if text.chars().any(char::is_control) { Err(NoList("an address with a control character")) } else { Ok(text) }
    }
}

/// The text of a quoted string without its quotes; folding inside it is not part of it (RFC 5322 section 3.2.4).
fn unquoted(text: &[u8]) -> Vec<u8> {
    let mut inside = text.iter().skip(1).take(text.len().saturating_sub(2));
    let mut plain = Vec::with_capacity(text.len());
    while let Some(&byte) = inside.next() {
        match byte {
            b'\\' => plain.extend(inside.next()),
            b'\r' | b'\n' => {}
            byte => plain.push(byte),
        }
    }
    plain
}

/// The words of a body, to the first fault.
pub(crate) struct Tokens<'b> {
    rest: &'b [u8],
}

impl<'b> Iterator for Tokens<'b> {
    type Item = Result<Token<'b>, NoList>;

    fn next(&mut self) -> Option<Self::Item> {
        let length = match *self.rest.first()? {
            b' ' | b'\t' | b'\r' | b'\n' => Ok(self.run(|byte| matches!(byte, b' ' | b'\t' | b'\r' | b'\n'))),
            b'(' => self.comment(),
            b'"' => self.until(b'"').ok_or(NoList("a quoted string without its closing quote")),
            b'[' => self.until(b']').ok_or(NoList("an address literal without its ]")),
            b')' => Err(NoList("a ) without its (")),
            b'<' | b'>' | b'@' | b',' | b';' | b':' => Ok(1),
            _ => Ok(self.run(|byte| !b" \t\r\n()\"[]<>@,;:".contains(&byte)).max(1)),
        };
        let length = match length {
            Ok(length) => length,
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        let (text, rest) = self.rest.split_at(length.min(self.rest.len()));
        self.rest = rest;
        Some(Ok(match text.first() {
            Some(b' ' | b'\t' | b'\r' | b'\n') => Token::Space(text),
            Some(b'(') => Token::Comment(text),
            Some(b'"') => Token::Quoted(text),
            Some(b'[') => Token::Literal(text),
            Some(byte @ (b'<' | b'>' | b'@' | b',' | b';' | b':')) => Token::Special(*byte, text),
            _ => Token::Word(text),
        }))
    }
}

impl<'b> Tokens<'b> {
    /// The words of `body`.
    pub(crate) fn of(body: &'b [u8]) -> Tokens<'b> {
        Tokens { rest: body }
    }

    fn run(&self, belongs: impl Fn(u8) -> bool) -> usize {
        self.rest.iter().position(|byte| !belongs(*byte)).unwrap_or(self.rest.len())
    }

    /// The length up to an unescaped `end` behind the first byte.
    fn until(&self, end: u8) -> Option<usize> {
        let mut bytes = self.rest.iter().enumerate().skip(1);
        while let Some((place, &byte)) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                byte if byte == end => return Some(place + 1),
                _ => {}
            }
        }
        None
    }

    /// Comments may hold comments.
    fn comment(&self) -> Result<usize, NoList> {
        let mut depth = 0_usize;
        let mut bytes = self.rest.iter().enumerate();
        while let Some((place, &byte)) = bytes.next() {
            match byte {
                b'\\' => drop(bytes.next()),
                b'(' => depth += 1,
                b')' if depth == 1 => return Ok(place + 1),
                b')' => depth -= 1,
                _ => {}
            }
        }
        Err(NoList("a comment without its )"))
    }
}
