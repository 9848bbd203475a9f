//! Instances to judge, made from the same tables by which they are judged.

use stafett_instance::land::Land;
use stafett_instance::people::{IDENTITIES, People, Role};
use stafett_instance::tree;
use stafett_site::settings::{Settings, Users};
use stafett_site::{Plan, programs, scripts};
use stafett_sys::user::{Gid, Uid};
use std::fs;
use std::net::TcpListener;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{LazyLock, Mutex};
use std::time::Duration;

/// The prefix of the users that this run of the tests makes; they go when the last ground goes.
static PREFIX: LazyLock<String> = LazyLock::new(|| format!("stcheck{}", std::process::id()));
pub const NOBODY: u32 = 65_534;

/// How many grounds need the users.
static USERS: Mutex<usize> = Mutex::new(0);

fn roles() -> Vec<Role> {
    IDENTITIES.iter().map(|identity| identity.role).collect()
}

/// What a run gave.
#[derive(Debug, PartialEq, Eq)]
pub struct Answer {
    pub code: i32,
    pub out: String,
    pub err: String,
}

/// An instance about which there is nothing to say.
pub struct Ground {
    pub root: PathBuf,
    pub bin: PathBuf,
    pub port: u16,
    pub is_root: bool,
    /// Removed when the ground goes.
    _place: tempfile::TempDir,
}

pub fn runs_as_root() -> bool {
    fs::metadata("/proc/self").unwrap().uid() == 0
}

impl Ground {
    /// One for the user who runs the tests, and where that is root one for an ordinary user too.
    pub fn all() -> Vec<Ground> {
        Ground::all_with(&[])
    }

    /// As [`Ground::all`], with optional services.
    pub fn all_with(services: &[&str]) -> Vec<Ground> {
        let users: &[bool] = if runs_as_root() { &[true, false] } else { &[false] };
        users.iter().map(|is_root| Ground::with(*is_root, services)).collect()
    }

    pub fn new(is_root: bool) -> Ground {
        Ground::with(is_root, &[])
    }

