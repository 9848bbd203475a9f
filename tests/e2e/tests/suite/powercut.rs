//! Power cuts: what was answered 250 is on the disk, whatever the page cache held.
//!
//! The queue lies on a file system (ext4, xfs, btrfs) on a loop device whose image is a file on another btrfs. A clone of
//! the image (FICLONE is one step for the writers of the image) holds what has reached the device and nothing of what
//! was only in the page cache: the disk after the cut. Mounted elsewhere, it becomes the queue of another instance.
//! Known limits: the simulated device has no volatile cache of its own. ext4 is made without fast_commit (as mkfs.ext4
//! does by itself): with it, Linux 6.18 loses files that several processes had synced at once, or cannot mount the copy,
//! whatever the program does (seen with plain create, write, fsync as well).

use stafett_test_e2e::{Act, Load, Signal, Sink, Site, Supervisor, has, is_root, run, scratch, signal, skip, wait_until};
use std::collections::BTreeSet;
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

fn survives(kind: &str) {
    let test = format!("power cut on {kind}");
    if !is_root() {
        return skip(&test, "needs root to mount file systems");
    }
    if ["mkfs.btrfs", &format!("mkfs.{kind}")].iter().any(|tool| has(tool).is_none()) {
        return skip(&test, "the tools of the file system are not installed");
    }
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !known.contains("btrfs") || !known.contains(kind) || !Path::new("/dev/loop-control").exists() {
        return skip(&test, "this kernel has no loop devices or lacks the file system");
    }
    let place = scratch();
    let outer_image = place.path().join("outer");
    make("btrfs", &outer_image, 3000);
    let outer = Mount::image(&outer_image, place.path().join("outer.d"), "loop");
    let image = outer.0.join("disk");
    // xfs refuses less than 300 MiB.
    make(kind, &image, 320);
    // Everything fails for now, so that what is promised stays in the queue.
    let sink = Sink::scripted(|_, _| Act::Last("421 4.3.2 not now".to_owned()));
    let mut site = Site::new();
    let disk = Mount::image(&image, site.path("queue"), "loop");
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
        let copy = outer.0.join(format!("cut{number}"));
        run(Command::new("cp").args(["--reflink=always"]).arg(&image).arg(&copy));
        cuts.push((promised, copy));
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

#[test]
fn on_ext4() {
    survives("ext4");
}

#[test]
fn on_xfs() {
    survives("xfs");
}

#[test]
fn on_btrfs() {
    survives("btrfs");
}
