//! Lines of control/accounts.

use super::{Account, account};
use crate::form::auth::{Mechanism, Source, mechanism};

#[test]
fn a_line_is_read_and_written() {
    let line = "Alice:$argon2id$v=19$m=1$c2FsdA$aGFzaA $scram-sha-256$i=1$c2FsdA$a$b:role=robot status=locked networks=192.0.2.0/24,2001:db8::1 senders=a@B.example,@c.example limits=x,y rewrite=a@b.example";
    let read = Account::parse(line).unwrap();
    assert_eq!((read.name.as_str(), read.is_robot, read.is_locked), ("alice", true, true));
    assert_eq!(read.verifiers, ["$argon2id$v=19$m=1$c2FsdA$aGFzaA", "$scram-sha-256$i=1$c2FsdA$a$b"]);
    assert_eq!(read.senders, ["a@b.example", "@c.example"]);
    assert!(read.may_come_from("192.0.2.7".parse().ok()) && read.may_come_from("2001:db8::1".parse().ok()));
    assert!(!read.may_come_from("192.0.3.7".parse().ok()) && !read.may_come_from(None));
    assert_eq!(Account::parse(&read.to_string()).as_ref(), Ok(&read));
    let plain = Account::parse("bob::").unwrap();
    assert!(plain.may_come_from(None) && plain.verifiers.is_empty());
    assert_eq!(Account::parse("bob:").as_ref(), Ok(&plain));
    assert_eq!(Account::parse(&plain.to_string()), Ok(plain));
}

#[test]
fn slips_are_errors_that_quote_no_secret() {
    for line in [
        "alice",
        "alice:$secret:",
        "alice:$argon2id$v=19$m=1$secret:",
        "alice:$argon2id$v=19$m=1$secret$sec:ret",
        "alice:$6$secret$secret:",
        "alice:{SSHA}secret:",
        ":$a:",
        "a b:$a:",
        "al\u{fc}:$a:",
        "alice:secret:",
        "alice:$argon2id$v=19$m=1$secret$secret:role=admin",
        "alice:$argon2id$v=19$m=1$secret$secret:status=lokced",
        "alice:$argon2id$v=19$m=1$secret$secret:network=192.0.2.0/24",
        "alice:$argon2id$v=19$m=1$secret$secret:networks=192.0.2.1/24",
        "alice:$argon2id$v=19$m=1$secret$secret:senders=alice",
        "alice:$argon2id$v=19$m=1$secret$secret:rewrite=@example.org",
        "alice:$argon2id$v=19$m=1$secret$secret:limits=robots",
        "alice:$argon2id$v=19$m=1$secret$secret:limits=A",
        "alice:$argon2id$v=19$m=1$secret$secret:locked",
    ] {
        let reason = account(line).unwrap_err();
        assert!(!reason.contains("secret"), "{line}: {reason}");
        assert!(reason.contains("write") || reason.contains("stafett-passwd"), "{line}: {reason}");
    }
}

#[test]
fn mechanisms_and_sources() {
    assert_eq!(Mechanism::by_name("scram-sha-256"), Some(Mechanism::Scram));
    mechanism("CRAM-MD5").unwrap_err();
    assert_eq!(Source::parse("dovecot /run/auth"), Ok(Source::Dovecot("/run/auth".into())));
    assert_eq!(Source::parse("checkpassword /bin/c -x"), Ok(Source::Program(vec!["/bin/c".into(), "-x".into()])));
    for line in ["", "checkpassword", "checkpassword c", "dovecot", "dovecot /a b", "pam"] {
        Source::parse(line).unwrap_err();
    }
}
