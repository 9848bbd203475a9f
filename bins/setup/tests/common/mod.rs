//! Ground for instances: a directory of its own, with dummy programs, as root or as nobody.

use stafett_instance::people::IDENTITIES;
use stafett_site::programs;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};

/// The prefix of the users that this run of the tests makes; they go when the last ground goes.
pub static PREFIX: LazyLock<String> = LazyLock::new(|| format!("stsetup{}", std::process::id()));

/// The user database has one lock; makers of users wait for each other here.
static USERS: Mutex<usize> = Mutex::new(0);

/// What a run of stafett-setup gave.
#[derive(Debug)]
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// Where a test makes its instance.
pub struct Ground {
    pub root: PathBuf,
    pub bin: PathBuf,
    pub is_root: bool,
    place: tempfile::TempDir,
    drop_power: bool,
}

impl Ground {
    /// One for the user who runs the tests, and where that is root one for an ordinary user too.
    pub fn all() -> Vec<Ground> {
        let root = fs::metadata("/proc/self").is_ok_and(|own| std::os::unix::fs::MetadataExt::uid(&own) == 0);
        if root { vec![Ground::new(true, false), Ground::new(false, true)] } else { vec![Ground::new(false, false)] }
    }

    fn new(is_root: bool, drop_power: bool) -> Ground {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        if drop_power {
            std::os::unix::fs::chown(place.path(), Some(65534), Some(65534)).unwrap();
        }
        let own = place.path().join("stafett-setup");
        // By a process of its own: what another test's thread forks would hold a file that is written here, and it could not be run.
        assert!(Command::new("install").args(["-m", "755"]).arg(env!("CARGO_BIN_EXE_stafett-setup")).arg(&own).status().unwrap().success());
        if is_root {
            *USERS.lock().unwrap() += 1;
        }
        let mut ground = Ground { root: place.path().join("relay"), bin: PathBuf::new(), is_root, place, drop_power };
        ground.bin = ground.programs("programs");
        ground
    }

    /// A directory with dummies of all programs.
    pub fn programs(&self, name: &str) -> PathBuf {
        let directory = self.place.path().join(name);
        fs::create_dir(&directory).unwrap();
        for program in programs::names() {
            fs::write(directory.join(program), "#!/bin/sh\nexit 0\n").unwrap();
            fs::set_permissions(directory.join(program), fs::Permissions::from_mode(0o755)).unwrap();
        }
        directory
    }

    /// Makes the instance without ado.
    pub fn make(&self) {
        let made = self.setup(&["--me", "relay.example", "--port", "2525"]);
        assert_eq!(made.code, 0, "{made:?}");
    }

    /// Runs stafett-setup on the instance.
    pub fn setup(&self, arguments: &[&str]) -> Answer {
        self.setup_at(&self.root, arguments)
    }

    /// Runs stafett-setup on a directory that is not there yet or not an instance: names programs
    /// and users where the arguments do not and the instance has no memory of its own.
    pub fn setup_at(&self, directory: &Path, arguments: &[&str]) -> Answer {
        let mut command = self.command();
        command.arg(directory).args(arguments);
        let remembers = directory.join("setup").exists();
        if !remembers && !arguments.contains(&"--bin") {
            command.arg("--bin").arg(&self.bin);
        }
        if !remembers && self.is_root {
            command.args(["--user-prefix", &PREFIX]);
        }
        let _one_at_a_time = USERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        let done = command.stdin(Stdio::null()).output().unwrap();
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
        Answer { code: done.status.code().unwrap_or(-1), out: text(done.stdout), err: text(done.stderr) }
    }

    /// Writes a file as the owner of the instance would.
    pub fn write(&self, path: &Path, content: &str) {
        fs::write(path, content).unwrap();
        if self.drop_power {
            std::os::unix::fs::chown(path, Some(65534), Some(65534)).unwrap();
        }
    }

    fn command(&self) -> Command {
        let own = self.place.path().join("stafett-setup");
        if !self.drop_power {
            return Command::new(own);
        }
        let mut command = Command::new("setpriv");
        command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(own);
        command
    }
}

impl Drop for Ground {
    fn drop(&mut self) {
        if !self.is_root {
            return;
        }
        let mut users = USERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *users -= 1;
        if *users == 0 {
            let quietly = |program: &str, name: &str| {
                let _ = Command::new(program).arg(name).stdout(Stdio::null()).stderr(Stdio::null()).status();
            };
            for user in IDENTITIES.iter().map(|identity| identity.role.user(&PREFIX)) {
                quietly("userdel", &user);
                quietly("groupdel", &user);
            }
            quietly("groupdel", &PREFIX);
        }
    }
}
