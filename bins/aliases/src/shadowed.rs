//! Aliases that no mail reaches, because what they are called belongs to a user: users go before aliases.
//!
//! How it fails: what cannot be told is said in a warning, when all tables are written; nothing else comes of it.
//! Known limits: names with a host are not looked at, nor is a table that the instance does not deliver by.

use crate::LOG;
use stafett_alias_table::Instruction;
use stafett_control::{Control, rows};
use stafett_instance::Instance;
use stafett_local_users::{ALIAS, Breaks, Owner, Trouble, Users};
use std::collections::HashSet;
use std::path::PathBuf;
use std::time::{Duration, Instant};

/// How long users are asked for in all. A source of them that is away can take many seconds for each name.
const PATIENCE: Duration = Duration::from_secs(10);

/// Says which names of these files of the instance are users', once for each name.
pub fn warn(instance: &Instance, files: &[(PathBuf, Vec<Instruction>)]) {
    let alias = instance.root().join(ALIAS);
    if !alias.is_dir() {
        // Nothing is delivered by aliases.
        return;
    }
    let found = breaks(instance).and_then(|breaks| {
        let users = Users::new(instance.root(), breaks);
        warn_of(files, PATIENCE, |name| Ok(users.find(name)?.filter(|owner| owner.home != alias)))
    });
    if let Err(reason) = found {
        LOG.warning(format_args!("unable to tell which of the aliases are called like users: {reason}"));
    }
}

fn breaks(instance: &Instance) -> Result<Breaks, String> {
    let lines = Control::new(instance.control()).list(&rows::BREAKCHAR).map_err(|error| error.to_string())?.unwrap_or_default();
    Ok(Breaks::new(lines.first().map_or("", |item| item.value.as_str())))
}

/// Ends with a reason where the others cannot be told.
fn warn_of(
    files: &[(PathBuf, Vec<Instruction>)],
    patience: Duration,
    user_of: impl Fn(&str) -> Result<Option<Owner>, Trouble>,
) -> Result<(), String> {
    let begin = Instant::now();
    let mut told = HashSet::new();
    let lines = files.iter().flat_map(|(file, instructions)| instructions.iter().map(move |one| (file, one)));
    for (file, instruction) in lines {
        let Some(name) = instruction.name.strip_suffix('@') else { continue };
        if begin.elapsed() >= patience {
            return Err(format!("after {} seconds the user database has not told of all of them", patience.as_secs()));
        }
        match user_of(name) {
            Ok(Some(owner)) if told.insert(name) => {
                LOG.warning(format_args!("{}:{}: {}", file.display(), instruction.line, words(name, &owner)));
            }
            Err(trouble) if trouble.is_general => return Err(trouble.to_string()),
            // A single one that cannot be looked at says nothing of the others.
            Ok(_) | Err(_) => {}
        }
    }
    Ok(())
}

fn words(name: &str, owner: &Owner) -> String {
    let Owner { user, home, dash, ext, .. } = owner;
    let file = home.join(format!(".qmail{dash}{}", ext.replace('.', ":")));
    format!(
        "\"{name}\" belongs to the user {user}, whose mail never comes to an alias; \
         write what shall become of it into {} (dot-qmail(5)), or give the name to alias in users/assign (stafett-users(8))",
        file.display()
    )
}

#[cfg(test)]
#[path = "shadowed_test.rs"]
mod shadowed_test;
