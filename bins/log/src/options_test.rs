use super::{Options, parse};
use crate::select::Pattern;
use crate::stamp::Moment;
use lexopt::Parser;
use std::path::PathBuf;

const NOW: Moment = Moment(1_795_299_494_000_000);

fn read(words: &[&str]) -> Result<Options, String> {
    parse(Parser::from_args(words), NOW)
}

#[test]
fn ids_and_the_directory_come_in_any_order() {
    let options = read(&["1795299494221406", "/var/x", "1795299494221407", "--raw"]).unwrap();
    assert_eq!(options.wanted.ids, [1_795_299_494_221_406, 1_795_299_494_221_407]);
    assert_eq!(options.directory, Some(PathBuf::from("/var/x")));
    assert!(options.raw && !options.follow);
}

#[test]
fn a_time_before_now_is_a_value() {
    let options = read(&["--since", "-1h", "-s", "@a", "-n3"]).unwrap();
    assert_eq!(options.span.since, NOW.plus(-3_600_000_000));
    assert_eq!((options.wanted.sender, options.most), (Some(Pattern::End("@a".into())), 3));
}

#[test]
fn what_makes_no_sense_is_refused() {
    let refused: [&[&str]; 9] = [
        &["a", "b"],
        &["--since", "soon"],
        &["--since", "-1h", "--until", "-2h"],
        &["1795299494221406", "-s", "a"],
        &["-f", "--until", "-1h"],
        &["-n", "0"],
        &["-n", "many"],
        &["-x"],
        &["--since"],
    ];
    for words in refused {
        assert!(read(words).is_err(), "{words:?}");
    }
}
