//! The file-system sandbox: after [`Sandbox::enforce`] a process reaches only the files it named.
//!
//! landlock(7) with the best rules the running kernel knows, together with no_new_privs. A kernel
//! without landlock is not an error: the answer says so and the program logs it. Paths that do
//! not exist are left out, because nothing can be reached there either.
//! Known limits: connecting to a Unix socket is not restricted by the kernels of today; the
//! modes of run/ and the check of the caller's user are what guard those.

use crate::privilege::{Dropped, no_new_privileges};
use landlock::{
    ABI, Access, AccessFs, BitFlags, CompatLevel, Compatible, PathBeneath, PathFd, Ruleset, RulesetAttr, RulesetCreated,
    RulesetCreatedAttr, RulesetStatus,
};
use std::io;
use std::path::{Path, PathBuf};

/// The rules' newest kernel interface that we know; older kernels enforce what they can.
const NEWEST: ABI = ABI::V5;

/// The files that a process will still need.
#[derive(Debug, Default)]
pub struct Sandbox {
    rules: Vec<(PathBuf, Need)>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Need {
    Read,
    Execute,
    Write,
}

/// How much of the sandbox the kernel enforces.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Enforced {
    /// All of it.
    Fully,
    /// Some rules are unknown to this kernel.
    Partly,
    /// The kernel has no landlock, or it is switched off.
    Not,
}

/// Whether the running kernel knows landlock. Nothing is changed by asking.
pub fn is_known_to_the_kernel() -> bool {
    let strict = Ruleset::default().set_compatibility(CompatLevel::HardRequirement);
    strict.handle_access(AccessFs::ReadFile).and_then(Ruleset::create).is_ok()
}

impl Sandbox {
    /// Nothing can be reached.
    pub fn new() -> Sandbox {
        Sandbox::default()
    }

    /// What is at and below `path` can be read.
    #[must_use]
    pub fn read(self, path: impl AsRef<Path>) -> Sandbox {
        self.with(path, Need::Read)
    }

    /// What is at and below `path` can be read and executed.
    #[must_use]
    pub fn execute(self, path: impl AsRef<Path>) -> Sandbox {
        self.with(path, Need::Execute)
    }

    /// What is at and below `path` can be read, written, made, renamed and removed.
    #[must_use]
    pub fn write(self, path: impl AsRef<Path>) -> Sandbox {
        self.with(path, Need::Write)
    }

    /// Locks the process and all its children in, for good.
    ///
    /// # Errors
    /// When no_new_privs or the rules cannot be set although the kernel knows them.
    pub fn enforce(self, _proof: Dropped) -> io::Result<Enforced> {
        no_new_privileges()?;
        let handled = AccessFs::from_all(NEWEST) & !BitFlags::from(AccessFs::IoctlDev);
        let mut set = Ruleset::default().handle_access(handled).and_then(Ruleset::create).map_err(io::Error::other)?;
        for (path, need) in &self.rules {
            set = add(set, path, *need)?;
        }
        let status = set.restrict_self().map_err(io::Error::other)?;
        Ok(match status.ruleset {
            RulesetStatus::FullyEnforced => Enforced::Fully,
            RulesetStatus::PartiallyEnforced => Enforced::Partly,
            RulesetStatus::NotEnforced => Enforced::Not,
        })
    }

    fn with(mut self, path: impl AsRef<Path>, need: Need) -> Sandbox {
        self.rules.push((path.as_ref().to_path_buf(), need));
        self
    }
}

fn add(set: RulesetCreated, path: &Path, need: Need) -> io::Result<RulesetCreated> {
    let Ok(opened) = PathFd::new(path) else { return Ok(set) };
    let rights: BitFlags<AccessFs> = match need {
        Need::Read => AccessFs::ReadFile | AccessFs::ReadDir,
        Need::Execute => AccessFs::ReadFile | AccessFs::ReadDir | AccessFs::Execute,
        Need::Write => AccessFs::from_all(NEWEST) & !(AccessFs::Execute | AccessFs::IoctlDev | AccessFs::MakeBlock | AccessFs::MakeChar),
    };
    let fitting = if path.is_dir() { rights } else { rights & AccessFs::from_file(NEWEST) };
    set.add_rule(PathBeneath::new(opened, fitting)).map_err(io::Error::other)
}
