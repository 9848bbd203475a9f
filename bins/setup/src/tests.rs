use crate::options::{self, Work};
use std::path::PathBuf;

fn parse(arguments: &[&str]) -> Result<Work, String> {
    options::of(lexopt::Parser::from_args(arguments)).map_err(|failure| failure.text)
}

#[test]
fn options_are_read_in_any_order() {
    let Ok(Work::Make(request)) = parse(&["--port", "2525", "/x", "--me", "relay.example", "--address", "::1", "--address", "127.0.0.1"])
    else {
        panic!("not a request");
    };
    assert_eq!((request.port, request.me.as_deref()), (Some(2525), Some("relay.example")));
    assert_eq!((request.directory, request.addresses), (PathBuf::from("/x"), vec!["::1".to_owned(), "127.0.0.1".to_owned()]));
}

#[test]
fn bad_values_are_named() {
    for (arguments, words) in [
        (&["/x", "--me", "two words"][..], "--me two words"),
        (&["/x", "--me", "192.0.2.1"], "an address is no name"),
        (&["/x", "--me", "a..b"], "full name of this host"),
        (&["/x", "--port", "0"], "1 to 65535"),
        (&["/x", "--port", "65536"], "1 to 65535"),
        (&["/x", "--address", "localhost"], "not an IP address"),
        (&["/x", "--user-prefix", "Root"], "user names begin with it"),
        (&["/x", "--user-prefix", ""], "user names begin with it"),
        (&["/x", "--with", "metrics,odd"], "there is no optional service \"odd\"; these are: "),
        (&["/x", "--without", ""], "there is no optional service \"\""),
        (&["/x", "--with", "metrics", "--without", "metrics"], "it cannot be both"),
        (&["/x", "--chekc"], "--chekc"),
        (&["/x", "/y"], "/y"),
        (&["--port", "25"], "directory of the instance is missing"),
    ] {
        let error = parse(arguments).err().unwrap_or_default();
        assert!(error.contains(words), "{arguments:?}: {error}");
    }
}
