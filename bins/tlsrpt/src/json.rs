//! JSON, as much of it as a report needs (RFC 8259).

use std::fmt::Write;

/// A value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// A text.
    Text(String),
    /// A number.
    Number(u64),
    /// Values in order.
    List(Vec<Value>),
    /// Values by name, in order.
    Object(Vec<(&'static str, Value)>),
}

impl Value {
    /// A text.
    pub fn text(text: impl Into<String>) -> Value {
        Value::Text(text.into())
    }

    /// Texts in order.
    pub fn texts(texts: &[String]) -> Value {
        Value::List(texts.iter().map(Value::text).collect())
    }

    /// It, written.
    pub fn write(&self) -> String {
        let mut out = String::new();
        self.append(&mut out);
        out
    }

    fn append(&self, out: &mut String) {
        match self {
            Value::Text(text) => quote(text, out),
            Value::Number(number) => out.push_str(&number.to_string()),
            Value::List(values) => {
                out.push('[');
                separated(values, out, |value, out| value.append(out));
                out.push(']');
            }
            Value::Object(members) => {
                out.push('{');
                separated(members, out, |(name, value), out| {
                    quote(name, out);
                    out.push(':');
                    value.append(out);
                });
                out.push('}');
            }
        }
    }
}

fn separated<T>(items: &[T], out: &mut String, mut each: impl FnMut(&T, &mut String)) {
    for (index, item) in items.iter().enumerate() {
        if index > 0 {
            out.push(',');
        }
        each(item, out);
    }
}

fn quote(text: &str, out: &mut String) {
    out.push('"');
    for character in text.chars() {
        match character {
            '"' | '\\' => out.extend(['\\', character]),
            // A String takes all that is written to it.
            control if control.is_control() => drop(write!(out, "\\u{:04x}", u32::from(control))),
            other => out.push(other),
        }
    }
    out.push('"');
}
