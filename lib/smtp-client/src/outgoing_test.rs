//! Which line counts for whom.

use super::*;

fn outgoing(outgoingip: &str, domainbindings: &str) -> Outgoing {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("outgoingip"), outgoingip).unwrap();
    std::fs::write(directory.path().join("domainbindings"), domainbindings).unwrap();
    Outgoing::read(&Control::new(directory.path())).unwrap()
}

fn four(sources: Sources) -> String {
    sources.towards([192, 0, 2, 99].into()).map_or_else(String::new, |address| address.to_string())
}

fn six(sources: Sources) -> String {
    sources.towards("2001:db8::99".parse().unwrap()).map_or_else(String::new, |address| address.to_string())
}

#[test]
fn without_files_the_system_chooses() {
    assert_eq!(outgoing("", "").sources("x.test", "a@b.test"), Sources::default());
}

#[test]
fn the_destination_goes_before_the_sender_and_both_before_the_rest() {
    let table = outgoing(
        "192.0.2.1\n2001:db8::1\nto.test:192.0.2.2\n.to.test:192.0.2.3\n",
        "From.test:192.0.2.4\n.from.test:192.0.2.5\n:192.0.2.6\n",
    );
    assert_eq!(four(table.sources("to.test", "a@from.test")), "192.0.2.2");
    assert_eq!(four(table.sources("x.y.to.test", "a@from.test")), "192.0.2.3");
    assert_eq!(four(table.sources("else.test", "a@FROM.test")), "192.0.2.4");
    assert_eq!(four(table.sources("else.test", "a@b.from.test")), "192.0.2.5");
    assert_eq!(four(table.sources("else.test", "a@else.test")), "192.0.2.6");
    for bounce in ["", "#@[]"] {
        assert_eq!(four(table.sources("else.test", bounce)), "192.0.2.6");
    }
    assert_eq!(six(table.sources("to.test", "a@from.test")), "2001:db8::1");
}

#[test]
fn families_are_looked_up_apart() {
    let table = outgoing("a.test:2001:db8::2\n.test:192.0.2.2\n", "");
    let sources = table.sources("a.test", "");
    assert_eq!((four(sources), six(sources)), ("192.0.2.2".to_owned(), "2001:db8::2".to_owned()));
    assert_eq!(six(table.sources("b.test", "")), "");
    let table = outgoing(".b.test:2001:db8::2\n.test:192.0.2.2\n", "");
    let sources = table.sources("a.b.test", "");
    assert_eq!((four(sources), six(sources)), ("192.0.2.2".to_owned(), "2001:db8::2".to_owned()));
}
