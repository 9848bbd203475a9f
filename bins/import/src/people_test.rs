use super::{LARGEST, dot_qmail};
use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, chown, symlink};

#[test]
fn only_files_that_the_owner_of_alias_may_read_are_read() {
    let home = tempfile::tempdir().unwrap();
    let (alias, secret) = (home.path().join("alias"), home.path().join("secret"));
    fs::create_dir(&alias).unwrap();
    fs::write(&secret, "secret\n").unwrap();
    fs::write(alias.join(".qmail-root"), "&joe\n").unwrap();
    symlink(".qmail-root", alias.join(".qmail-abuse")).unwrap();
    symlink("../secret", alias.join(".qmail-up")).unwrap();
    symlink(&secret, alias.join(".qmail-out")).unwrap();
    symlink(".qmail-out", alias.join(".qmail-twice")).unwrap();
    File::create(alias.join(".qmail-large")).unwrap().set_len(LARGEST + 1).unwrap();
    let read = |name: &str| dot_qmail(&alias, &OsString::from(name)).map(|(bytes, _)| bytes);
    for name in [".qmail-root", ".qmail-abuse"] {
        assert_eq!(read(name).unwrap(), b"&joe\n");
    }
    for name in [".qmail-up", ".qmail-out", ".qmail-twice", ".qmail-large", ".qmail-none"] {
        assert_eq!(read(name), None, "{name}");
    }
    fs::hard_link(&secret, alias.join(".qmail-hard")).unwrap();
    fs::set_permissions(&secret, PermissionsExt::from_mode(0o600)).unwrap();
    assert!(read(".qmail-hard").is_some());
    if stafett_sys::user::Uid::effective().is_root() {
        chown(&alias, Some(65534), None).unwrap();
        assert_eq!(read(".qmail-hard"), None);
    }
}
