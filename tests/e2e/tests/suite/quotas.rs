//! A user whose quota ends in the middle of a delivery: the kernel's own, of btrfs (those of ext4 are a part that many
//! kernels come without).

use crate::local::{JOE, Town, files, give};
use crate::localfaults::Disk;
use stafett_test_e2e::{Client, Supervisor, has, is_root, message, run, scratch, skip, wait_until};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Command;

const BOX: &str = "From old@sender.test Sun Nov  1 10:00:00 2026\nSubject: old\n\nread already\n\n";

/// A disk of joe's own with a quota of 3 MB; none where the kernel has none.
fn limited(home: &Path, image: &Path) -> Option<Disk> {
    let disk = Disk::made(home, image, "256M", Command::new("mkfs.btrfs").args(["-q", "-f"]))?;
    let enabled = Command::new("btrfs").args(["quota", "enable"]).arg(home).output().is_ok_and(|made| made.status.success());
    if !enabled {
        return None;
    }
    fs::set_permissions(home, PermissionsExt::from_mode(0o755)).unwrap();
    for part in ["", "Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
        let _ = fs::create_dir(home.join(part));
        give(&home.join(part), JOE);
    }
    // Before it is settled what is there, a limit counts for nothing.
    run(Command::new("btrfs").args(["quota", "rescan", "-w"]).arg(home));
    limit(home, "3M");
    Some(disk)
}

fn limit(home: &Path, size: &str) {
    run(Command::new("btrfs").args(["qgroup", "limit", size, "0/5"]).arg(home));
}

#[test]
fn a_quota_that_ends_in_the_middle_puts_off_and_leaves_nothing_behind() {
    const NAME: &str = "a_quota_that_ends_in_the_middle_puts_off_and_leaves_nothing_behind";
    if !is_root() || has("mkfs.btrfs").is_none() {
        return skip(NAME, "needs root and btrfs-progs");
    }
    let mut town = Town::new();
    let place = scratch();
    let home = town.home("joe");
    let Some(_disk) = limited(&home, &place.path().join("image")) else {
        return skip(NAME, "needs loop devices and the quotas of btrfs");
    };
    town.write("joe/box", JOE, BOX);
    town.write("joe/.qmail-box", JOE, "./box\n");
    town.write("joe/.qmail-program", JOE, "|cat >new.copy && mv new.copy copy || { rm new.copy; exit 111; }\n");
    town.write("joe/.qmail-several", JOE, "&ann\n./Maildir/\n|touch reached\n");
    town.site.start(Supervisor::Runit);
    let long = [message("long"), b"0123456789 and so on, for many lines of one message\r\n".repeat(80_000)].concat();
    let mut client = Client::greeted(town.site.port());
    let log = || town.site.log("send");
    let quota = "Disk_quota_exceeded";
    let maildir = format!("Temporary_error_on_maildir_delivery_to_./Maildir/:_{quota}_(os_error_122)._(#4.2.2)");
    // A program says what it says.
    let put_off = [
        ("joe", maildir.clone()),
        ("joe-several", maildir),
        ("joe-program", format!("cat:_write_error:_{quota}/")),
        ("joe-box", format!("Unable_to_write_./box:_{quota}_(os_error_122)._(#4.2.2)")),
    ];
    for (number, (mailbox, words)) in put_off.iter().enumerate() {
        // What has been given back counts as room once it is written.
        run(Command::new("btrfs").args(["filesystem", "sync"]).arg(&home));
        client.deliver("a@sender.test", &[&format!("{mailbox}@relay.test")], &long).must(250);
        let last = || log().lines().filter_map(|line| Some(line.split_once(" deferral: ")?.1.to_owned())).nth(number);
        assert!(wait_until(60, || last().is_some()), "{mailbox}: {}", log());
        assert_eq!(last().as_ref(), Some(words), "{mailbox}");
    }
    assert!(fs::read_to_string(home.join("box")).unwrap() == BOX);
    assert!(!home.join("copy").exists() && !home.join("box.lock").exists() && !home.join("new.copy").exists());
    assert!(town.mail("joe").is_empty() && files(&home.join("Maildir/tmp")).is_empty());
    assert!(!home.join("reached").exists() && town.mail("ann").is_empty());
    // What is small enough passes meanwhile.
    client.deliver("a@sender.test", &["joe@relay.test"], &message("short")).must(250);
    town.has_mail("joe", 1);
    limit(&home, "none");
    let came = wait_until(60, || {
        let _ = town.site.command("qtool").arg("flush").output();
        town.mail("joe").len() == 3 && home.join("copy").exists()
    });
    assert!(came, "{}", log());
    town.site.drained(60);
    let whole = |text: &str| text.matches("0123456789 and so on").count();
    let mut sizes: Vec<usize> = town.mail("joe").iter().map(|path| whole(&fs::read_to_string(path).unwrap())).collect();
    sizes.sort_unstable();
    assert_eq!(sizes, [0, 80_000, 80_000]);
    let filled = fs::read_to_string(home.join("box")).unwrap();
    assert!(filled.starts_with(BOX) && whole(&filled) == 80_000 && filled.matches("Subject: long").count() == 1);
    assert_eq!(whole(&fs::read_to_string(home.join("copy")).unwrap()), 80_000);
    town.has_mail("ann", 1);
    town.site.stop();
}
