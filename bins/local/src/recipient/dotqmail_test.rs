use super::exists;
use crate::recipient::Stop;
use crate::recipient::tests::delivery;
use stafett_envelope::Envelope;

#[test]
fn a_home_that_is_away_says_nothing_about_its_mailboxes() {
    let directory = tempfile::tempdir().unwrap();
    let home = directory.path().join("joe");
    let found = || exists(&delivery(Envelope::default(), &home, "list"));
    assert!(matches!(found(), Err(Stop::Later(_))));
    std::fs::create_dir(&home).unwrap();
    assert_eq!(found(), Ok(false));
    std::fs::write(home.join(".qmail-list"), "#\n").unwrap();
    assert_eq!(found(), Ok(true));
}
