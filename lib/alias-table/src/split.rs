//! Where the text of aliases is divided: into instructions, at the first colon, at commas. What stands in quotes, comments,
//! angle brackets and address literals is not looked into.

/// What stands between two commas.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Piece<'a> {
    /// Line ends before it.
    pub line: usize,
    /// The text, without the blank space around it.
    pub text: &'a str,
}

/// The instructions of a text, each with the number of its first line; comments are left out.
pub fn logical_lines(text: &str) -> Vec<(usize, &str)> {
    let mut starts = Vec::new();
    let mut offset = 0;
    for (index, line) in text.split_inclusive('\n').enumerate() {
        if !line.starts_with([' ', '\t', '\n', '\r']) {
            starts.push((index + 1, offset));
        }
        offset += line.len();
    }
    let ends: Vec<usize> = starts.iter().skip(1).map(|(_, start)| *start).chain([text.len()]).collect();
    let lines = starts.into_iter().zip(ends).filter_map(|((line, start), end)| Some((line, text.get(start..end)?)));
    lines.filter(|(_, text)| !text.starts_with('#')).collect()
}

/// What stands before and behind the first colon.
///
/// # Errors
/// When there is none.
pub fn at_colon(text: &str) -> Result<(&str, &str), String> {
    let colon = outside(text, |c| c == ':')?.into_iter().next();
    let parts = colon.and_then(|at| Some((text.get(..at)?, text.get(at + 1..)?)));
    parts.ok_or_else(|| format!("\"{}\" has no colon; write name: recipient", text.trim_end().escape_debug()))
}

/// What stands between commas.
///
/// # Errors
/// When a quote or bracket is not closed.
pub fn pieces(text: &str) -> Result<Vec<Piece<'_>>, String> {
    let commas = outside(text, |c| c == ',')?;
    let starts = std::iter::once(0).chain(commas.iter().map(|at| at + 1));
    let ends = commas.iter().copied().chain([text.len()]);
    let cut = starts.zip(ends).map(|(start, end)| {
        let before = text.get(..start).unwrap_or_default();
        let piece = text.get(start..end).unwrap_or_default();
        let blank = piece.len() - piece.trim_start().len();
        let line = before.matches('\n').count() + piece.get(..blank).unwrap_or_default().matches('\n').count();
        Piece { line, text: piece.trim() }
    });
    Ok(cut.collect())
}

/// Whether a colon or semicolon stands in an address that is not quoted.
pub fn has_group(text: &str) -> bool {
    outside(text, |c| matches!(c, ':' | ';')).is_ok_and(|found| !found.is_empty())
}

/// The file of `:include:file`, which may have blank space around its words, and quotes.
pub fn included(text: &str) -> Option<String> {
    let inside = unquoted(text);
    let text = inside.as_deref().unwrap_or(text);
    let rest = text.strip_prefix(':')?.trim_start();
    let word = rest.get(..7).filter(|word| word.eq_ignore_ascii_case("include"))?;
    let path = rest.get(word.len()..)?.trim_start().strip_prefix(':')?.trim();
    Some(unquoted(path).unwrap_or_else(|| path.to_owned()))
}

/// The inside of a text that is one quoted string and nothing else.
pub fn unquoted(text: &str) -> Option<String> {
    let mut characters = text.strip_prefix('"')?.chars();
    let mut inside = String::new();
    while let Some(c) = characters.next() {
        match c {
            '\\' => inside.extend(characters.next()),
            '"' => return characters.as_str().is_empty().then_some(inside),
            c => inside.push(c),
        }
    }
    None
}

/// The text with a blank in the place of each comment.
pub fn without_comments(text: &str) -> String {
    let mut bare = String::new();
    let mut depth = 0_usize;
    let mut is_quoted = false;
    let mut characters = text.chars();
    while let Some(c) = characters.next() {
        let escaped = if c == '\\' { characters.next() } else { None };
        match c {
            '"' if depth == 0 => is_quoted = !is_quoted,
            '(' if !is_quoted => depth += 1,
            ')' if depth > 0 => {
                depth -= 1;
                bare.push(' ');
                continue;
            }
            _ => {}
        }
        if depth == 0 {
            bare.push(c);
            bare.extend(escaped);
        }
    }
    bare
}

/// Where such characters stand in the open.
fn outside(text: &str, wanted: impl Fn(char) -> bool) -> Result<Vec<usize>, String> {
    let mut found = Vec::new();
    let mut open: Vec<char> = Vec::new();
    let mut characters = text.char_indices();
    while let Some((at, c)) = characters.next() {
        match (open.last(), c) {
            (_, '\\') => drop(characters.next()),
            (Some('"'), '"') | (Some('('), ')') | (Some('<'), '>') | (Some('['), ']') => drop(open.pop()),
            (Some('"' | '['), _) => {}
            (Some('('), '(') => open.push(c),
            (Some('('), _) => {}
            (_, '"' | '(' | '<' | '[') => open.push(c),
            (None, c) if wanted(c) => found.push(at),
            _ => {}
        }
    }
    match open.last() {
        Some(c) => Err(format!("\"{}\" has a {c} that is not closed", text.trim_end().escape_debug())),
        None => Ok(found),
    }
}
