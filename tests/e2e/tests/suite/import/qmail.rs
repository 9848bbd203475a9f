//! The home of a qmail, as it was left.

use super::instance::scratch_in_memory;
use stafett_test_e2e::{Site, program};
use std::fs::{self, File};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::{Duration, SystemTime};

/// How long ago the last message was injected.
const AGE: Duration = Duration::from_secs(3600);

/// A home of qmail, in a directory of its own.
pub struct Qmail {
    place: tempfile::TempDir,
    injected: SystemTime,
}

impl Qmail {
    /// As it was left; `port` is where the hosts of its routes are.
    pub fn new(port: u16) -> Qmail {
        let qmail = Qmail { place: scratch_in_memory(), injected: SystemTime::now() - AGE };
        copy(&source(), &qmail.home());
        fs::remove_file(qmail.path("README")).unwrap();
        fs::remove_file(qmail.path("queue")).unwrap();
        let routes = fs::read_to_string(qmail.path("control/smtproutes")).unwrap();
        let routes = routes.replace(":2525\n", &format!(":{port}\n")).replace(":2526\n", &format!(":{port}\n"));
        fs::write(qmail.path("control/smtproutes"), routes).unwrap();
        symlink("/etc/hostname", qmail.path("alias/.qmail-outside")).unwrap();
        symlink(".qmail-root", qmail.path("alias/.qmail-abuse")).unwrap();
        let hosts = File::open(qmail.path("control/morercpthosts")).unwrap();
        let mut compile = Command::new(program("stafett-tcprules"));
        compile.arg("--hosts").arg(qmail.path("control/morercpthosts.cdb")).arg(qmail.path("control/tmp"));
        assert!(compile.stdin(hosts).status().unwrap().success());
        qmail.fill_queue();
        qmail
    }

    pub fn home(&self) -> PathBuf {
        self.place.path().join("qmail")
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    /// Puts the queue back to what it was.
    pub fn fill_queue(&self) {
        let _ = fs::remove_dir_all(self.path("queue"));
        for part in ["lock", "mess", "info", "local", "remote", "todo", "intd", "bounce"] {
            fs::create_dir_all(self.path("queue").join(part)).unwrap();
        }
        File::create(self.path("queue/lock/sendmutex")).unwrap();
        for line in fs::read_to_string(source().join("queue")).unwrap().lines() {
            let fields: Vec<&str> = line.splitn(5, ' ').collect();
            let [name, age, _owner, mode, text] = fields[..] else { panic!("{line}") };
            let path = self.path("queue").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, unescaped(text)).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(u32::from_str_radix(mode, 8).unwrap())).unwrap();
            let age: f64 = age.parse().unwrap();
            let time = if age < 0.0 { self.injected + Duration::from_secs_f64(-age) } else { self.injected - Duration::from_secs_f64(age) };
            File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        }
    }

    /// The command that imports it into an instance.
    pub fn import(&self, site: &Site, options: &[&str]) -> Command {
        let mut command = Command::new(program("stafett-import"));
        command.arg(self.home()).arg(site.root()).args(options).stdin(Stdio::null());
        command
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("qmail")
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), &target).unwrap()),
        }
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (_, Some(b'n')) => b'\n',
            (_, Some(b'r')) => b'\r',
            (_, Some(b'0')) => 0,
            (_, Some(b'x')) => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            (_, Some(other)) => other,
            (plain, None) => plain,
        });
    }
    bytes
}
