use super::{What, remarks};

fn said(text: &str) -> Vec<(usize, String)> {
    let words = |what| match what {
        What::Broken(reason) => reason,
        What::Empty => "empty".to_owned(),
        What::PassedOver(source) => format!("passed over: {source}"),
    };
    remarks(text).into_iter().map(|remark| (remark.line, words(remark.what))).collect()
}

#[test]
fn sources_that_are_passed_over_because_it_is_written_so_are_told() {
    for (text, line, source) in [
        ("# people\npasswd: sss [UNAVAIL=continue] files\n", 2, "sss"),
        ("passwd: ldap [NOTFOUND=return unavail = continue] files\n", 1, "ldap"),
        ("passwd: ldap [!NOTFOUND=continue] files\n", 1, "ldap"),
        ("passwd: ldap [!UNAVAIL=return] files\n", 1, "ldap"),
        ("passwd: files nis [TRYAGAIN=continue] sss\n", 1, "nis"),
    ] {
        assert_eq!(said(text), [(line, format!("passed over: {source}"))], "{text}");
    }
    for fine in [
        "",
        "passwd: files systemd\n",
        "passwd: sss files\n",
        "passwd: sss [UNAVAIL=return] files\n",
        "passwd: sss [!SUCCESS=return] files\n",
        "passwd: files sss [UNAVAIL=continue]\n",
        "passwd: files [UNAVAIL=continue] sss\n",
        "group: sss [UNAVAIL=continue] files\n",
        "passwd: sss [UNAVAIL=continue] files\npasswd: files\n",
    ] {
        assert_eq!(said(fine), [], "{fine}");
    }
}

/// The same lines, in /etc/nsswitch.conf, have getpwnam_r(3) of glibc 2.36 answer EINVAL for every user.
#[test]
fn lines_that_the_system_cannot_read_are_told() {
    for (text, line, reason) in [
        ("passwd: files [NOTFOUND=\n", 1, "\"[NOTFOUND=\" has no end"),
        ("passwd: files [BOGUS=return] systemd\n", 1, "\"[BOGUS=return]\" is no list of STATUS=action"),
        ("passwd: files [NOTFOUND=stop]\n", 1, "\"[NOTFOUND=stop]\" is no list of STATUS=action"),
        ("passwd: files [NOTFOUND return]\n", 1, "\"[NOTFOUND return]\" is no list of STATUS=action"),
        ("passwd: [NOTFOUND=return] files\n", 1, "\"[NOTFOUND=return]\" stands before any source"),
        ("passwd: files\nhosts: files [BOG dns # x\n", 2, "\"[BOG dns\" has no end"),
        ("passwd: # files\n", 1, "empty"),
    ] {
        assert_eq!(said(text), [(line, reason.to_owned())], "{text}");
    }
    assert_eq!(said("sudoers: files [BOG\npasswd: files[NOTFOUND=return]systemd\n"), []);
}
