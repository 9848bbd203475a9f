//! What can be done.

use crate::file::Accounts;
use crate::options::{Kinds, Options, Verb};
use crate::{Failure, LOG, limits, password};
use stafett_control::form::account::{self, Account};
use stafett_instance::Instance;
use stafett_verifiers::{Argon2id, Scram, Workplace};
use std::io::Write;

/// Does it.
///
/// # Errors
/// Why it was not done.
pub fn run(instance: &Instance, options: &Options) -> Result<(), Failure> {
    if options.verb == Verb::List {
        return list(instance, |_| true);
    }
    let name = account::name(&options.name).map_err(Failure::Lasting)?;
    match options.verb {
        Verb::Add => add(instance, &name, options),
        Verb::Change => {
            known(&Accounts::open(instance)?, &name)?;
            let verifiers = verifiers(&name, options.kinds)?;
            change(instance, &name, |account| {
                account.verifiers = verifiers;
                Ok(())
            })
        }
        Verb::Set => change(instance, &name, |account| set(account, &options.words)),
        Verb::Lock => change(instance, &name, |account| set(account, &["status=locked".to_owned()])),
        Verb::Unlock => unlock(instance, &name),
        Verb::Remove => {
            let mut accounts = Accounts::open(instance)?;
            known(&accounts, &name)?;
            accounts.remove(&name);
            accounts.write()
        }
        Verb::Show | Verb::List => {
            known(&Accounts::open(instance)?, &name)?;
            list(instance, |account| account.name == name)
        }
    }
}

fn add(instance: &Instance, name: &str, options: &Options) -> Result<(), Failure> {
    let mut account = Account { name: name.to_owned(), ..Account::default() };
    set(&mut account, &options.words)?;
    let unknown = |accounts: &Accounts| match accounts.find(name) {
        Some(_) => Err(Failure::Refused(format!("{name} is there already; stafett-passwd change gives it another password"))),
        None => Ok(()),
    };
    unknown(&Accounts::open(instance)?)?;
    // not while the file is locked: somebody may have to type
    account.verifiers = verifiers(name, options.kinds)?;
    let mut accounts = Accounts::open(instance)?;
    unknown(&accounts)?;
    accounts.put(&account)?;
    accounts.write()
}

fn change(instance: &Instance, name: &str, how: impl FnOnce(&mut Account) -> Result<(), Failure>) -> Result<(), Failure> {
    let mut accounts = Accounts::open(instance)?;
    let mut account = known(&accounts, name)?;
    how(&mut account)?;
    accounts.put(&account)?;
    accounts.write()
}

/// Both locks: the admin's, and that of a limit.
fn unlock(instance: &Instance, name: &str) -> Result<(), Failure> {
    let account = Accounts::open(instance)?.find(name);
    if account.as_ref().is_some_and(|account| account.is_locked) {
        change(instance, name, |account| set(account, &["status=active".to_owned()]))?;
    }
    let was_limited = limits::unlock(instance, name).map_err(Failure::Passing)?;
    match account {
        None if !was_limited => Err(unknown(name)),
        Some(account) if !was_limited && !account.is_locked => Err(Failure::Refused(format!("{name} is not locked"))),
        _ => Ok(()),
    }
}

fn known(accounts: &Accounts, name: &str) -> Result<Account, Failure> {
    accounts.find(name).ok_or_else(|| unknown(name))
}

fn unknown(name: &str) -> Failure {
    Failure::Refused(format!("there is no account {name}"))
}

fn set(account: &mut Account, words: &[String]) -> Result<(), Failure> {
    words.iter().try_for_each(|word| account.set(word)).map_err(Failure::Lasting)
}

fn verifiers(name: &str, kinds: Kinds) -> Result<Vec<String>, Failure> {
    if kinds == Kinds::None {
        return Ok(Vec::new());
    }
    let password = password::read(name)?;
    let mut made = Vec::new();
    if kinds != Kinds::Scram {
        made.push(Argon2id::of(&password, &mut Workplace::default()).map_err(Failure::Passing)?.to_string());
    }
    if kinds != Kinds::Argon2id {
        made.push(Scram::of(&password).map_err(Failure::Passing)?.to_string());
    }
    Ok(made)
}

/// A line for each account: its own line with the kinds of the verifiers in their place, and what has locked it.
fn list(instance: &Instance, wanted: impl Fn(&Account) -> bool) -> Result<(), Failure> {
    let accounts = Accounts::open(instance)?;
    let locks = limits::locks(instance).unwrap_or_else(|reason| {
        LOG.warning(format_args!("{reason}; whether a limit has locked an account is not known"));
        Default::default()
    });
    let mut out = std::io::stdout().lock();
    for account in accounts.all().filter(wanted) {
        let kinds: Vec<String> = account.verifiers.iter().filter_map(|word| word.split('$').nth(1)).map(str::to_owned).collect();
        let lock = locks.get(&account.name).map(|rule| format!(" locked by {rule}")).unwrap_or_default();
        let shown = Account { verifiers: kinds, ..account };
        writeln!(out, "{shown}{lock}").map_err(|error| Failure::Passing(format!("unable to write: {error}")))?;
    }
    Ok(())
}
