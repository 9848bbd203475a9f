//! A drain that is killed, and the one after it.

use super::instance::{empty, files, imported, remove, site, subject, text};
use super::qmail::Qmail;
use stafett_test_e2e::{Site, has, program, skip};
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::os::unix::process::ExitStatusExt;
use std::path::PathBuf;
use std::process::{Command, Stdio};

#[test]
fn a_drain_that_is_killed_anywhere_is_finished_by_the_next() {
    if has("strace").is_none() {
        return skip("a_drain_that_is_killed_anywhere_is_finished_by_the_next", "strace is not installed");
    }
    let (qmail, site) = (Qmail::new(1), site());
    imported(qmail.import(&site, &["--take"]));
    imported(qmail.import(&site, &["--drain"]));
    let (whole, left) = (messages(&site), files(&qmail.path("queue")));
    // renameat2 puts a message into queue/hold and takes it out again, 13 times each; rename moves qmail's files.
    let published = [1, 2, 8, 13, 14, 16, 26].map(|number| ("renameat2", number));
    let moved = [1, 2, 3, 7, 20, 40, 44].map(|number| ("rename", number));
    let others = [("fsync", 1), ("fsync", 3), ("fsync", 20), ("syncfs", 1), ("syncfs", 2), ("syncfs", 3), ("/^unlink", 1), ("/^mkdir", 5)];
    for (calls, number) in published.into_iter().chain(moved).chain(others) {
        empty(&site);
        qmail.fill_queue();
        killed(&qmail, &site, &["--drain"], calls, number);
        if (calls, number) == ("renameat2", 8) {
            let checked = text(&site.command("stafett-check").arg(site.root()).output().unwrap());
            assert!(checked.contains("queue/importing: warning: "), "{checked}");
        }
        let again = imported(qmail.import(&site, &["--drain"]));
        assert_eq!(messages(&site), whole, "{calls} {number}:\n{again}");
        assert_eq!(
            files(&qmail.path("queue")).into_keys().collect::<Vec<_>>(),
            left.clone().into_keys().collect::<Vec<_>>(),
            "{calls} {number}"
        );
    }
    let kept = |path: &PathBuf| !path.starts_with(qmail.path("queue/taken"));
    for (calls, number) in [("rename", 3), ("rename", 20), ("syncfs", 3), ("/^unlink", 3), ("/^unlink", 20), ("/^unlink", 40)] {
        empty(&site);
        qmail.fill_queue();
        killed(&qmail, &site, &["--drain", "--remove"], calls, number);
        let again = imported(qmail.import(&site, &["--drain", "--remove"]));
        assert_eq!(messages(&site), whole, "--remove {calls} {number}:\n{again}");
        let lies: Vec<_> = files(&qmail.path("queue")).into_keys().collect();
        assert_eq!(lies, left.keys().filter(|path| kept(path)).cloned().collect::<Vec<_>>(), "--remove {calls} {number}");
    }
    remove(site);
}

/// After a power cut the supervisor may have started qmail-send again.
#[test]
fn what_qmail_did_after_a_drain_was_killed_is_not_done_again() {
    if has("strace").is_none() {
        return skip("what_qmail_did_after_a_drain_was_killed_is_not_done_again", "strace is not installed");
    }
    let (qmail, site) = (Qmail::new(1), site());
    imported(qmail.import(&site, &["--take"]));
    let delivered = |number: &str| {
        let found = files(&qmail.path("queue"));
        found.keys().filter(|path| path.ends_with(number)).for_each(|path| fs::remove_file(path).unwrap());
    };
    killed(&qmail, &site, &["--drain"], "renameat2", 13);
    delivered("10723330");
    fs::write(qmail.path("queue/local/3/10723362"), b"Ddone@example.org\0Dlater@example.org\0").unwrap();
    let again = imported(qmail.import(&site, &["--drain"]));
    assert!(again.contains("0 messages of it are finished, 12 begun anew"), "{again}");
    let found = messages(&site);
    let of = |name: &str| found.values().find(|message| subject(message) == name);
    assert!(of("null").is_none() && found.len() == 12, "what qmail delivered is in our queue:\n{again}");
    let journal = String::from_utf8_lossy(of("partly").unwrap()).into_owned();
    assert_eq!(journal.matches(" K done by qmail before").count(), 3, "{journal}");

    for options in [&["--drain"][..], &["--drain", "--remove"]] {
        empty(&site);
        qmail.fill_queue();
        // The list is written twice; then the first file of the first message is moved.
        killed(&qmail, &site, options, "rename", 4);
        delivered("10723782");
        let again = imported(qmail.import(&site, options));
        assert!(again.contains("1 messages of it are finished, 11 begun anew"), "{options:?}: {again}");
        assert!(again.contains("so qmail may have delivered it; it stays in queue/hold"), "{options:?}: {again}");
        let held = files(&site.path("queue/hold"));
        assert_eq!(held.values().map(|message| subject(message)).collect::<Vec<_>>(), ["verp"], "{options:?}");
        assert_eq!(files(&site.path("queue/cur")).len(), 12, "{options:?}");
        assert_eq!(qmail.path("queue/taken").exists(), options.len() == 1, "{options:?}");
    }
    remove(site);
}

/// Ends a drain at a system call.
fn killed(qmail: &Qmail, site: &Site, options: &[&str], calls: &str, number: usize) {
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-e", &format!("inject={calls}:signal=KILL:when={number}")]);
    command.arg(program("stafett-import")).arg(qmail.home()).arg(site.root()).args(options);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(9), "{calls} {number}: {status}");
}

/// The messages of an instance with their bytes; that there is nothing else in its queue, and that their owner is right.
fn messages(site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
    let found = files(&site.path("queue"));
    let strangers: Vec<_> = found.keys().filter(|path| !path.starts_with(site.path("queue/cur")) && !path.ends_with("admin")).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    let owner = fs::metadata(site.path("queue/cur")).unwrap().uid();
    assert!(found.keys().all(|path| fs::metadata(path).unwrap().uid() == owner));
    found.into_iter().filter(|(path, _)| path.starts_with(site.path("queue/cur"))).collect()
}
