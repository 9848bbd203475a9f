//! Power cuts: what was answered 250 is on the disk, whatever the page cache held, and so is what was delivered into a Maildir.
//!
//! The queue, or the home of a user, lies on a file system (ext4, xfs, btrfs) on a loop device whose image is a file on another
//! btrfs. A clone of the image (FICLONE is one step for the writers of the image) holds what has reached the device and nothing of
//! what was only in the page cache: the disk after the cut. Mounted elsewhere, it is looked at, or becomes the queue of another
//! instance.
//! Known limits: the simulated device has no volatile cache of its own. ext4 is made without fast_commit (as mkfs.ext4
//! does by itself): with it, Linux 6.18 loses files that several processes had synced at once, or cannot mount the copy,
//! whatever the program does (seen with plain create, write, fsync as well).

use crate::local::{JOE, Town, files, give};
use stafett_test_e2e::{Act, Client, Load, Signal, Sink, Site, Supervisor, has, is_root, message, run, scratch, signal, skip, wait_until};
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

const CUTS: usize = 3;

/// A mounted file system, lazily unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn image(image: &Path, place: PathBuf, options: &str) -> Mount {
        std::fs::create_dir_all(&place).unwrap();
        run(Command::new("mount").args(["-o", options]).arg(image).arg(&place));
        Mount(place)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        if !Command::new("umount").arg(&self.0).stderr(std::process::Stdio::null()).status().is_ok_and(|status| status.success()) {
            let _ = Command::new("umount").arg("-l").arg(&self.0).status();
        }
    }
}

fn make(kind: &str, image: &Path, mebibytes: u64) {
    std::fs::File::create(image).unwrap().set_len(mebibytes << 20).unwrap();
    let mut command = Command::new(has(&format!("mkfs.{kind}")).unwrap());
    match kind {
        "ext4" => command.args(["-q", "-F", "-O", "^fast_commit"]),
        "xfs" => command.args(["-q", "-f"]),
        _ => command.args(["-q", "-f"]),
    };
    run(command.arg(image));
}

fn subjects(sink: &Sink) -> BTreeSet<String> {
    sink.seen().arrived.iter().map(|arrived| arrived.field("Subject").unwrap()).collect()
}

/// A disk with a file system of that kind, whose image can be cloned.
struct Disk {
    image: PathBuf,
    outer: Mount,
    _place: tempfile::TempDir,
}

impl Disk {
    /// Nothing where this machine cannot have one.
    fn new(kind: &str, test: &str) -> Option<Disk> {
        let lacks = |reason| {
            skip(&format!("{test} on {kind}"), reason);
            None
        };
        if !is_root() {
            return lacks("needs root to mount file systems");
        }
        if ["mkfs.btrfs", &format!("mkfs.{kind}")].iter().any(|tool| has(tool).is_none()) {
            return lacks("the tools of the file system are not installed");
        }
        let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
        if !known.contains("btrfs") || !known.contains(kind) || !Path::new("/dev/loop-control").exists() {
            return lacks("this kernel has no loop devices or lacks the file system");
        }
        let place = scratch();
        let outer_image = place.path().join("outer");
        make("btrfs", &outer_image, 3000);
        let outer = Mount::image(&outer_image, place.path().join("outer.d"), "loop");
        let image = outer.0.join("disk");
        // xfs refuses less than 300 MiB.
        make(kind, &image, 320);
        Some(Disk { image, outer, _place: place })
    }

    /// The disk as a power cut would leave it now.
    fn cut(&self, number: usize) -> PathBuf {
        let copy = self.outer.0.join(format!("cut{number}"));
        run(Command::new("cp").args(["--reflink=always"]).arg(&self.image).arg(&copy));
        copy
    }
}

fn queue_survives(kind: &str) {
    let Some(ground) = Disk::new(kind, "power cut under a queue") else { return };
    // Everything fails for now, so that what is promised stays in the queue.
    let sink = Sink::scripted(|_, _| Act::Last("421 4.3.2 not now".to_owned()));
    let mut site = Site::new();
    let disk = Mount::image(&ground.image, site.path("queue"), "loop");
    assert!(site.setup(&[]).status.success());
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.start(Supervisor::Runit);
    let load = Load::start(site.port(), 6, kind);
    let mut cuts = Vec::new();
    for number in 0..CUTS {
        let before = load.promised().len();
        assert!(load.wait(before + 40, 60), "the load does not flow:\n{}", site.logs());
        std::thread::sleep(Duration::from_millis(31 * number as u64));
        let promised = load.promised();
        cuts.push((promised, ground.cut(number)));
    }
    load.stop();
    site.stop();
    // btrfs refuses two file systems of one identity at a time.
    drop(disk);
    for (number, (promised, copy)) in cuts.into_iter().enumerate() {
        let received = Sink::new();
        let mut after = Site::new();
        let disk = Mount::image(&copy, after.path("queue"), "loop");
        assert!(after.setup(&[]).status.success());
        after.control("smtproutes", &received.route());
        after.start(Supervisor::Runit);
        let arrived = wait_until(30, || {
            after.processes("stafett-send").iter().for_each(|send| signal(send.pid, Signal::SIGALRM));
            std::thread::sleep(Duration::from_millis(100));
            promised.is_subset(&subjects(&received))
        });
        let lost: Vec<String> = promised.difference(&subjects(&received)).cloned().collect();
        assert!(
            arrived,
            "cut {number} on {kind}: {} of {} promised messages are lost: {lost:?}\nstill queued: {:?}\n{}",
            lost.len(),
            promised.len(),
            after.queue_files(),
            after.logs()
        );
        for one in &received.seen().arrived {
            assert!(
                one.data.ends_with(b"\r\n") && one.without_trace().starts_with(b"From: "),
                "a message is torn: {:?}",
                String::from_utf8_lossy(&one.data)
            );
        }
        after.stop();
        drop(disk);
    }
}

