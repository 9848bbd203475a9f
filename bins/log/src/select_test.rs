use super::{Pattern, Selection, Wanted};
use crate::event::Event;

const ID: u64 = 1_795_299_494_221_406;

fn learn(selection: &mut Selection, lines: &[&str]) {
    lines.iter().for_each(|line| selection.learn(&Event::of(line)));
}

#[test]
fn addresses_are_chosen_whole_by_domain_or_in_part() {
    for (pattern, fits, fits_not) in [
        ("Bob@example.net", "bob@Example.net", "bob@example.net.example"),
        ("@example.net", "x@EXAMPLE.net", "x@sub.example.net"),
        ("bob", "a.Bobby@x", "alice@x"),
        ("<>", "", "a@b"),
        ("odd person@x", "odd_person@x", "person@x"),
    ] {
        let made = Pattern::address(pattern);
        assert!(made.fits(fits) && !made.fits(fits_not), "{pattern}");
    }
    for (pattern, fits, fits_not) in [
        ("192.0.2.7", "192.0.2.7", "192.0.2.77"),
        ("192.0.2.", "192.0.2.77", "10.192.0.2"),
        ("2001:db8:0::1", "2001:db8::1", "2001:db8::11"),
    ] {
        let made = Pattern::client(pattern);
        assert!(made.fits(fits) && !made.fits(fits_not), "{pattern}");
    }
}

#[test]
fn all_patterns_must_fit_though_they_come_in_several_lines() {
    let wanted = Wanted { sender: Some(Pattern::address("@b")), recipient: Some(Pattern::address("z@c")), ..Wanted::default() };
    let mut selection = Selection::new(wanted);
    learn(&mut selection, &["info msg 1795299494221406: bytes 260 from <a@b> qp 1795299494221406 uid 997"]);
    assert!(!selection.holds(ID));
    learn(&mut selection, &["starting delivery 7: msg 1795299494221406 to remote y@c"]);
    assert!(!selection.holds(ID));
    learn(&mut selection, &["starting delivery 8: msg 1795299494221406 to remote z@c"]);
    assert!(selection.holds(ID) && !selection.holds(ID + 1));
}

#[test]
fn bounces_are_followed_even_when_the_client_is_known_late() {
    let mut selection = Selection::new(Wanted { client: Some(Pattern::client("192.0.2.7")), ..Wanted::default() });
    let accept = "stafett-smtpd: accept 1795299494221406 bytes 26 from <a@b> to <b@c> recipients 1 client 192.0.2.7 helo x pid 12";
    learn(&mut selection, &["bounce msg 1795299494221406 qp 1795299494221407", accept]);
    assert!(selection.holds(ID) && selection.holds(ID + 1));
    assert_eq!(selection.parent(ID + 1), Some(ID));
    learn(&mut selection, &["bounce msg 1795299494221407 qp 1795299494221408"]);
    assert!(selection.holds(ID + 2));
}

#[test]
fn a_refusal_is_shown_to_those_who_asked_for_its_client() {
    let refusal = Event::of("stafett-smtpd: refuse routing from <a@b> to <c%d@e> client 192.0.2.7 helo x pid 12: 553 no");
    let asked = |wanted| Selection::new(wanted).concerns(&refusal);
    assert!(asked(Wanted { client: Some(Pattern::client("192.0.2.7")), ..Wanted::default() }));
    assert!(!asked(Wanted { client: Some(Pattern::client("192.0.2.8")), ..Wanted::default() }));
    assert!(!asked(Wanted { ids: vec![ID], ..Wanted::default() }));
}
