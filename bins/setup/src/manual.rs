//! stafett-control(5), from the rows of lib/control.

use stafett_control::{Form, Setting, rows};

const HEAD: &str = include_str!("control.head.5");
const TAIL: &str = include_str!("control.tail.5");

/// The whole page in mdoc(7).
pub fn page() -> String {
    let mut page = HEAD.to_owned();
    for row in rows::TABLE {
        entry(&mut page, row);
    }
    page.push_str(TAIL);
    page
}

fn entry(page: &mut String, row: &Setting) {
    page.push_str(&format!(".It Pa {}\n", row.name));
    for sentence in sentences(row.text) {
        page.push_str(&line(&sentence));
    }
    page.push_str(&line(&format!("Form: {}.", form(row))));
    page.push_str(&line(&format!("Default: {}.", row.default)));
    page.push_str(&format!("Read by {}.\n", readers(row)));
    if !row.example.is_empty() {
        page.push_str(".Bd -literal -offset indent\n");
        row.example.lines().for_each(|example| page.push_str(&line(example)));
        page.push_str(".Ed\n");
    }
}

fn form(row: &Setting) -> String {
    match row.form {
        Form::Line => "a line of text".to_owned(),
        Form::Host => "the name of a host".to_owned(),
        Form::Integer { least, most: u64::MAX, unit } => format!("a number of {unit}, at least {least}"),
        Form::Integer { least, most, unit } => format!("a number of {unit} from {least} to {most}"),
        Form::List(_) => "lines".to_owned(),
        Form::Map(_) => "lines of key, colon, value".to_owned(),
        Form::Directory(content) => format!("a directory, {content}"),
        Form::Compiled(maker) => format!("a cdb, made by {maker}"),
    }
}

fn readers(row: &Setting) -> String {
    row.readers.iter().map(|reader| format!("stafett-{reader}")).collect::<Vec<_>>().join(", ")
}

/// A sentence a line, as mdoc(7) asks.
fn sentences(text: &str) -> Vec<String> {
    let mut sentences = vec![String::new()];
    let mut words = text.split(' ').peekable();
    while let Some(word) = words.next() {
        let sentence = sentences.last_mut().map(|sentence| {
            if !sentence.is_empty() {
                sentence.push(' ');
            }
            sentence.push_str(word);
        });
        let starts = words.peek().is_some_and(|next| next.starts_with(|c: char| c.is_uppercase()));
        if sentence.is_some() && word.ends_with('.') && starts {
            sentences.push(String::new());
        }
    }
    sentences
}

/// A line that roff takes for text.
fn line(text: &str) -> String {
    let text = text.replace('\\', "\\e");
    let guard = if text.starts_with(['.', '\'']) { "\\&" } else { "" };
    format!("{guard}{text}\n")
}
