//! Lines of smtpauth.

use super::*;

#[test]
fn a_password_is_all_behind_the_second_colon() {
    let account = split("Isp:relay@example.org: a:b=c|d ").unwrap();
    assert_eq!((account.name.as_str(), account.user.as_str(), account.password.as_str()), ("isp", "relay@example.org", " a:b=c|d "));
    assert!(!account.without_tls && account.mechanisms.is_empty());
    assert_eq!(format!("{account:?}"), "Account(isp)");
}

#[test]
fn words_behind_the_name() {
    let account = split("isp without-tls  PLAIN login:u:p").unwrap();
    assert!(account.without_tls);
    assert_eq!(account.mechanisms, ["plain", "login"]);
    assert!(split("isp tls:u:p").unwrap_err().starts_with("\"tls\" is not known"));
}

#[test]
fn what_is_refused_is_not_repeated() {
    let (long, secret) = ("s3cret".repeat(50), "s3cret");
    for line in [
        "s3cret",
        "isp:s3cret",
        "isp::s3cret",
        "s3cret!:a:b",
        ":a:s3cret",
        &format!("isp:u:{long}"),
        &format!("isp:{long}:p"),
        "isp:s3cret:",
    ] {
        let reason = split(line).unwrap_err();
        assert!(!reason.contains(secret), "{line}: {reason}");
    }
}
