use crate::{Breaks, Owner, Users, parse, write};
use stafett_sys::user::{Account, Uid};
use std::fs;

const ASSIGN: &str = "=joe:joe:1001:1001:/home/joe:::\n=Joe.Doe:joe:1001:1001:/home/joe:::\n\
                      +joe-:joe:1001:1001:/home/joe:-::\n+:alias:1002:1002:/a:-::\n+list-x-:lists:1003:1003:/l:-:x-:\n.\n";

fn instance(assign: &str) -> tempfile::TempDir {
    let directory = tempfile::tempdir().unwrap();
    fs::create_dir(directory.path().join("users")).unwrap();
    let entries = parse(assign).unwrap();
    write(&entries, &directory.path().join("users/cdb"), &directory.path().join("users/cdb.tmp")).unwrap();
    directory
}

fn users(directory: &tempfile::TempDir, breaks: &str) -> Users {
    Users { only: None, ..Users::new(directory.path(), Breaks::new(breaks)) }
}

fn found(users: &Users, local: &str) -> (String, String, String) {
    let Owner { user, dash, ext, .. } = users.find(local).unwrap().unwrap();
    (user, dash, ext)
}

fn three(user: &str, dash: &str, ext: &str) -> (String, String, String) {
    (user.into(), dash.into(), ext.into())
}

#[test]
fn the_table_is_looked_up_as_qmail_does() {
    let directory = instance(ASSIGN);
    let users = users(&directory, "-");
    assert_eq!(found(&users, "JOE"), three("joe", "", ""));
    assert_eq!(found(&users, "joe.doe"), three("joe", "", ""));
    assert_eq!(found(&users, "joe-A-b"), three("joe", "-", "A-b"));
    assert_eq!(found(&users, "joe-"), three("joe", "-", ""));
    assert_eq!(found(&users, "list-x-request"), three("lists", "-", "x-request"));
    assert_eq!(found(&users, "Anybody"), three("alias", "-", "Anybody"));
}

#[test]
fn a_table_that_is_broken_is_no_no() {
    let directory = instance(ASSIGN);
    let cdb = directory.path().join("users/cdb");
    let mut whole = fs::read(&cdb).unwrap();
    fs::write(&cdb, b"short").unwrap();
    assert!(users(&directory, "-").find("joe").unwrap_err().is_general);
    // What a crash may leave of blocks that were not yet written.
    whole[..2048].fill(0);
    fs::write(&cdb, whole).unwrap();
    assert!(users(&directory, "-").find("joe").unwrap_err().is_general);
}

#[test]
fn lines_that_are_none_are_named() {
    for (text, line, words) in [
        ("=a:b:0:1:/h:::\n.\n", 1, "root"),
        ("=a:b:7:1:/h:::\n=a:b:x:1:/h:::\n.\n", 2, "number of a user"),
        ("=a:b:7:1:h:::\n.\n", 1, "not a home"),
        ("=a:b:7:1:/h::\n.\n", 1, "seven fields"),
        ("a\n.\n", 1, "no assignment"),
        ("=a:b:7:1:/h:::\n=A:b:7:1:/h:::\n.\n", 2, "line 1 already"),
        ("=a:b:7:1:/h:::\n", 2, "missing"),
    ] {
        let bad = parse(text).unwrap_err();
        assert_eq!(bad.line, line, "{text}");
        assert!(bad.reason.contains(words), "{}", bad.reason);
    }
}

#[test]
fn what_belongs_to_nobody_is_for_alias() {
    let directory = tempfile::tempdir().unwrap();
    let users = users(&directory, "+");
    assert_eq!(users.find("no-such-user-anywhere"), Ok(None));
    fs::create_dir(directory.path().join("alias")).unwrap();
    if Uid::effective().is_root() {
        assert!(users.find("no-such-user-anywhere").is_err(), "alias/ must not be root's");
        std::os::unix::fs::chown(directory.path().join("alias"), Some(65534), Some(65534)).unwrap();
    }
    assert_eq!(found(&users, "No-such+user"), three("alias", "-", "No-such+user"));
    assert_eq!(found(&users, "alias"), three("alias", "", ""));
    assert_eq!(found(&users, "alias+a.b"), three("alias", "-", "a.b"));
    assert_eq!(found(&users, "alias-x"), three("alias", "-", "alias-x"), "- is no break character here");
    assert_eq!(found(&users, "root"), three("alias", "-", "root"), "root has no mail of its own");
}

#[test]
fn a_user_of_the_system_is_found_by_the_longest_name() {
    let own = Account::by_uid(Uid::effective()).unwrap().unwrap();
    if own.uid.is_root() {
        return;
    }
    let directory = tempfile::tempdir().unwrap();
    for (breaks, local) in [("-", "x"), ("-+", "a+b")] {
        let users = users(&directory, breaks);
        let breaking = Breaks::new(breaks).first();
        assert_eq!(found(&users, &format!("{}{breaking}{local}", own.name.to_uppercase())), three(&own.name, "-", local));
    }
}
