//! Run scripts as text: commands of words, read and never executed.
//!
//! What: quotes, variables, command substitutions, comments and continued lines of sh(1); `;`, `&&`, `||`, `|` and line ends
//! part commands; redirections are dropped. Security stance: nothing runs, and a word that holds something unknown stays
//! unknown. How it fails: it does not; what is no command of this kind is a command like any other, which nobody will know.
//! Known limits: here-documents, functions and `case` are not understood; what stands under a condition is marked so.

/// A piece of a word.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Itself.
    Text(String),
    /// The value of a variable.
    Variable(String),
    /// The output of a command.
    Output(String),
}

/// One word.
pub type Word = Vec<Piece>;

/// One command.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Command {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Its words.
    pub words: Vec<Word>,
    /// Whether it stands under a condition.
    pub is_conditional: bool,
}

/// Words that open and close conditions and loops.
const OPENING: &[&str] = &["if", "while", "until", "for", "case"];
const CLOSING: &[&str] = &["fi", "done", "esac"];
/// Words in front of a command that change nothing of it.
const LEADING: &[&str] = &["then", "else", "elif", "do", "!"];

/// Reads a script.
pub fn parse(text: &str) -> Vec<Command> {
    let mut reader = Reader { rest: text.chars().peekable(), line: 1 };
    let (mut commands, mut depth) = (Vec::new(), 0_usize);
    let mut follows = false;
    while let Some((line, mut words, end)) = reader.command() {
        let is_conditional = follows;
        follows = end == End::Condition;
        while let Some(first) = words.first().and_then(plain) {
            if OPENING.contains(&first) {
                depth += 1;
            } else if CLOSING.contains(&first) {
                depth = depth.saturating_sub(1);
            } else if !LEADING.contains(&first) {
                break;
            }
            words.remove(0);
        }
        if !words.is_empty() {
            commands.push(Command { line, words, is_conditional: is_conditional || depth > 0 });
        }
    }
    commands
}

/// A word without anything to look up.
pub fn plain(word: &Word) -> Option<&str> {
    match &word[..] {
        [Piece::Text(text)] => Some(text),
        _ => None,
    }
}

/// What ended a command.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Plain,
    /// `&&` or `||`: what follows hangs on it.
    Condition,
}

struct Reader<'a> {
    rest: std::iter::Peekable<std::str::Chars<'a>>,
    line: usize,
}

impl Reader<'_> {
    fn next(&mut self) -> Option<char> {
        let next = self.rest.next();
        self.line += usize::from(next == Some('\n'));
        next
    }

    /// The next command, possibly empty; `None` at the end.
    fn command(&mut self) -> Option<(usize, Vec<Word>, End)> {
        self.rest.peek()?;
        let (mut line, mut words) = (self.line, Vec::new());
        loop {
            match self.rest.peek().copied() {
                None => return Some((line, words, End::Plain)),
                Some(' ' | '\t') => drop(self.next()),
                Some('#') => self.skip_line(),
                Some('\n' | ';') => {
                    self.next();
                    return Some((line, words, End::Plain));
                }
                Some(first @ ('&' | '|')) => return Some((line, words, self.separator(first))),
                Some('>' | '<') => self.redirection(),
                Some(_) => {
                    if words.is_empty() {
                        line = self.line;
                    }
                    words.extend(self.word());
                }
            }
        }
    }

    fn separator(&mut self, first: char) -> End {
        self.next();
        if self.rest.peek() == Some(&first) {
            self.next();
            return End::Condition;
        }
        End::Plain
    }

    fn skip_line(&mut self) {
        while self.rest.peek().is_some_and(|next| *next != '\n') {
            self.next();
        }
    }

    /// `>file`, `2>&1`, `</dev/null`: what a service reads and writes is the supervisor's affair.
    fn redirection(&mut self) {
        while self.rest.peek().is_some_and(|next| matches!(next, '>' | '<' | '&' | ' ' | '\t')) {
            self.next();
        }
        self.word();
    }

    /// A word; `None` for a number in front of a redirection.
    fn word(&mut self) -> Option<Word> {
        let (mut pieces, mut text, mut quoted) = (Vec::new(), String::new(), false);
        while let Some(next) = self.rest.peek().copied() {
            match next {
                ' ' | '\t' | '\n' | ';' | '|' | '&' | '>' | '<' => break,
                '\\' => {
                    self.next();
                    text.extend(self.next().filter(|escaped| *escaped != '\n'));
                }
                '\'' => {
                    quoted = true;
                    self.next();
                    text.push_str(&self.until('\''));
                }
                '"' => {
                    quoted = true;
                    self.next();
                    self.in_quotes(&mut pieces, &mut text);
                }
                _ => self.piece(&mut pieces, &mut text),
            }
        }
        let is_descriptor = pieces.is_empty() && !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
        if is_descriptor && !quoted && self.rest.peek().is_some_and(|next| matches!(next, '>' | '<')) {
            return None;
        }
        if !text.is_empty() || (quoted && pieces.is_empty()) {
            pieces.push(Piece::Text(text));
        }
        Some(pieces).filter(|pieces| !pieces.is_empty())
    }

    fn in_quotes(&mut self, pieces: &mut Word, text: &mut String) {
        while let Some(next) = self.rest.peek().copied() {
            match next {
                '"' => {
                    self.next();
                    return;
                }
                '\\' => {
                    self.next();
                    match self.next() {
                        Some(escaped @ ('"' | '\\' | '$' | '`')) => text.push(escaped),
                        Some('\n') | None => {}
                        Some(other) => text.extend(['\\', other]),
                    }
                }
                _ => self.piece(pieces, text),
            }
        }
    }

    /// A variable, the output of a command, or one character.
    fn piece(&mut self, pieces: &mut Word, text: &mut String) {
        let found = match self.next() {
            Some('`') => Piece::Output(self.until('`')),
            Some('$') => match self.rest.peek().copied() {
                Some('(') => {
                    self.next();
                    Piece::Output(self.until(')'))
                }
                Some('{') => {
                    self.next();
                    Piece::Variable(self.until('}'))
                }
                Some(next) if next.is_ascii_alphanumeric() || next == '_' => Piece::Variable(self.name()),
                _ => return text.push('$'),
            },
            Some(other) => return text.push(other),
            None => return,
        };
        if !text.is_empty() {
            pieces.push(Piece::Text(std::mem::take(text)));
        }
        pieces.push(found);
    }

    fn name(&mut self) -> String {
        let mut name = String::new();
        while let Some(next) = self.rest.peek().copied().filter(|next| next.is_ascii_alphanumeric() || *next == '_') {
            name.push(next);
            self.next();
        }
        name
    }

    fn until(&mut self, end: char) -> String {
        let mut text = String::new();
        while let Some(next) = self.next().filter(|next| *next != end) {
            text.push(next);
        }
        text
    }
}

#[cfg(test)]
#[path = "shell_test.rs"]
mod shell_test;