    pub fn with(is_root: bool, services: &[&str]) -> Ground {
        let place = tempfile::tempdir().unwrap();
        fs::set_permissions(place.path(), fs::Permissions::from_mode(0o755)).unwrap();
        let (root, bin) = (place.path().join("relay"), place.path().join("bin"));
        fs::create_dir(&root).unwrap();
        fs::create_dir(&bin).unwrap();
        for name in programs::names() {
            fs::write(bin.join(name), "#!/bin/sh\nexit 0\n").unwrap();
        }
        // By a process of its own: what another test's thread forks would hold a file that is written here, and it could not be run.
        let copied =
            Command::new("install").args(["-m", "755"]).arg(env!("CARGO_BIN_EXE_stafett-check")).arg(bin.join("stafett-check")).status();
        assert!(copied.unwrap().success());
        for name in programs::names() {
            fs::set_permissions(bin.join(name), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let ground = Ground { root, bin, port, is_root, _place: place };
        ground.lay_out(services);
        ground
    }

    fn lay_out(&self, services: &[&str]) {
        let users = if self.is_root { Users::Separate(PREFIX.clone()) } else { Users::Single };
        let mut settings = Settings::new(users, self.bin.clone());
        (settings.port, settings.addresses) = (self.port, vec!["127.0.0.1".to_owned()]);
        settings.with.extend(services.iter().map(|service| (*service).to_owned()));
        let plan = Plan { root: self.root.clone(), settings: settings.clone(), before: None };
        let people = self.people();
        let land = Land::open(&self.root).unwrap();
        for place in plan.directories() {
            land.mend(&place, &people).unwrap();
        }
        for file in scripts::all(&plan) {
            fs::write(self.root.join(&file.path), &file.text).unwrap();
            land.mend(&tree::file(&file.path, file.executable), &people).unwrap();
        }
        fs::write(self.root.join("setup"), settings.text()).unwrap();
        land.mend(&tree::file("setup", false), &people).unwrap();
        for (name, content) in [
            ("me", "relay.example.org\n"),
            ("rcpthosts", "example.org\n.example.org\n"),
            ("smtproutes", "example.org:mail.example.net\n"),
            ("doublebouncehost", "example.org\n"),
        ] {
            self.control(name, content);
        }
        self.rules("192.0.2.0/24:allow,RELAYCLIENT=\"\"\n:allow\n");
    }

    fn people(&self) -> People {
        if !self.is_root {
            let uid = if runs_as_root() { (Uid(NOBODY), Gid(NOBODY)) } else { (Uid::effective(), Gid::effective()) };
            return People::single(uid.0, uid.1);
        }
        let mut users = USERS.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
        *users += 1;
        if let Ok(Ok(people)) = People::separate(&PREFIX, &roles()) {
            return people;
        }
        patiently("groupadd", &["--system", &PREFIX]);
        for role in roles() {
            let (user, group) = (role.user(&PREFIX), role.group(&PREFIX));
            patiently("groupadd", &["--system", &group]);
            let nowhere = ["--no-create-home", "--home-dir", "/nonexistent", "--shell", "/bin/false"];
            patiently("useradd", &[&["--system", "--gid", &group][..], &nowhere, &[&user]].concat());
        }
        People::separate(&PREFIX, &roles()).unwrap().expect("the users were made")
    }

    /// Writes a control file as the owner of the instance would.
    pub fn control(&self, name: &str, content: impl AsRef<[u8]>) {
        self.write(&format!("control/{name}"), content);
        let reader = match name {
            "smtpauth" => Some("run/remote"),
            // the ground has no such services
            "limitstore" | "srssecrets" => Some("control"),
            _ => None,
        };
        if let Some(reader) = reader {
            let path = self.root.join("control").join(name);
            fs::set_permissions(&path, fs::Permissions::from_mode(0o400)).unwrap();
            let owner = fs::metadata(self.root.join(reader)).unwrap();
            chown(&path, Some(owner.uid()), Some(owner.gid())).unwrap();
        }
    }

    /// Writes a file as the owner of the instance would.
    pub fn write(&self, path: &str, content: impl AsRef<[u8]>) {
        let path = self.root.join(path);
        fs::write(&path, content).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o644)).unwrap();
        if !self.is_root && runs_as_root() {
            chown(&path, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }

    /// Writes rules and compiles them.
    pub fn rules(&self, text: &str) {
        self.control("tcp.smtp", text);
        let rules = stafett_ucspi::parse(text.as_bytes()).unwrap();
        let control = self.root.join("control");
        stafett_ucspi::write(&rules, &control.join("tcp.smtp.cdb"), &control.join("tcp.smtp.cdb.new")).unwrap();
        let compiled = fs::read(control.join("tcp.smtp.cdb")).unwrap();
        self.control("tcp.smtp.cdb", compiled);
    }

    pub fn remove(&self, path: &str) {
        fs::remove_file(self.root.join(path)).unwrap();
    }

    /// Runs the checker on the instance as its owner.
    pub fn check(&self, arguments: &[&str]) -> Answer {
        let mut command = self.command(&self.bin.join("stafett-check"));
        command.arg(&self.root).args(arguments);
        answer(command)
    }

    /// A command as the owner of the instance.
    pub fn command(&self, program: &Path) -> Command {
        if self.is_root || !runs_as_root() {
            return Command::new(program);
        }
        as_nobody(program)
    }

    /// With these files (and with what is `None` removed) the checker says exactly this.
    pub fn says(&self, files: &[(&str, Option<&str>)], code: i32, out: &str) {
        let kept: Vec<_> = files.iter().map(|(name, _)| fs::read(self.root.join("control").join(name)).ok()).collect();
        for (name, content) in files {
            match content {
                Some(content) => self.control(name, content),
                None => self.remove(&format!("control/{name}")),
            }
        }
        let answer = self.check(&[]);
        assert_eq!((answer.code, answer.out.as_str(), answer.err.as_str()), (code, out, ""), "{files:?}");
        for ((name, _), kept) in files.iter().zip(kept) {
            match kept {
                Some(kept) => self.control(name, kept),
                None => self.remove(&format!("control/{name}")),
            }
        }
        let rules = fs::read_to_string(self.root.join("control/tcp.smtp")).unwrap();
        self.rules(&rules);
    }
}

pub fn as_nobody(program: &Path) -> Command {
    let mut command = Command::new("setpriv");
    command.args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program);
    command
}

pub fn answer(mut command: Command) -> Answer {
    let done = command.stdin(Stdio::null()).output().unwrap();
    let text = |bytes: Vec<u8>| String::from_utf8(bytes).unwrap();
    Answer { code: done.status.code().unwrap_or(-1), out: text(done.stdout), err: text(done.stderr) }
}

/// The user database has one lock, which tests of other programs take too.
fn patiently(program: &str, arguments: &[&str]) {
    for _ in 0..50 {
        let done = Command::new(program).args(arguments).stdout(Stdio::null()).stderr(Stdio::null()).status().unwrap();
        // 9: it exists already; 6: it is gone already (useradd(8), userdel(8)).
        if done.success() || matches!(done.code(), Some(6 | 9)) {
            return;
        }
        std::thread::sleep(Duration::from_millis(200));
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
            for role in roles() {
                patiently("userdel", &[&role.user(&PREFIX)]);
                patiently("groupdel", &[&role.user(&PREFIX)]);
            }
            patiently("groupdel", &[&PREFIX]);
        }
    }
}
