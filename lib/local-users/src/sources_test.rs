use super::{all_own, cautious};

#[test]
fn sources_of_this_machine_are_known() {
    let text = "passwd: files systemd\ngroup: files [SUCCESS=merge] systemd # ldap\nshadow: sss\n";
    assert!(all_own(text, "passwd") && all_own(text, "group") && all_own(text, "initgroups") && !all_own(text, "shadow"));
}

#[test]
fn a_source_that_is_away_ends_the_search_where_another_stands_behind_it() {
    for (text, wanted) in [
        ("passwd: files systemd\n", None),
        ("passwd: files systemd sss\n", None),
        ("passwd: compat\ngroup: sss files\n", None),
        ("", None),
        ("# passwd: sss files\n", None),
        ("passwd:\tsss files systemd # people first\n", Some("sss [UNAVAIL=return TRYAGAIN=return] files systemd")),
        ("passwd: files ldap nis\n", Some("files ldap [UNAVAIL=return TRYAGAIN=return] nis")),
        ("passwd: sss [NOTFOUND=return] files\n", Some("sss [NOTFOUND=return UNAVAIL=return TRYAGAIN=return] files")),
        ("passwd: sss[ NOTFOUND=return ]files\n", Some("sss [ NOTFOUND=return UNAVAIL=return TRYAGAIN=return] files")),
        ("passwd: ldap [UNAVAIL=continue] files\n", Some("ldap [UNAVAIL=continue TRYAGAIN=return] files")),
        ("passwd: ldap [UNAVAIL=continue TRYAGAIN=continue] files\n", None),
        ("passwd: ldap [!SUCCESS=return] files\n", None),
        ("passwd: files\npasswd: winbind files\n", Some("winbind [UNAVAIL=return TRYAGAIN=return] files")),
    ] {
        assert_eq!(cautious(text).as_deref(), wanted, "{text}");
    }
}
