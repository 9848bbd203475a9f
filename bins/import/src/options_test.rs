use super::Options;

fn read(arguments: &[&str]) -> Result<Option<Options>, String> {
    Options::read(lexopt::Parser::from_args(arguments))
}

#[test]
fn without_a_word_on_what_to_do_all_is_only_shown() {
    let options = read(&["/var/qmail", "/var/stafett"]).unwrap().unwrap();
    assert!(options.dry && options.take && options.drain);
    let options = read(&["/var/qmail", "/var/stafett", "--drain", "--remove"]).unwrap().unwrap();
    assert!(!options.dry && !options.take && options.drain && options.remove);
    assert!(read(&["/var/qmail", "/var/stafett", "--take", "-n"]).unwrap().unwrap().dry);
}

#[test]
fn what_cannot_be_meant_is_refused() {
    for wrong in [
        &["/var/qmail"][..],
        &["a", "b", "c"],
        &["a", "b", "--remove"],
        &["a", "b", "--setup"],
        &["a", "b", "--all"],
        &["a", "b", "--service"],
    ] {
        assert!(read(wrong).is_err(), "{wrong:?}");
    }
    assert_eq!(read(&["--help"]), Ok(None));
}
