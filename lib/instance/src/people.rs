//! The users of an instance: one per program, or one for all of them.

use stafett_sys::user::{Account, Gid, Uid, group_by_name};
use std::io;

/// Whom something belongs to or runs as.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// The admin: root, or the ordinary user who made the instance; and local, which becomes each recipient.
    Root,
    /// tcpserver once it is bound, and smtpd.
    Smtpd,
    /// queued and send.
    Queue,
    /// remote and callout.
    Remote,
    /// The writers of the logs.
    Log,
    /// metrics.
    Metrics,
    /// verify.
    Verify,
    /// limit.
    Limit,
    /// tls.
    Tls,
    /// tlskeys: the owner of the private keys.
    TlsKeys,
    /// milter.
    Milter,
    /// dkim: the owner of the keys that sign mail.
    Dkim,
    /// auth.
    Auth,
    /// mtasts.
    MtaSts,
    /// tlsrpt.
    TlsRpt,
    /// The owner of alias/: local deliveries that belong to no user.
    Alias,
}

/// The group of a place or of a user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Group {
    /// The group of its owner; of a user, the one with the user's name.
    Own,
    /// The group of the admins, who may read queue and logs.
    Common,
    /// The group of another role, which may pass through.
    Of(Role),
}

/// A role that has a user of its own.
#[derive(Clone, Copy, Debug)]
pub struct Identity {
    /// The role.
    pub role: Role,
    /// The letter behind the prefix in the user's name.
    pub letter: char,
    /// The user's group. It is the only one that its programs have: setuidgid(8) and chpst(8) give no other.
    pub group: Group,
    /// What runs as this user, in words.
    pub purpose: &'static str,
}

/// The prefix of the users' names where nothing else was asked for.
pub const DEFAULT_PREFIX: &str = "stafett";

/// Every role with a user of its own. An instance makes those that its services run as
/// ([`roles`](crate::tree::roles)).
pub const IDENTITIES: &[Identity] = &[
    Identity { role: Role::Smtpd, letter: 'd', group: Group::Own, purpose: "tcpserver, smtpd" },
    Identity { role: Role::Queue, letter: 'q', group: Group::Own, purpose: "queued, send" },
    Identity { role: Role::Remote, letter: 'r', group: Group::Own, purpose: "remote, callout" },
    Identity { role: Role::Log, letter: 'l', group: Group::Own, purpose: "logs" },
    Identity { role: Role::Tls, letter: 't', group: Group::Own, purpose: "tls" },
    Identity { role: Role::TlsKeys, letter: 'k', group: Group::Own, purpose: "tlskeys" },
    Identity { role: Role::Metrics, letter: 'x', group: Group::Common, purpose: "metrics" },
    Identity { role: Role::Verify, letter: 'v', group: Group::Own, purpose: "verify" },
    Identity { role: Role::Limit, letter: 'm', group: Group::Own, purpose: "limit" },
    Identity { role: Role::Milter, letter: 'f', group: Group::Own, purpose: "milter" },
    Identity { role: Role::Dkim, letter: 'g', group: Group::Own, purpose: "dkim" },
    Identity { role: Role::Auth, letter: 'a', group: Group::Own, purpose: "auth" },
    Identity { role: Role::MtaSts, letter: 'h', group: Group::Own, purpose: "mtasts" },
    Identity { role: Role::TlsRpt, letter: 'j', group: Group::Own, purpose: "tlsrpt" },
    Identity { role: Role::Alias, letter: 'i', group: Group::Own, purpose: "deliveries of alias/" },
];

impl Role {
    /// Its row; `None` for root.
    pub fn identity(self) -> Option<&'static Identity> {
        IDENTITIES.iter().find(|identity| identity.role == self)
    }

    /// The name of its user.
    pub fn user(self, prefix: &str) -> String {
        self.identity().map_or_else(|| "root".to_owned(), |identity| format!("{prefix}{}", identity.letter))
    }

    /// The name of its user's group.
    pub fn group(self, prefix: &str) -> String {
        match self.identity().map(|identity| identity.group) {
            Some(Group::Common) => prefix.to_owned(),
            Some(Group::Of(other)) if other != self => other.group(prefix),
            _ => self.user(prefix),
        }
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

    /// A user for each of these roles, by the names that `prefix` makes; the names of users and groups that
    /// are not there as the inner error.
    ///
    /// # Errors
    /// When the user database cannot be asked.
    pub fn separate(prefix: &str, wanted: &[Role]) -> io::Result<Result<People, Vec<String>>> {
        let mut missing = Vec::new();
        let mut roles = Vec::new();
        for &role in wanted {
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
        let mut seen: Vec<Uid> = self.roles.iter().map(|&(_, uid, _)| uid).collect();
        seen.sort();
        if seen.first().is_some_and(|uid| uid.is_root()) {
            return Some("a user of the instance has the number of root; choose another --user-prefix".to_owned());
        }
        if seen.windows(2).any(|pair| pair.first() == pair.last()) {
            return Some("two users of the instance have the same number, so their programs could harm each other".to_owned());
        }
        self.roles.iter().find_map(|&(role, _, gid)| self.outsider(role, gid))
    }

    /// A role whose programs need the common group and would not have it, in words.
    fn outsider(&self, role: Role, gid: Gid) -> Option<String> {
        let identity = role.identity().filter(|identity| identity.group == Group::Common && gid != self.common)?;
        let letter = identity.letter;
        Some(format!(
            "the user of {} (letter {letter}) is not in the common group of the instance; remove that user and run stafett-setup",
            identity.purpose
        ))
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
