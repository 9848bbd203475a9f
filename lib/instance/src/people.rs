//! The users of an instance: one per program, or one for all of them.

use stafett_sys::user::{Account, Gid, Uid, group_by_name};
use std::io;

/// Whom something belongs to or runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The admin: root, or the ordinary user who made the instance.
    Root,
    /// tcpserver once it is bound, and smtpd.
    Smtpd,
    /// queued and send.
    Queue,
    /// remote.
    Remote,
    /// The writers of the logs.
    Log,
}

/// The group of a place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The group of its owner.
    Own,
    /// The group of the admins, who may read queue and logs.
    Common,
    /// The group of another role, which may pass through.
    Of(Role),
}

/// The prefix of the users' names where nothing else was asked for.
pub const DEFAULT_PREFIX: &str = "stafett";

/// The roles that have a user and a group of their own.
pub const ROLES: &[Role] = &[Role::Smtpd, Role::Queue, Role::Remote, Role::Log];

impl Role {
    /// The letter behind the prefix in the user's name; `None` for root.
    pub fn letter(self) -> Option<char> {
        match self {
            Role::Root => None,
            Role::Smtpd => Some('d'),
            Role::Queue => Some('q'),
            Role::Remote => Some('r'),
            Role::Log => Some('l'),
        }
    }

    /// The name of its user and of that user's group.
    pub fn user(self, prefix: &str) -> String {
        self.letter().map_or_else(|| "root".to_owned(), |letter| format!("{prefix}{letter}"))
    }
}

/// The numbers behind the roles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct People {
    roles: Vec<(Role, Uid, Gid)>,
    root: (Uid, Gid),
    common: Gid,
}

impl People {
    /// One user for everything, as an ordinary user has it.
    pub fn single(uid: Uid, gid: Gid) -> People {
        People { roles: Vec::new(), root: (uid, gid), common: gid }
    }

    /// A user for each role, by the names that `prefix` makes; the names of users and groups that
    /// are not there as the inner error.
    ///
    /// # Errors
    /// When the user database cannot be asked.
    pub fn separate(prefix: &str) -> io::Result<Result<People, Vec<String>>> {
        let mut missing = Vec::new();
        let mut roles = Vec::new();
        for &role in ROLES {
            match Account::by_name(&role.user(prefix))? {
                Some(account) => roles.push((role, account.uid, account.gid)),
                None => missing.push(role.user(prefix)),
            }
        }
        let common = group_by_name(prefix)?;
        if common.is_none() {
            missing.push(format!("{prefix} (group)"));
        }
        match common {
            Some(common) if missing.is_empty() => Ok(Ok(People { roles, root: (Uid::ROOT, Gid(0)), common })),
            _ => Ok(Err(missing)),
        }
    }

    /// What is wrong with the numbers of the users, in words.
    pub fn fault(&self) -> Option<String> {
        if !self.are_separate() {
            return self
                .uid(Role::Root)
                .is_root()
                .then(|| "the instance belongs to root but its settings name one ordinary user; make it anew as root".to_owned());
        }
        let mut seen: Vec<Uid> = ROLES.iter().map(|role| self.uid(*role)).collect();
        seen.sort();
        if seen.first().is_some_and(|uid| uid.is_root()) {
            return Some("a user of the instance has the number of root; choose another --user-prefix".to_owned());
        }
        let equal = seen.windows(2).any(|pair| pair.first() == pair.last());
        equal.then(|| "two users of the instance have the same number, so their programs could harm each other".to_owned())
    }

    /// Whether each role has a user of its own.
    pub fn are_separate(&self) -> bool {
        !self.roles.is_empty()
    }

    /// The numbers of a place's owner and group.
    pub fn ids(&self, owner: Role, group: Group) -> (Uid, Gid) {
        let gid = match group {
            Group::Own => self.of(owner).1,
            Group::Common => self.common,
            Group::Of(role) => self.of(role).1,
        };
        (self.of(owner).0, gid)
    }

    /// The user of a role.
    pub fn uid(&self, role: Role) -> Uid {
        self.of(role).0
    }

    fn of(&self, role: Role) -> (Uid, Gid) {
        let found = self.roles.iter().find(|(known, ..)| *known == role);
        found.map_or(self.root, |&(_, uid, gid)| (uid, gid))
    }
}
