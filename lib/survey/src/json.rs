//! JSON (RFC 8259), written piece by piece. A value can only be closed by what opened it, and
//! every text is escaped: also what would drive a terminal, so that the output is safe to look at.

use std::fmt::Write;

/// An object that is being written.
#[derive(Debug)]
pub struct Object<'a> {
    out: &'a mut String,
    is_empty: bool,
}

/// Appends one object to `out`.
pub fn object(out: &mut String, fill: impl FnOnce(&mut Object<'_>)) {
    out.push('{');
    fill(&mut Object { out, is_empty: true });
    out.push('}');
}

impl Object<'_> {
    /// A member that is a text.
    pub fn text(&mut self, name: &str, value: &str) {
        self.name(name);
        string(self.out, value);
    }

    /// A member that is a whole number.
    pub fn number(&mut self, name: &str, value: u64) {
        self.name(name);
        let _ = write!(self.out, "{value}");
    }

    /// A member that is true or false.
    pub fn truth(&mut self, name: &str, value: bool) {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
    }

    /// A member that is unknown.
    pub fn null(&mut self, name: &str) {
        self.name(name);
        self.out.push_str("null");
    }

    /// A member that is a whole number, or null.
    pub fn number_or_null(&mut self, name: &str, value: Option<u64>) {
        match value {
            Some(value) => self.number(name, value),
            None => self.null(name),
        }
    }

    /// A member that is an object.
    pub fn object(&mut self, name: &str, fill: impl FnOnce(&mut Object<'_>)) {
        self.name(name);
        object(self.out, fill);
    }

    /// A member that is an array of objects, one for each of `items`.
    pub fn objects<T>(&mut self, name: &str, items: impl IntoIterator<Item = T>, mut fill: impl FnMut(&mut Object<'_>, T)) {
        self.name(name);
        self.out.push('[');
        for (number, item) in items.into_iter().enumerate() {
            self.out.push_str(if number == 0 { "" } else { "," });
            object(self.out, |object| fill(object, item));
        }
        self.out.push(']');
    }

    fn name(&mut self, name: &str) {
        if !std::mem::replace(&mut self.is_empty, false) {
            self.out.push(',');
        }
        string(self.out, name);
        self.out.push(':');
    }
}

/// Appends a text with its quotes.
pub fn string(out: &mut String, text: &str) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            c if must_be_escaped(c) => {
                let _ = write!(out, "\\u{:04x}", u32::from(c));
            }
            c => out.push(c),
        }
    }
    out.push('"');
}

/// Control characters (RFC 8259 section 7), and what changes how a reader sees the rest. All of
/// them have four digits.
fn must_be_escaped(character: char) -> bool {
    character.is_control() || matches!(character, '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}' | '\u{feff}')
}
