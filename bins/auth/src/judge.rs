//! Whether a password is right, and whether the account may be used.
//!
//! Security stance: for an account that is not there as much is computed as for most that are. What else speaks against an
//! account is said only after its password was right.

use crate::answer::{self, ACCOUNTS, Fault};
use crate::external;
use crate::request::Request;
use crate::settings::{Listed, Settings};
use stafett_ask::Answer;
use stafett_control::form::account::Account;
use stafett_log::Log;
use stafett_verifiers::{Workplace, prepared};
use std::net::IpAddr;

/// What was found: the account and the rule, or what speaks against it and the rule.
pub type Judged = Result<(Account, String), (Fault, String)>;

/// Whether another one is asked whether a password is right.
pub fn asks(settings: &Settings, request: &Request) -> bool {
    let has_own = |name: &str| settings.account(name).is_some_and(Listed::has_verifier);
    settings.source.is_some() && request.account().is_some_and(|name| !has_own(&name))
}

/// Judges a password.
pub fn password(log: Log, settings: &Settings, request: &Request, place: &mut Workplace) -> Judged {
    let name = request.account();
    let listed = name.as_deref().and_then(|name| settings.account(name));
    let own = listed.filter(|listed| listed.has_verifier());
    match (&settings.source, own, &name) {
        (Some(source), None, Some(name)) => {
            let rule = || listed.map_or_else(|| "control/authsource".to_owned(), answer::rule);
            let name = external::ask(log, source, name, request).map_err(|fault| (fault, rule()))?;
            known(settings, &name, request.ip)
        }
        (_, Some(listed), _) => match fits(listed, &request.password, place) {
            true => admit(listed, request.ip),
            false => Err((Fault::Wrong, answer::rule(listed))),
        },
        _ => {
            // only the time that it takes matters
            settings.nobody.judge(prepared(&request.password).as_deref().unwrap_or_default(), place);
            Err((Fault::Unknown, ACCOUNTS.to_owned()))
        }
    }
}

/// An account whose password is known elsewhere and was right.
fn known(settings: &Settings, name: &str, ip: Option<IpAddr>) -> Judged {
    match settings.account(name) {
        Some(listed) => admit(listed, ip),
        None => Ok((Account { name: name.to_owned(), ..Account::default() }, "control/authsource".to_owned())),
    }
}

/// Whether an account whose password was right may be used from there.
pub fn admit(listed: &Listed, ip: Option<IpAddr>) -> Judged {
    let rule = answer::rule(listed);
    if listed.account.is_locked {
        return Err((Fault::Locked, rule));
    }
    if !listed.account.may_come_from(ip) {
        return Err((Fault::Network, rule));
    }
    Ok((listed.account.clone(), rule))
}

/// What is to be answered.
pub fn answer(judged: &Judged, me: &str) -> Answer {
    match judged {
        Ok((account, rule)) => answer::yes(account, rule, me),
        Err((fault, rule)) => fault.answer(rule),
    }
}

/// Whether the password was right, wrong, or neither, for who counts them.
pub fn was_right(judged: &Judged) -> Option<bool> {
    match judged {
        Ok(_) | Err((Fault::Locked | Fault::Network, _)) => Some(true),
        Err((Fault::Unknown | Fault::Wrong | Fault::Binding | Fault::Other, _)) => Some(false),
        Err(_) => None,
    }
}

fn fits(listed: &Listed, password: &[u8], place: &mut Workplace) -> bool {
    let password = prepared(password);
    let password = password.as_deref().unwrap_or_default();
    let fits = match (&listed.argon, &listed.scram) {
        (Some(argon), _) => argon.fits(password, place),
        (None, Some(scram)) => scram.fits(password),
        (None, None) => false,
    };
    fits && !password.is_empty()
}