/// The queue ids of the messages that the scheduler says are delivered.
fn delivered(log: &str) -> BTreeSet<String> {
    let after = |line: &str, words: &str| line.split_once(words).map(|(_, rest)| rest.to_owned());
    let mut of_delivery = BTreeMap::new();
    let mut ids = BTreeSet::new();
    for line in log.lines() {
        if let Some((number, message)) = after(line, "starting delivery ").as_deref().and_then(|rest| rest.split_once(": msg ")) {
            of_delivery.insert(number.to_owned(), message.split(' ').next().unwrap().to_owned());
        } else if let Some((number, _)) = after(line, "delivery ").as_deref().and_then(|rest| rest.split_once(": success: ")) {
            ids.insert(of_delivery[number].clone());
        }
    }
    ids
}

/// What has left the queue is in the Maildir, and whole, whether it was delivered alone or with others.
fn mailbox_survives(kind: &str) {
    let Some(ground) = Disk::new(kind, "power cut under a mailbox") else { return };
    let mut town = Town::new();
    let home = town.home("joe");
    std::fs::remove_dir_all(&home).unwrap();
    let disk = Mount::image(&ground.image, home.clone(), "loop");
    for part in ["Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
        std::fs::create_dir(home.join(part)).unwrap();
        give(&home.join(part), JOE);
    }
    give(&home, JOE);
    town.site.start(Supervisor::Runit);
    let mut client = Client::greeted(town.site.port());
    // More than a block, so that a file without its data shows.
    let lines = "one of many lines of one message\r\n".repeat(300);
    let mut texts = BTreeMap::new();
    let mut cuts = Vec::new();
    for number in 0..2 * CUTS {
        let is_together = number % 2 == 1;
        town.site.control("holdlocal", if is_together { "1\n" } else { "0\n" });
        for _ in 0..40 {
            let subject = format!("{kind}-{}", texts.len());
            let text = [message(&subject), lines.clone().into_bytes()].concat();
            let reply = client.deliver("a@sender.test", &["joe@relay.test"], &text);
            let id = reply.text.rsplit_once(" qp ").unwrap().1.to_owned();
            texts.insert(id, (subject, text));
        }
        town.site.control("holdlocal", "0\n");
        let before = texts.len() - 40;
        let enough = before + 10 + 7 * number;
        assert!(wait_until(60, || delivered(&town.site.log("send")).len() >= enough.min(texts.len())), "{}", town.site.log("send"));
        let done = delivered(&town.site.log("send"));
        cuts.push((done, ground.cut(number)));
        assert!(wait_until(60, || delivered(&town.site.log("send")).len() == texts.len()), "{}", town.site.log("send"));
    }
    town.site.stop();
    // btrfs refuses two file systems of one identity at a time.
    drop(disk);
    for (number, (done, copy)) in cuts.into_iter().enumerate() {
        let disk = Mount::image(&copy, ground.outer.0.join("after"), "loop");
        let found: Vec<String> = files(&disk.0.join("Maildir/new")).iter().map(|path| std::fs::read_to_string(path).unwrap()).collect();
        for (subject, text) in done.iter().map(|id| &texts[id]) {
            let own = found.iter().find(|text| text.contains(&format!("\nSubject: {subject}\n")));
            let whole = String::from_utf8(text.clone()).unwrap().replace("\r\n", "\n");
            assert!(own.is_some_and(|own| own.ends_with(&whole)), "cut {number} on {kind}: {subject} is not there whole: {own:?}");
        }
    }
}

#[test]
fn queue_on_ext4() {
    queue_survives("ext4");
}

#[test]
fn queue_on_xfs() {
    queue_survives("xfs");
}

#[test]
fn queue_on_btrfs() {
    queue_survives("btrfs");
}

#[test]
fn mailbox_on_ext4() {
    mailbox_survives("ext4");
}

#[test]
fn mailbox_on_xfs() {
    mailbox_survives("xfs");
}

#[test]
fn mailbox_on_btrfs() {
    mailbox_survives("btrfs");
}
