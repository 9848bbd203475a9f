//! The command line.

use super::{Kinds, Options, Verb};

fn parse(line: &str) -> Result<Options, String> {
    Options::parse(lexopt::Parser::from_args(line.split(' ').filter(|word| !word.is_empty())))
}

#[test]
fn what_is_understood() {
    let add = parse("/var/x add alice role=robot --only scram networks=192.0.2.0/24").unwrap();
    assert_eq!((add.directory.unwrap().to_str(), add.verb, add.name.as_str()), (Some("/var/x"), Verb::Add, "alice"));
    assert_eq!((add.kinds, add.words), (Kinds::Scram, vec!["role=robot".to_owned(), "networks=192.0.2.0/24".to_owned()]));
    assert_eq!(parse("list").map(|list| (list.directory, list.verb)), Ok((None, Verb::List)));
    assert_eq!(parse("add bob --without-password").map(|add| add.kinds), Ok(Kinds::None));
}

#[test]
fn a_password_among_the_arguments_is_refused_and_not_repeated() {
    for line in ["change alice s3cret", "lock alice s3cret"] {
        assert!(!parse(line).unwrap_err().contains("s3cret"));
    }
    for line in ["", "/var/x", "add", "set alice", "list x", "dance alice", "add alice --only md5", "add alice --password x"] {
        parse(line).unwrap_err();
    }
}
