use crate::{Control, Error, Excerpt, rows};
use std::fs;

fn excerpt(name: &str, content: &[u8]) -> Option<Excerpt> {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), content).unwrap();
    let control = Control::new(directory.path());
    let row = rows::TABLE.iter().find(|row| row.name == name).unwrap();
    let error: Error = control.check(row).unwrap_err();
    control.excerpt(&error)
}

fn marked(name: &str, content: &[u8]) -> (String, String) {
    let excerpt = excerpt(name, content).unwrap();
    (excerpt.text.clone(), format!("{}{}", " ".repeat(excerpt.column - 1), "^".repeat(excerpt.width)))
}

#[test]
fn the_caret_stands_below_the_part_that_is_wrong() {
    for (name, content, line, caret) in [
        ("databytes", "10M\n", "10M", "^^^"),
        ("rcpthosts", "good.example\nexa mple.org\n", "exa mple.org", "^^^^^^^^^^^^"),
        ("smtproutes", "b.example:host:0\n", "b.example:host:0", "               ^"),
        ("smtproutes", "0:host:0\n", "0:host:0", "       ^"),
        ("smtproutes", "b.example:a_b c\n", "b.example:a_b c", "          ^^^^^"),
        ("me", "grüße\u{7}.example\n", "grüße?.example", "     ^"),
        ("databytes", "\n", "", "^"),
    ] {
        assert_eq!(marked(name, content.as_bytes()), (line.to_owned(), caret.to_owned()), "{name} {content:?}");
    }
    assert_eq!(marked("badmailfrom", b"@a.example\n@gr\xfc\xdfe\n"), ("@gr??e".to_owned(), "   ^".to_owned()));
}

#[test]
fn a_password_is_not_shown() {
    let excerpt = excerpt("smtproutes", b"a.example:host:25|user|secret\n").unwrap();
    assert_eq!(excerpt.text, "a.example:host:25|...");
    assert_eq!(self::excerpt("limitstore", b"redis://relay:secret@nowhere:none\n"), None);
}

#[test]
fn a_long_line_is_cut() {
    let excerpt = Excerpt::of(&"x".repeat(1000), "");
    assert_eq!((excerpt.text.len(), excerpt.column, excerpt.width), (204, 1, 200));
    assert_eq!(Excerpt::of(&format!("{}y", "x".repeat(1000)), "y").column, 200);
}
