use super::Masquerade;

#[test]
fn patterns_mean_users_and_hosts() {
    let fits = |line: &str, address: &str| {
        let (local, domain) = address.split_once('@').unwrap();
        Masquerade::parse(line).unwrap().fits(local, domain)
    };
    assert!(fits("cron@web.example:it@example.org", "CRON@web.example"));
    assert!(!fits("cron@web.example:it@example.org", "cron@db.example") && !fits("cron@web.example:it@example.org", "x@web.example"));
    assert!(fits("root@:it@example.org", "root@anything.test") && !fits("root@:it@example.org", "toor@anything.test"));
    assert!(fits("@.example:@example.org", "x@a.b.example") && !fits("@.example:@example.org", "x@example"));
    assert!(!fits("@.example:@example.org", "x@badexample") && fits("@db.example:db@example.org", "whoever@db.example"));
}

#[test]
fn what_takes_their_place_is_an_address() {
    let parsed = Masquerade::parse("Cron@.Web.example: it@example.org").unwrap();
    assert_eq!((parsed.new_local.as_deref(), parsed.new_domain.as_str()), (Some("it"), "example.org"));
    assert_eq!(Masquerade::parse("@a.example:@example.org").unwrap().new_local, None);
    for wrong in ["a@b.example", "a:b@c", "@:x@y.example", "a@b.example:c", "a@b.example:c@", "a@b.example:\"c d\"@e", "a@b..c:d@e"] {
        assert!(Masquerade::parse(wrong).is_err(), "{wrong}");
    }
}
