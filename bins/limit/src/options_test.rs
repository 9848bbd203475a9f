//! Command lines.

use super::{Options, Work};

fn parse(words: &[&str]) -> Result<Options, String> {
    Options::parse(lexopt::Parser::from_args(words))
}

#[test]
fn every_form_is_understood() {
    assert_eq!(parse(&["--resident"]).unwrap().work, Work::Serve);
    let shown = parse(&["/var/x", "--only", "messages", "--only", "alice", "--reached"]).unwrap();
    assert_eq!(shown.directory.as_deref(), Some("/var/x".as_ref()));
    assert_eq!(shown.work, Work::Show(vec!["messages".into(), "alice".into()], true));
    assert_eq!(parse(&["--unlock", "alice"]).unwrap().work, Work::Change("unlock", "alice".into()));
    for wrong in [&["--reset"][..], &["--reset", "a", "--unlock", "b"], &["/a", "/b"], &["--what"]] {
        assert!(parse(wrong).is_err(), "{wrong:?}");
    }
}
