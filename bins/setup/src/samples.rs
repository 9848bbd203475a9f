//! Samples of control files, from their rows.
//!
//! Each can be copied as it is: a single value stands on the first line with its explanation
//! below, where nothing reads it; a list is all comments until the admin takes a `#` away.

use crate::{Failure, files};
use stafett_control::{Form, Setting, rows};
use std::path::Path;

/// How long lines of text become, in characters.
const WIDTH: usize = 78;

/// The sample of the file of that name.
pub fn one(name: &str) -> Result<String, Failure> {
    let row = rows::TABLE.iter().find(|row| row.name == name);
    let row = row.ok_or_else(|| Failure::lasting(format_args!("there is no control file {name}; stafett-control(5) lists them")))?;
    text(row).ok_or_else(|| Failure::lasting(format_args!("{name} is compiled, so it has no sample")))
}

/// Writes the samples of all files that have one into `directory`, each under its name.
pub fn all(directory: &Path) -> Result<(), Failure> {
    for row in rows::TABLE {
        if let Some(text) = text(row) {
            let path = directory.join(row.name);
            files::replace(&path, text.as_bytes(), 0o644)
                .map_err(|error| Failure::temporary(format_args!("unable to write {}: {error}", path.display())))?;
        }
    }
    Ok(())
}

/// The sample of a row; `None` for a compiled file and a directory.
pub fn text(row: &Setting) -> Option<String> {
    let mut text = String::new();
    match row.form {
        Form::Compiled(_) | Form::Directory(_) => return None,
        Form::Line | Form::Host | Form::Integer { .. } => {
            text.push_str(&format!("{}\n\n", row.example));
            push(&mut text, &format!("control/{}: only the first line counts.", row.name));
        }
        Form::List(_) | Form::Map(_) => {
            push(&mut text, &format!("control/{}: blank lines and lines that begin with # do not count.", row.name))
        }
    }
    push(&mut text, row.text);
    push(&mut text, &format!("Without the file: {}. Read by {}.", row.default, row.readers.join(", ")));
    if matches!(row.form, Form::List(_) | Form::Map(_)) {
        text.push_str("#\n");
        row.example.lines().for_each(|line| text.push_str(&format!("#{line}\n")));
    }
    Some(text)
}

fn push(text: &mut String, sentence: &str) {
    let mut line = String::from("#");
    for word in sentence.split(' ') {
        if line.chars().count() + 1 + word.chars().count() > WIDTH {
            text.push_str(&line);
            text.push('\n');
            line = String::from("#");
        }
        line.push(' ');
        line.push_str(word);
    }
    text.push_str(&line);
    text.push('\n');
}
