//! A queue on ext4 with fast_commit is warned of, by queued, whose user may not read the device, and by the checker.

use stafett_test_e2e::{Site, Supervisor, has, is_root, run, scratch, skip};
use std::path::{Path, PathBuf};
use std::process::Command;

/// A mounted image, unmounted when dropped.
struct Mount(PathBuf);

impl Mount {
    fn new(image: &Path, place: PathBuf, feature: &str) -> Mount {
        std::fs::File::create(image).unwrap().set_len(200 << 20).unwrap();
        run(Command::new(has("mkfs.ext4").unwrap()).args(["-q", "-F", "-J", "size=4", "-O", feature]).arg(image));
        run(Command::new("mount").args(["-o", "loop"]).arg(image).arg(&place));
        Mount(place)
    }
}

impl Drop for Mount {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn a_queue_on_ext4_with_fast_commit_is_warned_of() {
    let known = std::fs::read_to_string("/proc/filesystems").unwrap_or_default();
    if !is_root() || has("mkfs.ext4").is_none() || !known.contains("ext4") || !Path::new("/dev/loop-control").exists() {
        return skip("fast_commit", "needs root, loop devices and ext4");
    }
    for (feature, is_on) in [("fast_commit", true), ("^fast_commit", false)] {
        let (place, mut site) = (scratch(), Site::new());
        let disk = Mount::new(&place.path().join("disk"), site.path("queue"), feature);
        assert!(site.setup(&[]).status.success());
        std::fs::remove_dir(site.path("queue/lost+found")).unwrap();
        site.start(Supervisor::Runit);
        let judged = site.command("stafett-check").arg(site.root()).output().unwrap();
        let text = String::from_utf8(judged.stdout).unwrap();
        assert_eq!(text.contains("an ext4 with fast_commit: messages"), is_on, "{text}");
        assert_eq!(text.contains("tune2fs -O ^fast_commit /dev/loop"), is_on, "{text}");
        assert!(!is_on || judged.status.code() == Some(1), "{text}");
        // It says so before it is ready, and it is: the listener has greeted.
        assert_eq!(site.log("queued").contains("lies on ext4 with fast_commit"), is_on, "{}", site.logs());
        site.stop();
        drop(disk);
    }
}
