//! The sender rewriting scheme: senders that let forwarded mail pass SPF, and that lead bounces back.
//!
//! What it does: a host that forwards mail of `user@example.net` to elsewhere may not use that sender, as SPF sees it. It sends
//! as `SRS0=HASH=TIME=example.net=user@forwarder` instead, and whoever gets a bounce there can read the sender back. A sender
//! that another forwarder has rewritten becomes `SRS1=HASH=OTHER==…@forwarder`, so that addresses do not grow with each
//! station. The forms are those of the scheme's authors (Mail::SRS, libsrs2), so that secrets can be taken along.
//!
//! Security stance: an address is taken back only with a hash that our secrets made and within its age; without that
//! everybody could have us relay. The hash has [`HASH`] letters, twice what is usual: 40 bits that nobody guesses over SMTP.
//! Letters count as equal in either case, for hosts that change it.
//!
//! How it fails: with a [`Refused`] that says why.
//!
//! Known limits: the day of an address is kept modulo 1024, so that a maximum age must lie below that.

use ring::hmac;

/// The letters of a hash.
pub const HASH: usize = 8;
/// Days after which the time in an address begins anew.
const CYCLE: u64 = 1024;
/// Days that another host's clock may be ahead: ours was put back.
const AHEAD: u64 = 1;

/// What an address cannot be taken back for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refused {
    /// It does not have the form.
    Form,
    /// None of our secrets made its hash.
    Hash,
    /// It is too old.
    Age,
}

impl Refused {
    /// In words.
    #[must_use]
    pub fn words(self) -> &'static str {
        match self {
            Refused::Form => "is no rewritten address that makes sense",
            Refused::Hash => "was not made here",
            Refused::Age => "is too old",
        }
    }
}

/// The rewriter of a forwarder.
pub struct Rewriter {
    domain: String,
    secrets: Vec<hmac::Key>,
    max_age: u64,
}

impl Rewriter {
    /// For addresses at `domain`. The first secret makes hashes, any of them takes them back; nothing without a secret. `max_age`
    /// is in days.
    #[must_use]
    pub fn new(domain: &str, secrets: &[String], max_age: u64) -> Option<Rewriter> {
        let secrets: Vec<hmac::Key> =
            secrets.iter().map(|secret| hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes())).collect();
        (!secrets.is_empty()).then(|| Rewriter { domain: domain.to_ascii_lowercase(), secrets, max_age: max_age.min(CYCLE - 1 - AHEAD) })
    }

    /// The local part, at our domain, for a sender `local@domain` on that day since 1970; nothing where it is ours already.
    #[must_use]
    pub fn forward(&self, local: &str, domain: &str, day: u64) -> Option<String> {
        if domain.eq_ignore_ascii_case(&self.domain) {
            return None;
        }
        let first = self.secrets.first()?;
        Some(match tagged(local) {
            // the separator stays with the rest, so that it can be put back
            Some((Tag::Srs0, rest)) => format!("SRS1={}={domain}={rest}", hash(first, &[domain, rest])),
            Some((Tag::Srs1, separated)) => match separated.get(1..)?.splitn(3, '=').collect::<Vec<_>>()[..] {
                [_, host, rest] => format!("SRS1={}={host}={rest}", hash(first, &[host, rest])),
                _ => self.begun(first, local, domain, day),
            },
            None => self.begun(first, local, domain, day),
        })
    }

    fn begun(&self, secret: &hmac::Key, local: &str, domain: &str, day: u64) -> String {
        let time = stamp(day);
        format!("SRS0={}={time}={domain}={local}", hash(secret, &[&time, domain, local]))
    }

    /// The address that the local part of one of ours stands for: local part and domain.
    ///
    /// # Errors
    /// Why it stands for nothing.
    pub fn reverse(&self, local: &str, day: u64) -> Result<(String, String), Refused> {
        let (tag, separated) = tagged(local).ok_or(Refused::Form)?;
        let parts: Vec<&str> = separated.get(1..).unwrap_or_default().splitn(if tag == Tag::Srs0 { 4 } else { 3 }, '=').collect();
        match (tag, &parts[..]) {
            (Tag::Srs0, [made, time, host, user]) if !host.is_empty() && !user.is_empty() => {
                self.check(made, &[time, host, user])?;
                let age = age(time, day).ok_or(Refused::Form)?;
                if age > self.max_age { Err(Refused::Age) } else { Ok(((*user).to_owned(), (*host).to_owned())) }
            }
            (Tag::Srs1, [made, host, rest]) if !host.is_empty() && rest.starts_with(['=', '-', '+']) => {
                self.check(made, &[host, rest])?;
                Ok((format!("SRS0{rest}"), (*host).to_owned()))
            }
            _ => Err(Refused::Form),
        }
    }

    fn check(&self, made: &str, parts: &[&str]) -> Result<(), Refused> {
        let is_ours = |secret: &hmac::Key| {
            let ours = hash(secret, parts);
            // no early end, so that time tells nothing
            made.len() == ours.len() && made.bytes().zip(ours.bytes()).fold(0, |other, (a, b)| other | (lower(a) ^ lower(b))) == 0
        };
        if self.secrets.iter().any(is_ours) { Ok(()) } else { Err(Refused::Hash) }
    }
}

/// Whether a local part has the form of a rewritten one.
#[must_use]
pub fn is_rewritten(local: &str) -> bool {
    tagged(local).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Tag {
    Srs0,
    Srs1,
}

/// What kind a local part is, and the rest from its separator on.
fn tagged(local: &str) -> Option<(Tag, &str)> {
    let (word, rest) = local.split_at_checked(4)?;
    let tag = match word {
        _ if word.eq_ignore_ascii_case("SRS0") => Tag::Srs0,
        _ if word.eq_ignore_ascii_case("SRS1") => Tag::Srs1,
        _ => return None,
    };
    rest.starts_with(['=', '-', '+']).then_some((tag, rest))
}

fn hash(secret: &hmac::Key, parts: &[&str]) -> String {
    let text: String = parts.iter().map(|part| part.to_lowercase()).collect();
    base64(hmac::sign(secret, text.as_bytes()).as_ref())
}

/// The first letters of the base64 text of bytes that are more than those need.
fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let number = bytes.iter().take(HASH * 6 / 8).fold(0u64, |number, byte| number << 8 | u64::from(*byte));
    let letter = |place: usize| LETTERS.get((number >> (6 * place) & 63) as usize).map_or('A', |letter| char::from(*letter));
    (0..HASH).rev().map(letter).collect()
}

const DIGITS: &[u8; 32] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";

/// The day in two letters.
fn stamp(day: u64) -> String {
    let letter = |number: u64| DIGITS.get((number & 31) as usize).map_or('A', |letter| char::from(*letter));
    [letter(day >> 5), letter(day)].into_iter().collect()
}

/// How many days ago that was.
fn age(time: &str, day: u64) -> Option<u64> {
    let digit = |letter: u8| DIGITS.iter().position(|known| *known == letter.to_ascii_uppercase());
    let [high, low] = time.as_bytes() else { return None };
    let then = (digit(*high)? * 32 + digit(*low)?) as u64;
    let age = (day % CYCLE + CYCLE - then) % CYCLE;
    Some(if age >= CYCLE - AHEAD { 0 } else { age })
}

fn lower(byte: u8) -> u8 {
    byte.to_ascii_lowercase()
}

#[cfg(test)]
mod tests;
