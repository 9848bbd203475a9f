//! Macro strings as values (RFC 7208 §7): read once with the record, expanded when they are needed.

/// A macro string.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Template {
    /// Its parts.
    pub parts: Vec<Part>,
}

/// A part of one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text that stands for itself.
    Text(String),
    /// What is put in.
    Macro(Macro),
}

/// What is put in, and how.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Macro {
    /// Its letter, in lower case.
    pub letter: char,
    /// Whether everything but the unreserved characters is written as `%XX`.
    pub escaped: bool,
    /// How many parts count from the right; none = all.
    pub count: Option<usize>,
    /// Whether the parts are turned around.
    pub reversed: bool,
    /// What parts are split at.
    pub delimiters: String,
}

impl Template {
    /// Reads a macro string; the letters c, r and t stand only in `explanations`.
    ///
    /// # Errors
    /// What is wrong with it.
    pub fn parse(text: &str, explanations: bool) -> Result<Template, &'static str> {
        let mut parts = Vec::new();
        let mut literal = String::new();
        let mut rest = text;
        while let Some(symbol) = rest.chars().next() {
            rest = rest.get(symbol.len_utf8()..).unwrap_or_default();
            match symbol {
                '%' => {
                    let (part, behind) = percent(rest, explanations)?;
                    rest = behind;
                    match part {
                        Part::Text(text) => literal.push_str(&text),
                        part => {
                            flush(&mut parts, &mut literal);
                            parts.push(part);
                        }
                    }
                }
                ' ' if explanations => literal.push(symbol),
                '!'..='~' => literal.push(symbol),
                _ => return Err("a character that may not stand there"),
            }
        }
        flush(&mut parts, &mut literal);
        Ok(Template { parts })
    }

    /// Whether it ends as the name of a domain must (§7.1, domain-end): with a macro, or with a label that is no number.
    pub fn ends_a_domain(&self) -> bool {
        match self.parts.last() {
            Some(Part::Macro(_)) => true,
            Some(Part::Text(text)) => {
                let text = text.strip_suffix('.').unwrap_or(text);
                text.rsplit_once('.').is_some_and(|(_, label)| is_top_label(label))
            }
            None => false,
        }
    }

    /// Whether the client's own name is put in.
    pub fn names_the_client(&self) -> bool {
        self.parts.iter().any(|part| matches!(part, Part::Macro(wanted) if wanted.letter == 'p'))
    }
}

fn flush(parts: &mut Vec<Part>, literal: &mut String) {
    if !literal.is_empty() {
        parts.push(Part::Text(std::mem::take(literal)));
    }
}

/// What follows a percent sign.
fn percent(rest: &str, explanations: bool) -> Result<(Part, &str), &'static str> {
    let text = |text: &str| Part::Text(text.to_owned());
    let behind = rest.get(1..).unwrap_or_default();
    match rest.as_bytes().first() {
        Some(b'%') => Ok((text("%"), behind)),
        Some(b'_') => Ok((text(" "), behind)),
        Some(b'-') => Ok((text("%20"), behind)),
        Some(b'{') => {
            let (inside, behind) = behind.split_once('}').ok_or("a macro without an end")?;
            Ok((Part::Macro(expansion(inside, explanations)?), behind))
        }
        _ => Err("a percent sign that begins nothing"),
    }
}

fn expansion(inside: &str, explanations: bool) -> Result<Macro, &'static str> {
    let first = inside.chars().next().ok_or("an empty macro")?;
    let letter = first.to_ascii_lowercase();
    match letter {
        's' | 'l' | 'o' | 'd' | 'i' | 'p' | 'h' | 'v' => {}
        'c' | 'r' | 't' if explanations => {}
        _ => return Err("no such macro"),
    }
    let rest = inside.get(1..).unwrap_or_default();
    let digits = rest.len() - rest.trim_start_matches(|symbol: char| symbol.is_ascii_digit()).len();
    let (digits, rest) = rest.split_at_checked(digits).unwrap_or(("", rest));
    let count = match digits {
        "" => None,
        // more parts than a name can have are all of them
        digits => Some(digits.trim_start_matches('0').get(..3).unwrap_or(digits).parse::<usize>().map_err(|_| "no parts")?),
    };
    if count == Some(0) {
        return Err("no parts");
    }
    let stripped = rest.strip_prefix(['r', 'R']);
    let delimiters = stripped.unwrap_or(rest);
    if !delimiters.chars().all(|symbol| ".-+,/_=".contains(symbol)) {
        return Err("not a delimiter");
    }
    let delimiters = if delimiters.is_empty() { "." } else { delimiters }.to_owned();
    Ok(Macro { letter, escaped: first.is_ascii_uppercase(), count, reversed: stripped.is_some(), delimiters })
}

/// Letters, digits and inner hyphens, not digits alone.
fn is_top_label(label: &str) -> bool {
    let plain = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let ends = label.starts_with('-') || label.ends_with('-');
    !label.is_empty() && plain && !ends && !label.bytes().all(|byte| byte.is_ascii_digit())
}
