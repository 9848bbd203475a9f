//! One directive of a record (RFC 7208 §5, §12).

use super::macros::Template;
use super::record::{Bits, Directive, Flaw, Mechanism, Qualifier};
use std::str::FromStr;

const ALL_BITS: Bits = Bits { four: 32, six: 128 };

/// Reads a directive.
///
/// # Errors
/// What is wrong with it.
pub fn directive(term: &str) -> Result<Directive, Flaw> {
    let (qualifier, rest) = qualified(term);
    let at = rest.find([':', '/']).unwrap_or(rest.len());
    let (name, argument) = rest.split_at_checked(at).unwrap_or((rest, ""));
    let mechanism = match name.to_ascii_lowercase().as_str() {
        "all" if argument.is_empty() => Mechanism::All,
        "include" => Mechanism::Include(named(argument, term)?),
        "exists" => Mechanism::Exists(named(argument, term)?),
        "ptr" if argument.is_empty() => Mechanism::Ptr(None),
        "ptr" => Mechanism::Ptr(Some(named(argument, term)?)),
        "a" => addressed(argument, term).map(|(name, bits)| Mechanism::A(name, bits))?,
        "mx" => addressed(argument, term).map(|(name, bits)| Mechanism::Mx(name, bits))?,
        "ip4" => network(argument, 32, term).map(|(ip, bits)| Mechanism::Ip4(ip, bits))?,
        "ip6" => network(argument, 128, term).map(|(ip, bits)| Mechanism::Ip6(ip, bits))?,
        _ => return Err(flaw(term, "no such mechanism")),
    };
    Ok(Directive { qualifier, mechanism, text: rest.to_owned() })
}

/// A name with macros, as modifiers and mechanisms have it.
///
/// # Errors
/// What is wrong with it.
pub fn domain(text: &str, term: &str) -> Result<Template, Flaw> {
    let template = Template::parse(text, false).map_err(|reason| flaw(term, reason))?;
    if template.ends_a_domain() { Ok(template) } else { Err(flaw(term, "not the name of a domain")) }
}

/// A flaw of a term.
pub fn flaw(term: &str, reason: &str) -> Flaw {
    Flaw(format!("{term}: {reason}"))
}

fn qualified(term: &str) -> (Qualifier, &str) {
    let qualifier = match term.as_bytes().first() {
        Some(b'+') => Qualifier::Pass,
        Some(b'-') => Qualifier::Fail,
        Some(b'~') => Qualifier::SoftFail,
        Some(b'?') => Qualifier::Neutral,
        _ => return (Qualifier::Pass, term),
    };
    (qualifier, term.get(1..).unwrap_or_default())
}

fn named(argument: &str, term: &str) -> Result<Template, Flaw> {
    match argument.strip_prefix(':') {
        Some(name) => domain(name, term),
        None => Err(flaw(term, "needs the name of a domain")),
    }
}

/// `[:name][/bits][//bits]`
fn addressed(argument: &str, term: &str) -> Result<(Option<Template>, Bits), Flaw> {
    let (rest, six) = match argument.rsplit_once("//") {
        Some((rest, bits)) => (rest, length(bits, 128).ok_or_else(|| flaw(term, "not a length of an IPv6 network"))?),
        None => (argument, ALL_BITS.six),
    };
    let (rest, four) = match rest.rsplit_once('/').filter(|(_, bits)| bits.bytes().all(|byte| byte.is_ascii_digit())) {
        Some((rest, bits)) => (rest, length(bits, 32).ok_or_else(|| flaw(term, "not a length of an IPv4 network"))?),
        None => (rest, ALL_BITS.four),
    };
    let name = if rest.is_empty() { None } else { Some(named(rest, term)?) };
    Ok((name, Bits { four, six }))
}

/// `:address[/bits]`
fn network<A: FromStr>(argument: &str, most: u8, term: &str) -> Result<(A, u8), Flaw> {
    let text = argument.strip_prefix(':').ok_or_else(|| flaw(term, "needs an address"))?;
    let (address, bits) = match text.split_once('/') {
        Some((address, bits)) => (address, length(bits, most).ok_or_else(|| flaw(term, "not a length of a network"))?),
        None => (text, most),
    };
    Ok((address.parse().map_err(|_| flaw(term, "not an address"))?, bits))
}

/// Digits without zeros before them.
fn length(text: &str, most: u8) -> Option<u8> {
    let plain = text.bytes().all(|byte| byte.is_ascii_digit()) && (text == "0" || !text.starts_with('0'));
    text.parse().ok().filter(|bits| plain && *bits <= most)
}
