//! The first command of the README, as root and as an ordinary user, with the programs that are built already.

use stafett_test_e2e::{below, bin, has, is_root, kill, scratch, skip, wait_until};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::sync::Mutex;

fn script() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../service/quickstart")
}

/// What the script starts is ended with the test, however it ends.
struct Started(PathBuf);

impl Drop for Started {
    fn drop(&mut self) {
        for _ in 0..50 {
            let left = below(&self.0);
            if left.is_empty() {
                return;
            }
            left.iter().for_each(|process| kill(process.pid));
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
    }
}

fn quickstart(by_nobody: bool, directory: &Path, options: &[&str]) -> Output {
    let mut command = if by_nobody { Command::new("setpriv") } else { Command::new("bash") };
    if by_nobody {
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups", "bash"]);
    }
    command.arg(script()).args(options).arg(directory).current_dir("/").stdin(Stdio::null()).output().unwrap()
}

/// Each looks for free ports before it uses them.
static ALONE: Mutex<()> = Mutex::new(());

fn runs(by_nobody: bool, supervisor: &str) {
    let _alone = ALONE.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let place = scratch();
    let directory = place.path().join("q");
    std::fs::create_dir(&directory).unwrap();
    if by_nobody {
        std::os::unix::fs::chown(&directory, Some(65_534), Some(65_534)).unwrap();
    }
    let _started = Started(directory.clone());
    let bin = bin();
    let first = quickstart(by_nobody, &directory, &["--bin", bin.to_str().unwrap(), "--supervisor", supervisor]);
    let text = String::from_utf8_lossy(&first.stdout).into_owned();
    assert!(first.status.success(), "{text}{}", String::from_utf8_lossy(&first.stderr));
    for part in ["Subject: the first message", "It went through the relay.", "success: ", "svstat\\|sv status", "qstat", "--stop"] {
        let found = part.split("\\|").any(|part| text.contains(part));
        assert!(found, "{part:?} is missing in:\n{text}");
    }
    delay(&directory, "queued");
    // It is safe to run again.
    let second = quickstart(by_nobody, &directory, &["--bin", bin.to_str().unwrap(), "--supervisor", supervisor]);
    assert!(second.status.success(), "{}{}", String::from_utf8_lossy(&second.stdout), String::from_utf8_lossy(&second.stderr));
    let end = quickstart(by_nobody, &directory, &["--stop"]);
    assert!(end.status.success(), "{}{}", String::from_utf8_lossy(&end.stdout), String::from_utf8_lossy(&end.stderr));
    let left = || below(&directory).iter().map(|process| process.name.clone()).collect::<Vec<_>>();
    assert!(wait_until(15, || left().is_empty()), "still running after --stop: {:?}", left());
}

/// A service that is the last to be there, as any may be on a busy machine. The message has to wait for it.
fn delay(directory: &Path, service: &str) {
    let run = directory.join("relay/service").join(service).join("run");
    let script = std::fs::read_to_string(&run).unwrap();
    std::fs::write(&run, script.replacen("\nexec 2>&1\n", "\nexec 2>&1\nsleep 3\n", 1)).unwrap();
}

#[test]
fn the_quickstart_works_for_an_ordinary_user() {
    if is_root() && !readable_by_all() {
        return skip("the_quickstart_works_for_an_ordinary_user", "the checkout is not readable by the user nobody");
    }
    for supervisor in ["runit", "daemontools"] {
        if has(if supervisor == "runit" { "runsvdir" } else { "svscan" }).is_none() || has("swaks").is_none() {
            return skip("the_quickstart_works_for_an_ordinary_user", "runit, daemontools and swaks are not all installed");
        }
        runs(is_root(), supervisor);
    }
}

fn readable_by_all() -> bool {
    let script = script();
    Command::new("setpriv")
        .args(["--reuid=65534", "--regid=65534", "--clear-groups", "test", "-r"])
        .arg(script)
        .status()
        .is_ok_and(|status| status.success())
}

/// The users of a real system, which root's run makes: removed again unless one was there before.
struct NewUsers(bool);

const USERS: [&str; 4] = ["stafettd", "stafettq", "stafettr", "stafettl"];

impl NewUsers {
    fn watch() -> NewUsers {
        let exists =
            |name: &&str| Command::new("getent").args(["passwd", name]).stdout(Stdio::null()).status().is_ok_and(|status| status.success());
        NewUsers(!USERS.iter().any(exists))
    }
}

impl Drop for NewUsers {
    fn drop(&mut self) {
        let remove = |tool: &str, name: &str| drop(Command::new(tool).arg(name).stderr(Stdio::null()).status());
        if self.0 {
            for name in USERS {
                remove("userdel", name);
                remove("groupdel", name);
            }
            remove("groupdel", "stafett");
        }
    }
}

#[test]
fn the_quickstart_works_for_root() {
    if !is_root() {
        return skip("the_quickstart_works_for_root", "needs root");
    }
    let _users = NewUsers::watch();
    runs(false, "runit");
}
