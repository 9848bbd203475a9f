//! With the real stafett-queued behind it.

use crate::common::{ENVELOPE, Site};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const NOBODY: u32 = 65534;

/// Built beside the program under test; `cargo test -p stafett-queue` alone does not make it.
fn queued() -> PathBuf {
    let path = Path::new(env!("CARGO_BIN_EXE_stafett-queue")).with_file_name("stafett-queued");
    if !path.exists() {
        let built = Command::new(env!("CARGO")).args(["build", "-q", "-p", "stafett-queued"]).status().unwrap();
        assert!(built.success());
    }
    path
}

struct Queued(Child);

impl Drop for Queued {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(site: &Site) -> Queued {
    let is_root = stafett_sys::user::Uid::effective().is_root();
    let root = site.root();
    fs::set_permissions(root, fs::Permissions::from_mode(0o755)).unwrap();
    for name in ["control", "queue", "queue/tmp", "queue/new", "queue/cur", "queue/hold", "queue/bad", "run/queue", "run/send", "run/smtpd"]
    {
        fs::create_dir_all(root.join(name)).unwrap();
        if is_root {
            chown(root.join(name), Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    fs::write(root.join("control/me"), "relay.example\n").unwrap();
    let program = root.join("stafett-queued");
    // By a process of its own: what another test's thread forks would hold a file that is written here, and it could not be run.
    assert!(Command::new("install").args(["-m", "755"]).arg(queued()).arg(&program).status().unwrap().success());
    let mut command = Command::new(if is_root { Path::new("setpriv") } else { &program });
    if is_root {
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]).arg(&program);
    }
    let child = command.env("STAFETT", root).stdin(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begin = Instant::now();
    while !site.socket().exists() {
        assert!(begin.elapsed() < Duration::from_secs(20));
        std::thread::sleep(Duration::from_millis(5));
    }
    Queued(child)
}

fn names(site: &Site) -> Vec<PathBuf> {
    fs::read_dir(site.root().join("queue/new")).unwrap().map(|file| file.unwrap().path()).collect()
}

#[test]
fn a_message_lies_in_the_queue_after_exit_0() {
    let site = Site::new();
    let _queued = start(&site);
    let ended = site.queue(b"Subject: x\n\nhello\n", ENVELOPE);
    assert_eq!(ended.code, 0, "{}", ended.stderr);
    let [path] = &names(&site)[..] else { panic!() };
    let file = String::from_utf8(fs::read(path).unwrap()).unwrap();
    assert!(file.starts_with("Subject: x\r\n\r\nhello\r\nstafett-queue 1\n"), "{file}");
    assert!(file.contains("\nfrom s@example.org\n") && file.contains("\nto a@example.net\nto b@example.net\n"), "{file}");
    let uid = stafett_sys::user::Uid::effective();
    assert!(file.contains(&format!("\norigin local\nuid {uid}\nhead Received: by relay.example (stafett-queue, uid {uid}) id ")), "{file}");
}

#[test]
fn what_is_refused_leaves_nothing() {
    let site = Site::new();
    let _queued = start(&site);
    assert_eq!(site.queue(b"x\n", b"Fs\0\0").code, 31, "an envelope without recipients");
    assert_eq!(site.queue(&b"x\n".repeat(100_000), b"Fs\0Ta\0").code, 54);
    assert_eq!(site.queue(&[&b"x\n".repeat(100_000)[..], b"\rx"].concat(), ENVELOPE).code, 31);
    let begin = Instant::now();
    while fs::read_dir(site.root().join("queue/tmp")).unwrap().count() > 0 {
        assert!(begin.elapsed() < Duration::from_secs(20));
    }
    assert!(names(&site).is_empty());
}
