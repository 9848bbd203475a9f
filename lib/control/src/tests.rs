use crate::{Control, rows};
use std::fs;

fn with(name: &str, content: &str) -> (tempfile::TempDir, Control) {
    let directory = tempfile::tempdir().unwrap();
    fs::write(directory.path().join(name), content).unwrap();
    let control = Control::new(directory.path());
    (directory, control)
}

#[test]
fn an_integer_that_does_not_parse_names_file_line_and_bounds() {
    for bad in ["10M", "", "-1", "+5", " 7", "99999999999999999999999"] {
        let (_directory, control) = with("databytes", bad);
        let error = control.integer(&rows::DATABYTES).unwrap_err().to_string();
        assert!(error.starts_with("control/databytes:1: "), "{error}");
        assert!(error.contains("number of bytes from 0"), "{error}");
    }
    let (_directory, control) = with("databytes", "100  \nsecond line\n");
    assert_eq!(control.integer(&rows::DATABYTES).unwrap(), Some(100));
}

#[test]
fn lists_drop_blank_lines_and_comments_and_keep_line_numbers() {
    let (_directory, control) = with("rcpthosts", "# ours\n\nexample.org  \n.example.net\n");
    let items = control.list(&rows::RCPTHOSTS).unwrap().unwrap();
    let seen: Vec<_> = items.iter().map(|item| (item.line, item.value.as_str())).collect();
    assert_eq!(seen, [(3, "example.org"), (4, ".example.net")]);
}

#[test]
fn a_bad_line_of_a_list_or_map_is_an_error_with_its_line() {
    let (_directory, control) = with("rcpthosts", "example.org\nwhat ever\n");
    assert!(control.list(&rows::RCPTHOSTS).unwrap_err().to_string().starts_with("control/rcpthosts:2: "));
    for bad in ["example.org", "example.org:host:0", "a:b:c:d", "a:lmtp:unix:x", "a:lmtp:h:0", "a:[::1", "a:host:25|user|secret"] {
        let (_directory, control) = with("smtproutes", bad);
        assert!(control.map(&rows::SMTPROUTES).is_err(), "{bad}");
    }
    for good in [
        ":host",
        "a:",
        ".a:[::1]:25",
        "a:127.0.0.1:2525",
        "A.Example:h:",
        "a:lmtp:unix:/run/x",
        "a:lmtp:h:24",
        "a:lmtp:24",
        "a:lmtp:[::1]:24",
    ] {
        let (_directory, control) = with("smtproutes", good);
        assert!(control.map(&rows::SMTPROUTES).is_ok(), "{good}");
    }
}

#[test]
fn a_directory_where_a_file_should_be_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("me")).unwrap();
    let error = Control::new(directory.path()).line(&rows::ME).unwrap_err().to_string();
    assert!(error.contains("control/me") && error.contains("directory"), "{error}");
}

#[test]
fn every_row_has_a_sample_that_its_own_reader_takes() {
    for row in rows::TABLE {
        assert!(!row.text.is_empty() && !row.readers.is_empty(), "{}", row.name);
        let (_directory, control) = with(row.name, row.example);
        if !row.example.is_empty() {
            control.check(row).unwrap();
        }
    }
}

#[test]
fn a_change_is_noticed() {
    let (directory, _control) = with("me", "a.example");
    let watch = crate::Watch::new(directory.path()).unwrap();
    assert!(!watch.changed());
    fs::write(directory.path().join("me"), "b.example").unwrap();
    assert!(watch.changed());
    assert!(!watch.changed());
}
