use super::{Options, Place, Work, parse};
use lexopt::Parser;
use std::path::PathBuf;

fn read(words: &[&str]) -> Result<Options, String> {
    parse(Parser::from_args(words))
}

#[test]
fn it_listens_where_it_is_told_and_on_loopback_unless_that_is_said_twice() {
    let place = |words: &[&str]| match read(words).unwrap().work {
        Work::Serve(place) => place,
        Work::Print { .. } => panic!(),
    };
    assert_eq!(place(&[]), None);
    assert_eq!(place(&["--listen", "[::1]:80", "x"]), Some(Place::Tcp("[::1]:80".parse().unwrap())));
    assert_eq!(place(&["--listen", "/run/x"]), Some(Place::Unix(PathBuf::from("/run/x"))));
    assert_eq!(place(&["--listen", "0.0.0.0:9825", "--any-address"]), Some(Place::Tcp("0.0.0.0:9825".parse().unwrap())));
    for open in ["0.0.0.0:9825", "[::]:9825", "192.0.2.1:1", "[::ffff:192.0.2.1]:1"] {
        assert!(read(&["--listen", open]).unwrap_err().contains("--any-address"), "{open}");
    }
}

#[test]
fn what_makes_no_sense_is_refused() {
    for words in [
        &["--listen", "localhost:1"][..],
        &["--listen", "run/x"],
        &["--classic"],
        &["a", "b"],
        &["--odd"],
        &["--listen"],
        &["--any-address"],
    ] {
        assert!(read(words).is_err(), "{words:?}");
    }
    assert_eq!(read(&["--once", "--classic", "d"]).unwrap(), Options { work: Work::Print { classic: true }, directory: Some("d".into()) });
}
