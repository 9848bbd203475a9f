use super::{distance, nearest};

#[test]
fn the_distance_of_words_is_that_of_levenshtein() {
    for (one, other, steps) in [
        ("", "abc", 3),
        ("rcpthosts", "rcpthosts", 0),
        ("rcpthost", "rcpthosts", 1),
        ("kitten", "sitting", 3),
        ("smtproute", "smtproutes", 1),
    ] {
        assert_eq!(distance(one, other), steps);
        assert_eq!(distance(other, one), steps);
    }
}

#[test]
fn a_slip_is_named_and_a_strange_name_is_not() {
    assert_eq!(nearest("rcpthost"), Some("rcpthosts"));
    assert_eq!(nearest("Me"), Some("me"));
    assert_eq!(nearest("qmqpservers"), None);
    assert_eq!(nearest("q"), None);
}
