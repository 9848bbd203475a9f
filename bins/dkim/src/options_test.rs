use super::{Make, Options, Work};

fn parse(line: &str) -> Result<Options, String> {
    Options::parse(lexopt::Parser::from_args(line.split_whitespace()))
}

#[test]
fn each_way_to_call_it() {
    assert_eq!(parse("--resident").unwrap(), Options { directory: None, work: Work::Serve });
    let make = |bits| Work::Make(Make { domain: "a.example".to_owned(), selector: "s1".to_owned(), bits });
    assert_eq!(parse("genkey A.example s1").unwrap(), Options { directory: None, work: make(Some(2048)) });
    assert_eq!(parse("genkey --ed25519 /x a.example s1").unwrap(), Options { directory: Some("/x".into()), work: make(None) });
    assert_eq!(parse("genkey a.example s1 --bits 4096").unwrap().work, make(Some(4096)));
    assert_eq!(parse("record a.example s1").unwrap().work, Work::Tell("a.example".to_owned(), "s1".to_owned()));
    for line in ["", "genkey", "genkey a", "genkey --bits 1024 a b", "record a b c d", "sign", "--resident record a b", "--quick"] {
        assert!(parse(line).is_err(), "{line}");
    }
}
