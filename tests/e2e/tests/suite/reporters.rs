//! Programs of a host that report by mail, themselves: their /usr/sbin/sendmail is a link to ours, in a mount namespace of
//! their own.

use crate::local::{JOE, Town, give};
use stafett_test_e2e::{Supervisor, has, is_root, kill, program, run, skip};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown, symlink};
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const NOBODY: u32 = 65_534;

/// Why a test of such a program is left out, if it is.
fn lacks(name: &str) -> Option<&'static str> {
    if !is_root() {
        return Some("needs root, for a mount namespace");
    }
    has(name).is_none().then_some("the program is not installed")
}

/// A command that finds our sendmail, as an admin links it, and these files in the place of others.
fn among(town: &Town, places: &[(PathBuf, &str)], command: &str) -> Command {
    let sbin = town.homes.path().join("sbin");
    fs::create_dir(&sbin).unwrap();
    symlink(program("stafett-sendmail"), sbin.join("sendmail")).unwrap();
    let sendmail = format!("mount -t overlay overlay -o lowerdir={}:/usr/sbin /usr/sbin", sbin.display());
    let bind = |(ours, theirs): &(PathBuf, &str)| format!("mount --bind {} {theirs}", ours.display());
    let steps: Vec<String> = [sendmail].into_iter().chain(places.iter().map(bind)).chain([format!("exec {command}")]).collect();
    let mut unshare = Command::new("unshare");
    unshare.args(["--mount", "--propagation", "private", "sh", "-c", &steps.join(" && ")]);
    unshare.env("STAFETT", town.site.root()).stdin(Stdio::null());
    unshare
}

/// A running instance in which joe reads root's mail, and ann nobody's.
fn town() -> Town {
    let mut town = Town::new();
    fs::write(town.site.path("alias/.qmail-root"), "&joe\n").unwrap();
    fs::write(town.site.path("alias/.qmail-nobody"), "&ann\n").unwrap();
    town.site.start(Supervisor::Runit);
    town
}

/// The one letter of a user.
fn letter(town: &Town, user: &str) -> String {
    town.has_mail(user, 1);
    fs::read_to_string(&town.mail(user)[0]).unwrap()
}

/// Ended with the test.
struct Daemon(Child);

impl Drop for Daemon {
    fn drop(&mut self) {
        kill(i32::try_from(self.0.id()).unwrap());
        let _ = self.0.wait();
    }
}

#[test]
fn cron_tells_the_owner_of_a_crontab_what_a_job_wrote() {
    if let Some(reason) = lacks("cron") {
        return skip("cron_tells_the_owner_of_a_crontab_what_a_job_wrote", reason);
    }
    let town = town();
    let spool = town.homes.path().join("spool");
    let (crontabs, empty) = (spool.join("crontabs"), town.homes.path().join("empty"));
    fs::create_dir_all(&crontabs).unwrap();
    fs::create_dir(&empty).unwrap();
    // What stands under @reboot is run at cron's start, as far as it can see in /run.
    for (user, number, jobs) in [
        ("root", 0, "@reboot printf 'disk 90%% full\\n.\\nlast line'\n@reboot true\n"),
        ("nobody", NOBODY, "MAILTO=\"ann@relay.test\"\n@reboot id -u\n"),
    ] {
        fs::write(crontabs.join(user), jobs.replace('%', "\\%")).unwrap();
        fs::set_permissions(crontabs.join(user), PermissionsExt::from_mode(0o600)).unwrap();
        chown(crontabs.join(user), Some(number), None).unwrap();
    }
    let places =
        [(spool, "/var/spool/cron"), (empty.clone(), "/etc/cron.d"), (PathBuf::from("/dev/null"), "/etc/crontab"), (empty, "/run")];
    let _cron = Daemon(among(&town, &places, "cron -f").spawn().unwrap());
    let (of_root, of_nobody) = (letter(&town, "joe"), letter(&town, "ann"));
    assert!(of_root.starts_with("Return-Path: <root@relay.test>\nDelivered-To: joe@relay.test\n"), "{of_root}");
    assert!(of_root.contains("\nTo: root@relay.test\n") && of_root.contains("\nFrom: root@relay.test (Cron Daemon)\n"), "{of_root}");
    assert!(of_root.contains("\nX-Cron-Env: <") && of_root.ends_with("\n\ndisk 90% full\n.\nlast line\n"), "{of_root}");
    assert!(of_nobody.starts_with("Return-Path: <nobody@relay.test>\n") && of_nobody.ends_with("\n\n65534\n"), "{of_nobody}");
    town.site.logged("send", &format!(" uid {NOBODY}\n"));
}

#[test]
fn logwatch_mails_its_report_to_each_of_its_readers() {
    if let Some(reason) = lacks("logwatch") {
        return skip("logwatch_mails_its_report_to_each_of_its_readers", reason);
    }
    let town = town();
    town.write("log", JOE, "");
    let logs = town.homes.path().join("logs");
    fs::create_dir(&logs).unwrap();
    fs::write(logs.join("syslog"), "Nov 22 09:00:01 relay CRON[7]: (root) CMD (of the test)\n").unwrap();
    give(&logs, JOE);
    let command = format!(
        "logwatch --output mail --mailto 'root ann@relay.test' --range all --detail high --service cron --logdir '{}'",
        logs.display()
    );
    run(&mut among(&town, &[], &command));
    for reader in ["joe", "ann"] {
        let report = letter(&town, reader);
        assert!(report.starts_with("Return-Path: <root@relay.test>\n"), "{report}");
        assert!(report.contains("\nSubject: Logwatch for ") && report.contains("\nFrom: root@relay.test\n"), "{report}");
        assert!(report.contains("of the test") && report.ends_with("Logwatch End ######################### \n\n"), "{report}");
    }
}
