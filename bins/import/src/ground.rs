//! The two ends: the qmail that is left, and the instance that is come to; and writing into the latter.
//!
//! Security stance: a file of the instance is written whole under another name first; what the admin has there already is never
//! written over unless that is asked for. Nothing is read or written through a symbolic link in the instance: alias/ is not
//! root's. What others may not read is not shown. How it fails: a sentence. Known limits: a group of editors that control/ has
//! does not become the group of new files.

use crate::report::{Mark, Report};
use rustix::fs::{Mode, OFlags};
use rustix::io::Errno;
use stafett_control::Control;
use stafett_instance::people::{Group, People, Role};
use stafett_site::Plan;
use std::collections::BTreeSet;
use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::os::unix::fs::{OpenOptionsExt, PermissionsExt, fchown};
use std::path::{Path, PathBuf};

/// Where qmail lives unless it was built otherwise; its scripts name this.
pub const HOME: &str = "/var/qmail";

/// Both ends of the move.
#[derive(Debug)]
pub struct Ground {
    /// The home of qmail.
    pub qmail: PathBuf,
    /// The instance.
    pub root: PathBuf,
    /// What it is like; `None` where it is still to be made, which only showing allows.
    pub plan: Option<Plan>,
    people: People,
    apply: bool,
    force: bool,
    /// Options that stafett-setup is to be given.
    pub wanted: Wanted,
}

/// What the instance must be made with.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Optional services.
    pub services: BTreeSet<&'static str>,
    /// The port for mail.
    pub port: Option<u16>,
    /// The port for submission with STARTTLS.
    pub submission: Option<u16>,
    /// The port for submission under TLS from the start.
    pub submissions: Option<u16>,
}

/// A file for the instance.
#[derive(Clone, Copy, Debug)]
pub struct Fresh<'a> {
    /// Its path below the instance.
    pub path: &'a str,
    /// Its content.
    pub bytes: &'a [u8],
    /// Whose it is.
    pub owner: Role,
    /// Its mode.
    pub mode: u32,
    /// What is said about how it came to be; may be empty.
    pub how: &'a str,
}

impl<'a> Fresh<'a> {
    /// A file that everybody may read.
    pub fn open(path: &'a str, bytes: &'a [u8], how: &'a str) -> Fresh<'a> {
        Fresh { path, bytes, owner: Role::Root, mode: 0o644, how }
    }
}

impl Ground {
    /// Looks at both.
    ///
    /// # Errors
    /// When qmail is not there, or the instance cannot be used.
    pub fn new(qmail: &Path, directory: &Path, apply: bool, force: bool) -> Result<Ground, String> {
        if !qmail.join("control").is_dir() {
            return Err(format!("{} is no home of qmail: it has no directory control", qmail.display()));
        }
        let root = stafett_site::plan::absolute(directory).map_err(|failure| failure.text)?;
        let plan = match Plan::of_existing(&root) {
            Ok(plan) => Some(plan),
            Err(_) if !apply && !root.join("control").exists() => None,
            Err(failure) => return Err(failure.text),
        };
        let people = match plan.as_ref().map(Plan::people) {
            None => People::single(stafett_sys::user::Uid::effective(), stafett_sys::user::Gid::effective()),
            Some(Ok(Ok(people))) => people,
            Some(Ok(Err(missing))) => return Err(format!("users of the instance are missing: {}; run stafett-setup", missing.join(", "))),
            Some(Err(failure)) => return Err(failure.text),
        };
        Ok(Ground { qmail: qmail.to_owned(), root, plan, people, apply, force, wanted: Wanted::default() })
    }

    /// The control files of qmail.
    pub fn theirs(&self) -> Control {
        Control::new(self.qmail.join("control"))
    }

    /// The control files of the instance.
    pub fn ours(&self) -> Control {
        Control::new(self.root.join("control"))
    }

    /// A path in a script, found in the qmail at hand: scripts name /var/qmail also in a copy of it.
    pub fn path_in_script(&self, named: &str) -> PathBuf {
        match Path::new(named).strip_prefix(HOME) {
            Ok(below) => self.qmail.join(below),
            Err(_) => PathBuf::from(named),
        }
    }

    /// Whether the instance has a service.
    pub fn has_service(&self, name: &str) -> bool {
        self.plan.as_ref().is_some_and(|plan| plan.settings.with.contains(name))
    }

    /// Asks for a service unless the instance has it.
    pub fn want(&mut self, name: &'static str) {
        if !self.has_service(name) {
            self.wanted.services.insert(name);
        }
    }

