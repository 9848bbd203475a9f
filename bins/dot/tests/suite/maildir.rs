use crate::common::{Place, text};
use std::fs;
use std::os::unix::fs::PermissionsExt;

#[test]
fn a_maildir_is_made_for_its_owner_alone() {
    let place = Place::new();
    place.run(&["maildirmake", "Maildir"]).must(0, "");
    for part in ["", "tmp", "new", "cur"] {
        let found = fs::metadata(place.path("Maildir").join(part)).unwrap();
        assert_eq!((found.is_dir(), found.permissions().mode() & 0o7777), (true, 0o700), "{part}");
    }
    place.run(&["maildirmake", "Maildir"]).must(111, "unable to make Maildir: ");
    place.run(&["maildirmake", "absent/Maildir"]).must(111, "unable to make absent/Maildir");
    place.run(&["maildirmake", "letter/x"]).must(111, "unable to make letter/x");
    for wrong in [&["maildirmake"][..], &["maildirmake", "a", "b"], &["maildirmake", "-x", "a"], &["maildirmake", ""]] {
        place.run(wrong).must(100, "usage");
    }
}

#[test]
fn a_quota_is_the_first_line_of_maildirsize() {
    let place = Place::new();
    place.run(&["maildirmake", "-q", "50000000S,1000C", "Maildir"]).must(0, "");
    assert_eq!(text(&place.path("Maildir/maildirsize")), "50000000S,1000C\n");
    // What lies there already is to be counted.
    place.run(&["maildirmake", "-q", "2000C", "Maildir"]).must(0, "");
    assert_eq!(text(&place.path("Maildir/maildirsize")), "2000C\n0 2000\n");
    assert_eq!(fs::read_dir(place.path("Maildir/tmp")).unwrap().count(), 0);
    for wrong in ["", "5", "5M", "0S", "1S,,", "1S;2C"] {
        place.run(&["maildirmake", "-q", wrong, "other"]).must(100, "usage");
    }
    assert!(!place.path("other").exists());
}
