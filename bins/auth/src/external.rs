//! Who else knows passwords: control/authsource.

use crate::answer::Fault;
use crate::request::Request;
use crate::{dovecot, program};
use stafett_control::form::account;
use stafett_control::form::auth::Source;
use stafett_log::{Log, safe};
use std::time::Duration;

/// How long an answer is waited for; Dovecot makes a wrong password wait for two seconds, or what its administrator says.
pub const PATIENCE: Duration = Duration::from_secs(25);

/// Asks whether a password is right; the name of the account.
pub fn ask(log: Log, source: &Source, name: &str, request: &Request) -> Result<String, Fault> {
    if request.password.is_empty() || request.password.contains(&0) {
        return Err(Fault::Wrong);
    }
    let asked = match source {
        Source::Program(words) => program::ask(words, name, request),
        Source::Dovecot(path) => dovecot::ask(path, name, request),
    };
    match asked {
        Ok(Some(found)) => account::name(&found).map_err(|reason| {
            log.error(format_args!("unable to let {} in: {reason}", safe(found.as_bytes())));
            Fault::Unknown
        }),
        Ok(None) => Err(Fault::Wrong),
        Err(reason) => {
            log.error(format_args!("unable to ask for the password of {name}: {reason}"));
            Err(Fault::Away)
        }
    }
}
