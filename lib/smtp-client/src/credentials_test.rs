//! Whose credentials, and how they are said.

use super::*;

fn read(text: &str) -> Credentials {
    let directory = tempfile::tempdir().unwrap();
    std::fs::write(directory.path().join("smtpauth"), text).unwrap();
    Credentials::read(&Control::new(directory.path())).unwrap()
}

#[test]
fn the_last_line_of_a_name_counts() {
    let credentials = read("# a comment\nisp:old:x\nISP:new:y\n");
    assert_eq!(credentials.named("Isp").unwrap().user, "new");
    assert_eq!(credentials.named("other").unwrap_err(), "control/smtpauth has no line other");
    assert!(!format!("{credentials:?}").contains('y'));
}

#[test]
fn a_file_that_cannot_be_read_says_so_where_it_is_needed() {
    let directory = tempfile::tempdir().unwrap();
    std::fs::create_dir(directory.path().join("smtpauth")).unwrap();
    let credentials = Credentials::read(&Control::new(directory.path())).unwrap();
    assert!(credentials.named("isp").unwrap_err().contains("control/smtpauth: is a directory"));
    std::fs::remove_dir(directory.path().join("smtpauth")).unwrap();
    std::fs::write(directory.path().join("smtpauth"), "isp\n").unwrap();
    assert_eq!(Credentials::read(&Control::new(directory.path())).unwrap_err().line, 1);
}

#[test]
fn the_best_mechanism_that_both_sides_want() {
    let offered = |names: &str| names.split(' ').map(str::to_owned).collect::<Vec<_>>();
    let credentials = read("all:u:p\nplain login plain:u:p\n");
    let (all, plain) = (credentials.named("all").unwrap(), credentials.named("plain").unwrap());
    assert_eq!(mechanism(all, &offered("CRAM-MD5 LOGIN PLAIN SCRAM-SHA-256")), Some(Mechanism::ScramSha256));
    assert_eq!(mechanism(all, &offered("CRAM-MD5 LOGIN")), Some(Mechanism::Login));
    assert_eq!(mechanism(plain, &offered("LOGIN PLAIN SCRAM-SHA-256")), Some(Mechanism::Plain));
    assert_eq!(mechanism(plain, &offered("SCRAM-SHA-256")), None);
    assert_eq!(mechanism(all, &[]), None);
}
