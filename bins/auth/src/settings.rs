//! The control files: accounts, authsource and authfailures.
//!
//! How it fails: a file that does not parse is an error with file and line, which quotes no verifier; the caller keeps its last
//! good copy, so that a slip locks nobody in or out.

use crate::nobody::Nobody;
use stafett_control::form::account::Account;
use stafett_control::form::auth::Source;
use stafett_control::{Control, Error, rows};
use stafett_verifiers::{Argon2id, Scram, Verifier};
use std::collections::HashMap;

/// Wrong passwords from one address where nothing is said.
const FAILURES: u64 = 20;

/// What they say.
#[derive(Debug, Default)]
pub struct Settings {
    /// Our name, the domain of accounts without one.
    pub me: String,
    accounts: HashMap<String, Listed>,
    /// What stands for accounts that are not there.
    pub nobody: Nobody,
    /// Who knows the passwords of other accounts.
    pub source: Option<Source>,
    /// How many wrong passwords are looked at from one address; 0 = all.
    pub failures: u64,
}

/// A line of accounts.
#[derive(Clone, Debug)]
pub struct Listed {
    /// Its number.
    pub line: usize,
    /// What it says.
    pub account: Account,
    /// What passwords are held against.
    pub argon: Option<Argon2id>,
    /// What proofs are held against.
    pub scram: Option<Scram>,
}

impl Settings {
    /// Reads them.
    ///
    /// # Errors
    /// The first that cannot be used.
    pub fn read(control: &Control) -> Result<Settings, Error> {
        let mut settings = Settings {
            me: control.required(&rows::ME)?,
            failures: control.integer(&rows::AUTHFAILURES)?.unwrap_or(FAILURES),
            ..Settings::default()
        };
        for item in control.list(&rows::ACCOUNTS)?.unwrap_or_default() {
            let listed = Listed::parse(item.line, &item.value).map_err(|reason| wrong(rows::ACCOUNTS.name, item.line, reason))?;
            let name = listed.account.name.clone();
            if let Some(before) = settings.accounts.insert(name, listed) {
                let reason = format!("the account {} stands in line {} already; remove one of them", before.account.name, before.line);
                return Err(wrong(rows::ACCOUNTS.name, item.line, reason));
            }
        }
        settings.nobody = Nobody::among(settings.accounts.values());
        let mut sources = control.list(&rows::AUTHSOURCE)?.unwrap_or_default().into_iter();
        if let Some(item) = sources.next() {
            let source = Source::parse(&item.value).map_err(|reason| wrong(rows::AUTHSOURCE.name, item.line, reason))?;
            settings.source = Some(source);
        }
        match sources.next() {
            Some(more) => Err(wrong(rows::AUTHSOURCE.name, more.line, "only one source can be asked; remove this line".to_owned())),
            None => Ok(settings),
        }
    }

    /// The line of an account.
    pub fn account(&self, name: &str) -> Option<&Listed> {
        self.accounts.get(name)
    }
}

impl Listed {
    fn parse(line: usize, text: &str) -> Result<Listed, String> {
        let account = Account::parse(text)?;
        let mut listed = Listed { line, account, argon: None, scram: None };
        for word in &listed.account.verifiers {
            match Verifier::parse(word)? {
                Verifier::Argon2id(argon) => listed.argon = Some(argon),
                Verifier::Scram(scram) => listed.scram = Some(scram),
            }
        }
        Ok(listed)
    }

    /// What a password in the clear is held against.
    pub fn for_passwords(&self) -> Option<Verifier> {
        let argon = self.argon.clone().map(Verifier::Argon2id);
        argon.or_else(|| self.scram.clone().map(Verifier::Scram))
    }

    /// Whether it knows its password itself.
    pub fn has_verifier(&self) -> bool {
        self.argon.is_some() || self.scram.is_some()
    }
}

fn wrong(name: &str, line: usize, reason: String) -> Error {
    Error { file: format!("control/{name}"), line, reason }
}
