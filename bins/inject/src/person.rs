//! Who sends: from the variables that qmail-inject(8) reads, or the user database.

use stafett_address::list::Address;
use stafett_injection::{Defaults, first_of, variable_of};
use stafett_log::Failure;
use stafett_sys::user::{Account, Uid};

/// The person or program that sends.
#[derive(Clone, Debug)]
pub struct Person {
    /// The address for From.
    pub address: Address,
    /// The name for From.
    pub name: Option<String>,
    /// The envelope's sender where neither an option nor a field says another.
    pub sender: Address,
    /// The letters of QMAILINJECT.
    pub wishes: Wishes,
}

/// What QMAILINJECT asks for, by its letters (qmail-inject(8)).
#[derive(Clone, Copy, Debug, Default)]
pub struct Wishes {
    /// `c`: `address (name)` instead of `name <address>`.
    pub name_as_comment: bool,
    /// `s`: Return-Path is not looked at.
    pub ignore_return_path: bool,
    /// `f`: From of the message is replaced.
    pub replace_from: bool,
    /// `i`: Message-ID of the message is replaced.
    pub replace_id: bool,
    /// `r`: a sender of its own for each recipient (VERP).
    pub sender_per_recipient: bool,
    /// `m`: a sender of its own for each message.
    pub sender_per_message: bool,
}

impl Person {
    /// Looks who it is.
    ///
    /// # Errors
    /// When a name cannot stand in a header, or the user database cannot be asked.
    pub fn from_environment(defaults: &Defaults) -> Result<Person, Failure> {
        let user = match first_of(&["QMAILUSER", "MAILUSER", "USER", "LOGNAME"]) {
            Some(user) => user,
            None => name_of_caller()?,
        };
        let host = first_of(&["QMAILHOST", "MAILHOST"]).unwrap_or_else(|| defaults.host());
        let name = first_of(&["QMAILNAME", "MAILNAME", "NAME"]);
        let sender_user = variable_of("QMAILSUSER").unwrap_or_else(|| user.clone());
        let sender_host = variable_of("QMAILSHOST").unwrap_or_else(|| host.clone());
        let texts = [Some(&user), Some(&host), name.as_ref(), Some(&sender_user), Some(&sender_host)];
        if texts.into_iter().flatten().any(|text| text.chars().any(char::is_control)) {
            return Err(Failure::lasting("a variable with the name of a user or host holds a control character; set it to one line"));
        }
        let address = |local: String, host: String| Address { local, domain: Some(defaults.complete_domain(host)) };
        let wishes = wishes(&std::env::var("QMAILINJECT").unwrap_or_default());
        Ok(Person { address: address(user, host), name, sender: address(sender_user, sender_host), wishes })
    }
}

fn name_of_caller() -> Result<String, Failure> {
    let account = Account::by_uid(Uid::real()).map_err(|error| Failure::temporary(format!("unable to ask the user database: {error}")))?;
    Ok(account.map_or_else(|| "anonymous".to_owned(), |account| account.name))
}

fn wishes(letters: &str) -> Wishes {
    let has = |letter| letters.contains(letter);
    Wishes {
        name_as_comment: has('c'),
        ignore_return_path: has('s'),
        replace_from: has('f'),
        replace_id: has('i'),
        sender_per_recipient: has('r'),
        sender_per_message: has('m'),
    }
}
