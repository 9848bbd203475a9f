//! The words of a command: its options, assignments in front of it, the name of its program.
//!
//! How it fails: it does not; an option that a program does not know is one without a value. Known limits: long options are
//! read letter by letter; none of the programs in question has any.

use std::path::Path;

/// Options in front of words, as getopt(3) reads them; the letters in `valued` have a value.
pub fn options(words: Vec<String>, valued: &str) -> (Vec<(char, Option<String>)>, Vec<String>) {
    let (mut found, mut rest) = (Vec::new(), words.into_iter().peekable());
    while let Some(word) = rest.next_if(|word| word.len() > 1 && word.starts_with('-')) {
        if word == "--" {
            break;
        }
        let mut letters = word.chars().skip(1);
        while let Some(letter) = letters.next() {
            if valued.contains(letter) {
                let attached: String = letters.by_ref().collect();
                found.push((letter, if attached.is_empty() { rest.next() } else { Some(attached) }));
            } else {
                found.push((letter, None));
            }
        }
    }
    (found, rest.collect())
}

/// The name of an assignment.
pub fn name_of(word: &str) -> Option<&str> {
    let (name, _) = word.split_once('=')?;
    let fits =
        !name.is_empty() && name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.as_bytes()[0].is_ascii_digit();
    fits.then_some(name)
}

/// The name of a program without its directory.
pub fn base(path: &str) -> &str {
    Path::new(path).file_name().and_then(|name| name.to_str()).unwrap_or(path)
}
