//! Values of control/callout.

use super::*;

#[test]
fn a_value_says_on_or_off_and_how() {
    assert_eq!(Callout::parse("on").unwrap(), Callout::default());
    assert!(!Callout::parse("off").unwrap().on);
    let all = Callout::parse("on yes=60 no=0 everybody=3600 remember=7 wait=20 connections=4 sender=probe@relay.example").unwrap();
    assert_eq!((all.yes.as_secs(), all.no.as_secs(), all.everybody.as_secs()), (60, 0, 3600));
    assert_eq!((all.remember.as_secs(), all.wait.as_secs(), all.connections), (7 * 86_400, 20, 4));
    assert_eq!(all.sender, "probe@relay.example");
    assert_eq!(Callout::parse("on sender=<>").unwrap().sender, "");
    let kept = Callout::parse("on refuse=2 unknown=accept").unwrap();
    assert_eq!((kept.refuse.as_secs(), kept.accepts_unknown), (2 * 86_400, true));
    assert!(!Callout::parse("on unknown=later").unwrap().accepts_unknown && !Callout::default().accepts_unknown);
}

#[test]
fn what_is_not_understood_is_an_error_that_quotes_it() {
    for (text, quoted) in [
        ("", "\"\""),
        ("yes", "\"yes\""),
        ("on maybe=1", "\"maybe\""),
        ("on yes", "\"\""),
        ("on yes=-1", "\"-1\""),
        ("on wait=0", "\"0\""),
        ("on wait=1 wait=2", "\"wait\""),
        ("on remember=4000", "\"4000\""),
        ("on sender=a>b@c.example", "\"a>b@c.example\""),
        ("on refuse=367", "\"367\""),
        ("on unknown=yes", "\"yes\""),
        ("on sender=@c.example", "\"@c.example\""),
    ] {
        let error = Callout::parse(text).unwrap_err();
        assert!(error.contains(quoted), "{text}: {error}");
    }
}
