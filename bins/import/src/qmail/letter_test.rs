use super::{Addressee, Channel, Letter, Unusable};
use crate::qmail::queue::{Content, Queue};
use std::fs;
use std::time::{Duration, SystemTime};

fn queue(files: &[(&str, &[u8])]) -> (tempfile::TempDir, Content) {
    let home = tempfile::tempdir().unwrap();
    fs::create_dir_all(home.path().join("queue/mess")).unwrap();
    for (name, bytes) in files {
        let path = home.path().join("queue").join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, bytes).unwrap();
    }
    let content = Queue::open(home.path()).unwrap().content().unwrap();
    (home, content)
}

fn read(files: &[(&str, &[u8])]) -> Result<Letter, Unusable> {
    let (_home, content) = queue(files);
    Letter::read(&content.messages[&7])
}

fn fault(files: &[(&str, &[u8])]) -> String {
    match read(files) {
        Err(Unusable::Fault(reason)) => reason,
        other => panic!("{other:?}"),
    }
}

#[test]
fn what_is_in_todo_counts_before_what_was_begun() {
    let letter =
        read(&[("mess/7/7", b"x\n"), ("todo/7", b"u5\0p6\0Fa@b\0Tc@d\0Te\0"), ("info/7/7", b"Fother\0"), ("local/7/7", b"Dc@d\0")])
            .unwrap();
    assert_eq!((letter.sender.as_slice(), letter.uid), (&b"a@b"[..], Some(5)));
    let addresses: Vec<_> = letter.recipients.iter().map(|one| (one.address.as_slice(), one.channel, one.done)).collect();
    assert_eq!(addresses, [(&b"c@d"[..], Channel::Unsorted, false), (b"e", Channel::Unsorted, false)]);
}

#[test]
fn the_big_todo_patch_and_any_split_are_found() {
    let (_home, content) = queue(&[("mess/1/7", b"x\n"), ("todo/3/7", b"F\0Ta\0"), ("mess/9", b""), ("mess/odd", b""), ("pid/7", b"")]);
    assert!(Letter::read(&content.messages[&7]).is_ok());
    assert_eq!(content.messages.keys().copied().collect::<Vec<_>>(), [7, 9]);
    assert!(content.odd[0].ends_with("mess/odd") && content.odd.len() == 1);
}

#[test]
fn marks_and_times_are_kept() {
    let (home, content) = queue(&[
        ("mess/7/7", b"x\n"),
        ("info/7/7", b"Fa@b\0"),
        ("local/7/7", b"Dl1@d\0Tl2@d\0"),
        ("remote/7/7", b"Dr@e\0"),
        ("bounce/7", b"<r@e>:\nno\n\n"),
    ]);
    let time = |path: &str, seconds: u64| {
        let file = fs::File::options().append(true).open(home.path().join("queue").join(path)).unwrap();
        let time = SystemTime::UNIX_EPOCH + Duration::from_secs(seconds);
        file.set_modified(time).unwrap();
        time
    };
    let (birth, due, failed) = (time("info/7/7", 1000), time("local/7/7", 3000), time("bounce/7", 1500));
    time("remote/7/7", 2000);
    let letter = Letter::read(&content.messages[&7]).unwrap();
    assert_eq!((letter.birth, letter.due, letter.failed_at), (birth, Some(due), failed));
    let shape: Vec<_> = letter.recipients.iter().map(|Addressee { channel, done, .. }| (*channel, *done)).collect();
    assert_eq!(shape, [(Channel::Local, true), (Channel::Local, false), (Channel::Remote, true)]);
    assert_eq!(letter.failures[0].text, "no");
}

#[test]
fn what_is_not_whole_is_left() {
    assert_eq!(read(&[("mess/7/7", b"x"), ("intd/7", b"")]).unwrap_err(), Unusable::Unfinished);
    assert_eq!(read(&[("mess/7/7", b"x"), ("info/7/7", b"Fa\0"), ("local/7/7", b"Db\0")]).unwrap_err(), Unusable::Nothing);
    assert!(fault(&[("info/7/7", b"Fa\0")]).contains("no message to its files (info)"));
    assert!(fault(&[("mess/7/7", b"x"), ("info/7/7", b"Fa")]).contains("info/ is cut off"));
    assert!(fault(&[("mess/7/7", b"x"), ("info/7/7", b"Fa\0Fb\0")]).contains("not one sender"));
    assert!(fault(&[("mess/7/7", b"x"), ("todo/7", b"Ta\0")]).contains("names no sender"));
    assert!(fault(&[("mess/7/7", b"x"), ("todo/7", b"Fa\0\0Tb\0")]).contains("empty record"));
    assert!(fault(&[("mess/7/7", b"x"), ("info/7/7", b"Fa\0"), ("remote/7/7", b"Xb\0")]).contains("a record \"X\""));
    assert!(fault(&[("mess/7/7", b"x"), ("info/7/7", b"Fa\0"), ("bounce/7", b"text\n\n")]).contains("bounce"));
}

#[test]
fn links_are_not_followed() {
    let (home, _) = queue(&[("mess/7/7", b"x\n"), ("secret", b"s")]);
    std::os::unix::fs::symlink(home.path().join("queue/secret"), home.path().join("queue/mess/7/8")).unwrap();
    fs::create_dir(home.path().join("queue/todo")).unwrap();
    std::os::unix::fs::symlink(home.path().join("queue/secret"), home.path().join("queue/todo/7")).unwrap();
    let content = Queue::open(home.path()).unwrap().content().unwrap();
    assert_eq!(content.odd.len(), 2);
    assert_eq!(content.messages.len(), 1);
}
