//! Aliases that no mail reaches, because what they are called belongs to a user: users go before aliases.
//!
//! Known limits: names with a host are not looked at, nor is a table that the instance does not deliver by.

use crate::LOG;
use stafett_alias_table::Instruction;
use stafett_control::{Control, rows};
use stafett_instance::Instance;
use stafett_local_users::{ALIAS, Breaks, Owner, Users};
use stafett_log::Failure;
use std::collections::HashSet;
use std::path::{Path, PathBuf};

/// Says which names are users', once for each name.
#[derive(Debug)]
pub struct Shadowed {
    /// `None` where nothing is delivered by aliases, or the users cannot be asked.
    users: Option<Users>,
    alias: PathBuf,
    told: HashSet<String>,
}

impl Shadowed {
    /// For the aliases of this instance.
    ///
    /// # Errors
    /// When control/breakchar cannot be read.
    pub fn new(instance: &Instance, control: &Control) -> Result<Shadowed, Failure> {
        let lines = control.list(&rows::BREAKCHAR).map_err(Failure::lasting)?.unwrap_or_default();
        let breaks = Breaks::new(lines.first().map_or("", |item| item.value.as_str()));
        let alias = instance.root().join(ALIAS);
        let users = alias.is_dir().then(|| Users::new(instance.root(), breaks));
        Ok(Shadowed { users, alias, told: HashSet::new() })
    }

    /// Warns of the names of `file`.
    pub fn warn(&mut self, file: &Path, instructions: &[Instruction]) {
        for instruction in instructions {
            let (Some(users), Some(name)) = (&self.users, instruction.name.strip_suffix('@')) else { continue };
            match users.find(name) {
                Ok(Some(owner)) if owner.home != self.alias => {
                    if self.told.insert(name.to_owned()) {
                        LOG.warning(format_args!("{}:{}: {}", file.display(), instruction.line, told(name, &owner)));
                    }
                }
                Err(trouble) if trouble.is_general => {
                    LOG.warning(format_args!("unable to tell which of the aliases are called like users: {trouble}"));
                    self.users = None;
                }
                // A single one that cannot be looked at says nothing of the others.
                Ok(_) | Err(_) => {}
            }
        }
    }
}

fn told(name: &str, owner: &Owner) -> String {
    let Owner { user, home, dash, ext, .. } = owner;
    let file = home.join(format!(".qmail{dash}{}", ext.replace('.', ":")));
    format!(
        "\"{name}\" belongs to the user {user}, whose mail never comes to an alias; \
         write what shall become of it into {} (dot-qmail(5)), or give the name to alias in users/assign (stafett-users(8))",
        file.display()
    )
}
