use super::Lifetimes;
use stafett_control::Control;

#[test]
fn a_domain_counts_before_the_kind_of_mail_and_what_is_kept_before_all() {
    let directory = tempfile::tempdir().unwrap();
    let control = Control::new(directory.path());
    assert_eq!(Lifetimes::read(&control).unwrap().of("a@b.example", "c.example"), 604_800);
    for (name, text) in [
        ("queuelifetime", "100\n"),
        ("bouncelifetime", "50\n"),
        ("queuelifetimes", "x.example:10\n.y.example:20\n"),
        ("holdlifetime", "x.example:9000\n"),
    ] {
        std::fs::write(directory.path().join(name), text).unwrap();
    }
    let lifetimes = Lifetimes::read(&control).unwrap();
    for (sender, domain, wanted) in [
        ("a@b.example", "c.example", 100),
        ("", "c.example", 50),
        ("#@[]", "", 50),
        ("", "X.example", 9000),
        ("a@b.example", "z.y.example", 20),
    ] {
        assert_eq!(lifetimes.of(sender, domain), wanted, "{sender} {domain}");
    }
    assert!(lifetimes.keep("x.example") && !lifetimes.keep("z.y.example") && lifetimes.keep_any());
    assert!(lifetimes.keep_others(&Lifetimes::default()) && !lifetimes.keep_others(&lifetimes));
}
