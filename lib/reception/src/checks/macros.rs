//! What mail filters may know of a session beside the commands: Sendmail's macros, `{name}=value` each, as stafett-milter
//! wants them (stafett-protocols(7)).
//!
//! Security stance: the names in a certificate are its holder's own; all else was found out here. How it fails: not; what is
//! not known is not told.

use crate::session::Session;

/// What filters may know of TLS, in Sendmail's names.
pub fn of_tls(session: &Session) -> Vec<String> {
    let Some(tls) = &session.tls else { return Vec::new() };
    let given = [
        Some(format!("{{tls_version}}={}", tls.protocol)),
        Some(format!("{{cipher}}={}", tls.cipher)),
        tls.bits.map(|bits| format!("{{cipher_bits}}={bits}")),
        tls.subject.as_ref().map(|name| format!("{{cert_subject}}={name}")),
        tls.issuer.as_ref().map(|name| format!("{{cert_issuer}}={name}")),
    ];
    given.into_iter().flatten().collect()
}

/// And of who has logged in. Nobody acts for somebody else here, so the author is the account.
pub fn of_account(session: &Session) -> Vec<String> {
    let (Some(account), Some(mechanism)) = (&session.account, session.mechanism) else { return Vec::new() };
    let (name, mechanism) = (&account.name, mechanism.name());
    vec![format!("{{auth_type}}={mechanism}"), format!("{{auth_authen}}={name}"), format!("{{auth_author}}={name}")]
}

#[cfg(test)]
#[path = "macros_test.rs"]
mod macros_test;
