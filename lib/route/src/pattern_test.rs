use super::DomainPattern;

#[test]
fn a_pattern_ends_at_a_dot() {
    let cases = [
        ("tugraz.at", "TUGraz.at", true),
        ("tugraz.at", "mail.tugraz.at", false),
        (".tugraz.at", "tugraz.at", false),
        (".tugraz.at", "a.b.tugraz.at", true),
        ("*tugraz.at", "tugraz.at", true),
        ("*TUGRAZ.at", "student.tugraz.at", true),
        ("*tugraz.at", "nottugraz.at", false),
        ("*.tugraz.at", "tugraz.at", false),
        ("*.tugraz.at", "x.tugraz.at", true),
        ("*", "anything.example", true),
        ("*b\u{fc}cher.example", "x.xn--bcher-kva.example", true),
    ];
    for (pattern, domain, fits) in cases {
        assert_eq!(DomainPattern::parse(pattern).unwrap().fits(domain), fits, "{pattern} {domain}");
    }
    assert!(DomainPattern::parse("*.").is_err() && DomainPattern::parse("").is_err());
}
