use super::Signed;
use stafett_control::Control;

#[test]
fn the_first_line_that_fits_an_author_counts() {
    let place = tempfile::tempdir().unwrap();
    std::fs::write(place.path().join("dkimsign"), "lists.one.example:-\n*one.example:one.example:s\n.two.example::s,t\n").unwrap();
    let signed = Signed::read(&Control::new(place.path())).unwrap();
    let concerns = |values: &[&str]| signed.concerns(values.iter().map(|value| value.as_bytes()));
    for value in ["a@one.example", "\"q@x.example\" <a@MAIL.one.example>", "b@x.example, a@one.example", "a@b.two.example"] {
        assert!(concerns(&[value]), "{value}");
    }
    for value in ["a@lists.one.example", "a@two.example", "a@none.example", "a@one.example.none.example", "nobody", ""] {
        assert!(!concerns(&[value]), "{value}");
    }
    assert!(concerns(&["a@none.example", "b@none.example"]) && !concerns(&[]));
    std::fs::write(place.path().join("dkimsign"), "one.example:s\n").unwrap();
    assert!(Signed::read(&Control::new(place.path())).is_err());
}
