//! SCRAM-SHA-256 and SCRAM-SHA-256-PLUS, the server's half (RFC 5802, RFC 7677, RFC 9266).
//!
//! What it does: two questions of smtpd are one exchange; between them smtpd keeps what it has come to, sealed.
//!
//! Security stance: the client's last message must repeat the first, the nonces and the channel exactly; a client that could
//! bind and says that we cannot was lied to by somebody on the way and is refused. An account that is not there gets
//! a challenge like any other.

use crate::answer::{self, ACCOUNTS, Fault};
use crate::judge::{self, Judged};
use crate::request::Request;
use crate::seal::Seal;
use crate::settings::Settings;
use stafett_ask::{Answer, Verdict};
use stafett_control::form::account;
use stafett_smtp::base64;
use stafett_smtp::sasl::{Binding, ScramFinal, ScramFirst, unescape};
use stafett_verifiers::{Key, Scram, random};
use std::time::Instant;

/// Bytes of our nonce.
const NONCE: usize = 18;

/// The challenge for a client's first message, and what smtpd keeps until the last.
pub fn first(settings: &Settings, (seal, secret): (&Seal, &Key), request: &Request) -> Answer {
    match challenge(settings, (seal, secret), request) {
        Ok(answer) => answer,
        Err(fault) => fault.answer(ACCOUNTS),
    }
}

fn challenge(settings: &Settings, (seal, secret): (&Seal, &Key), request: &Request) -> Result<Answer, Fault> {
    let first = ScramFirst::parse(&request.message).ok_or(Fault::Malformed)?;
    let name = unescape(first.name).ok_or(Fault::Malformed)?;
    // a name that no account can have goes the same way to the same end
    let name = account::name(&name).unwrap_or_else(|_| name.to_lowercase());
    let authorization = unescape(first.authorization).ok_or(Fault::Malformed)?;
    if !authorization.is_empty() && authorization.to_lowercase() != name {
        return Err(Fault::Other);
    }
    let channel = bound(first.binding, request)?;
    let expected = [first.header.as_bytes(), channel].concat();
    let scram = verifier(settings, secret, &name);
    let nonce = format!("{}{}", first.nonce, base64::encode(&random::<NONCE>().map_err(|_| Fault::Away)?));
    let challenge = format!("r={nonce},s={},i={}", base64::encode(&scram.salt), scram.iterations);
    let fields = [name.as_bytes(), nonce.as_bytes(), &expected, first.bare.as_bytes(), challenge.as_bytes()];
    let state = seal.close(&fields, Instant::now());
    let state = [b"state=", state.as_slice()].concat();
    Ok(Answer::new(Verdict::Ok, "").with(format!("challenge={challenge}")).with(state))
}

/// What the client's last message must repeat of the channel.
fn bound<'a>(binding: Binding<'_>, request: &'a Request) -> Result<&'a [u8], Fault> {
    match (binding, request.binds) {
        (Binding::To(kind), true) => request.channel(kind).ok_or(Fault::Binding),
        (Binding::None, false) => Ok(b""),
        (Binding::Unseen, false) if !request.offers_binding => Ok(b""),
        _ => Err(Fault::Binding),
    }
}

/// Judges the proof; with the account goes what proves to the client that we know the verifier.
pub fn last(settings: &Settings, (seal, secret): (&Seal, &Key), request: &Request) -> (Judged, Answer) {
    match proof(settings, (seal, secret), request) {
        Ok((judged, signature)) => {
            let answer = judge::answer(&judged, &settings.me);
            let answer = if judged.is_ok() { answer.with(format!("challenge=v={}", base64::encode(&signature))) } else { answer };
            (judged, answer)
        }
        Err(fault) => (Err((fault, ACCOUNTS.to_owned())), fault.answer(ACCOUNTS)),
    }
}

/// The name of the account that an exchange is about.
pub fn name_of(seal: &Seal, request: &Request) -> String {
    let fields = seal.open(&request.state, Instant::now()).unwrap_or_default();
    fields.first().map(|name| String::from_utf8_lossy(name).into_owned()).unwrap_or_default()
}

fn proof(settings: &Settings, (seal, secret): (&Seal, &Key), request: &Request) -> Result<(Judged, Key), Fault> {
    let fields = seal.open(&request.state, Instant::now()).ok_or(Fault::Stale)?;
    let [name, nonce, expected, bare, challenge] = fields[..] else { return Err(Fault::Stale) };
    let name = std::str::from_utf8(name).map_err(|_| Fault::Stale)?;
    let last = ScramFinal::parse(&request.message).ok_or(Fault::Malformed)?;
    if last.nonce.as_bytes() != nonce {
        return Err(Fault::Wrong);
    }
    if last.binding != expected {
        return Err(Fault::Binding);
    }
    let messages = [bare, challenge, last.without_proof.as_bytes()].join(&b","[..]);
    let scram = verifier(settings, secret, name);
    let is_right = scram.proves(&last.proof, &messages);
    let judged = match settings.account(name).filter(|listed| listed.scram.is_some()) {
        Some(listed) if is_right => judge::admit(listed, request.ip),
        Some(listed) => Err((Fault::Wrong, answer::rule(listed))),
        None => Err((Fault::Unknown, ACCOUNTS.to_owned())),
    };
    Ok((judged, scram.signature(&messages)))
}

fn verifier(settings: &Settings, secret: &Key, name: &str) -> Scram {
    // made for every name, so that the time does not tell
    let nobody = settings.nobody.scram(secret, name);
    let listed = settings.account(name).and_then(|listed| listed.scram.clone());
    listed.unwrap_or(nobody)
}

#[cfg(test)]
#[path = "scram_test.rs"]
mod scram_test;
