//! Patterns for addresses and destinations: literally, `@domain`, or with `*` for any text.

/// A pattern; letters match in either case.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// What stands between the stars.
    parts: Vec<String>,
}

impl Pattern {
    /// An address (brackets may stand around it; `<>` is the sender of bounces), `@domain`, or a
    /// text in which `*` stands for anything.
    pub fn address(text: &str) -> Pattern {
        let bare = text.strip_prefix('<').and_then(|text| text.strip_suffix('>')).unwrap_or(text);
        if bare.starts_with('@') { Pattern::text(&format!("*{bare}")) } else { Pattern::text(bare) }
    }

    /// A text in which `*` stands for anything.
    pub fn text(text: &str) -> Pattern {
        Pattern { parts: text.to_lowercase().split('*').map(str::to_owned).collect() }
    }

    /// Whether it is that text.
    pub fn matches(&self, text: &str) -> bool {
        // Most text is lower case already, which costs no copy then.
        if text.bytes().all(|byte| byte.is_ascii() && !byte.is_ascii_uppercase()) {
            return self.matches_lower(text);
        }
        self.matches_lower(&text.to_lowercase())
    }

    fn matches_lower(&self, text: &str) -> bool {
        let [first, middle @ .., last] = &self.parts[..] else {
            return self.parts.first().is_some_and(|only| only == text);
        };
        let Some(rest) = text.strip_prefix(first.as_str()).and_then(|rest| rest.strip_suffix(last.as_str())) else { return false };
        // The first place where a part fits leaves the most room for those behind it.
        let behind = middle.iter().try_fold(rest, |rest, part| rest.find(part.as_str()).and_then(|at| rest.get(at + part.len()..)));
        behind.is_some()
    }
}
