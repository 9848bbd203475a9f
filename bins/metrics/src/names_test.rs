use super::{Counters, Tops};

#[test]
fn there_are_never_more_series_than_said() {
    let mut counters: Counters<1> = Counters::default();
    for number in 0..100 {
        counters.add([&format!("w{number}")], 3);
    }
    counters.add(["w1"], 3);
    counters.add(["a\"b"], 3);
    let found: Vec<_> = counters.each().map(|([word], count)| (word.to_owned(), count)).collect();
    assert_eq!(found, [("other".into(), 98), ("w0".into(), 1), ("w1".into(), 2), ("w2".into(), 1)]);
}

#[test]
fn destinations_are_classed_by_top_level_domain() {
    let mut tops = Tops::default();
    let mut class = |address: &str| tops.class(address, 2);
    assert_eq!(class("a@b.example.NET"), "net");
    assert_eq!(class("a@b.org"), "org");
    assert_eq!(class("a@b.com"), "other");
    assert_eq!(class("a@c.net"), "net");
    for odd in ["a@[192.0.2.1]", "a@localhost", "a", "", "a@b.1", "a@b.\"x"] {
        assert_eq!(class(odd), "other", "{odd}");
    }
}