    /// The numbers of a role's user.
    pub fn ids(&self, role: Role) -> (u32, u32) {
        let (uid, gid) = self.people.ids(role, Group::Own);
        (uid.0, gid.0)
    }

    /// Puts a file into the instance unless another one lies there.
    ///
    /// # Errors
    /// When it cannot be read or written.
    pub fn put(&self, fresh: Fresh<'_>, report: &mut Report) -> Result<(), String> {
        self.put_over(fresh, &[], report)
    }

    /// As [`Ground::put`]; `first` is what an instance begins with, which nobody has written by hand.
    ///
    /// # Errors
    /// As [`Ground::put`].
    pub fn put_over(&self, fresh: Fresh<'_>, first: &[u8], report: &mut Report) -> Result<(), String> {
        let path = self.root.join(fresh.path);
        let failed = |error: io::Error| format!("unable to write {}: {error}", path.display());
        match existing(&path) {
            Ok(None) => {
                report.say(Mark::Left, fresh.path, "in the instance this is a symbolic link or no file; remove it and run this again");
                return Ok(());
            }
            Ok(Some(found)) if found == fresh.bytes => {
                report.say(Mark::Have, fresh.path, "");
                return Ok(());
            }
            Ok(Some(found)) if found == first && !first.is_empty() => {}
            Ok(_) if self.force => report.say(Mark::Note, fresh.path, "differs in the instance and is written over"),
            Ok(Some(found)) => {
                let is_secret = fresh.mode & 0o044 == 0;
                let how = if is_secret { "what differs is secret".to_owned() } else { difference(&found, fresh.bytes) };
                let text = format!("the instance has another one; {how}; --force writes over it");
                report.say(Mark::Left, fresh.path, text);
                return Ok(());
            }
            Err(error) if matches!(error.kind(), ErrorKind::NotFound | ErrorKind::NotADirectory) => {}
            Err(error) => return Err(failed(error)),
        }
        if self.apply {
            self.write(&path, fresh).map_err(failed)?;
        }
        report.say(Mark::Take, fresh.path, fresh.how);
        Ok(())
    }

    fn write(&self, path: &Path, fresh: Fresh<'_>) -> io::Result<()> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let temporary = path.with_file_name(format!(".{name}.importing"));
        match fs::remove_file(&temporary) {
            Err(error) if error.kind() != ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(&temporary)?;
        file.write_all(fresh.bytes)?;
        let (uid, gid) = self.ids(fresh.owner);
        // By the descriptor: who owns the directory may have put a link under that name since.
        fchown(&file, Some(uid), Some(gid))?;
        file.set_permissions(fs::Permissions::from_mode(fresh.mode))?;
        file.sync_all()?;
        fs::rename(&temporary, path)?;
        File::open(path.parent().unwrap_or(Path::new("/")))?.sync_all()
    }

    /// Whether things are done and not only shown.
    pub fn applies(&self) -> bool {
        self.apply
    }
}

/// What a file of the instance holds; `None` for what is no file. Who owns the directory may put anything there.
fn existing(path: &Path) -> io::Result<Option<Vec<u8>>> {
    let opened = match rustix::fs::open(path, OFlags::RDONLY | OFlags::CLOEXEC | OFlags::NOFOLLOW | OFlags::NONBLOCK, Mode::empty()) {
        Err(Errno::LOOP | Errno::NXIO) => return Ok(None),
        opened => File::from(opened?),
    };
    if !opened.metadata()?.is_file() {
        return Ok(None);
    }
    let mut bytes = Vec::new();
    (&opened).read_to_end(&mut bytes)?;
    Ok(Some(bytes))
}

/// The first line in which two files differ, in words.
fn difference(ours: &[u8], theirs: &[u8]) -> String {
    let (Ok(ours), Ok(theirs)) = (std::str::from_utf8(ours), std::str::from_utf8(theirs)) else {
        return "their bytes differ".to_owned();
    };
    let (mut left, mut right) = (ours.lines(), theirs.lines());
    for number in 1_usize.. {
        match (left.next(), right.next()) {
            (None, None) => break,
            (ours, theirs) if ours == theirs => {}
            (ours, theirs) => {
                let show = |line: Option<&str>| line.map_or("nothing".to_owned(), |line| format!("\"{line}\""));
                return format!("its line {number} is {}, qmail's is {}", show(ours), show(theirs));
            }
        }
    }
    "they differ in blank space".to_owned()
}

#[cfg(test)]
#[path = "ground_test.rs"]
mod ground_test;
