//! TXT records: `_mta-sts` says that there is a policy and which (RFC 8461 §3.1), `_smtp._tls` where reports go (RFC 8460 §3).

/// The longest id of a policy (RFC 8461 §3.1).
const LONGEST_ID: usize = 32;
/// Places that one domain may have its reports sent to.
const MOST_PLACES: usize = 4;
/// The longest address or URL that we send to.
const LONGEST_PLACE: usize = 1000;

/// Where reports go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// To this address.
    Mail(String),
    /// To this URL, which begins with `https://`.
    Post(String),
}

/// The id of a domain's policy, from the TXT records of `_mta-sts` below it. Nothing where no policy is announced: no record
/// of that kind, more than one, or one that is malformed (RFC 8461 §3.1).
pub fn policy_id<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Option<String> {
    let fields = only(texts, "STSv1")?;
    let ids: Vec<&str> = fields.iter().filter_map(|(name, value)| (*name == "id").then_some(*value)).collect();
    let is_id = |id: &&str| (1..=LONGEST_ID).contains(&id.len()) && id.bytes().all(|byte| byte.is_ascii_alphanumeric());
    ids.first().filter(|id| is_id(id) && ids.len() == 1).map(|id| (*id).to_owned())
}

/// Where a domain wants reports, from the TXT records of `_smtp._tls` below it. Nothing where it wants none (RFC 8460 §3).
pub fn report_places<'a>(texts: impl IntoIterator<Item = &'a [u8]>) -> Vec<Place> {
    let fields = only(texts, "TLSRPTv1").unwrap_or_default();
    let rua = fields.iter().find(|(name, _)| *name == "rua").map_or("", |(_, value)| value);
    rua.split(',').filter_map(|uri| place(uri.trim())).take(MOST_PLACES).collect()
}

/// The fields of the one record of that version.
fn only<'a>(texts: impl IntoIterator<Item = &'a [u8]>, version: &str) -> Option<Vec<(&'a str, &'a str)>> {
    let mut found = texts.into_iter().filter_map(|text| rest(text, version));
    let rest = found.next().filter(|_| found.next().is_none())?;
    let mut fields = Vec::new();
    for field in rest.split(';').map(|field| field.trim_matches([' ', '\t'])).filter(|field| !field.is_empty()) {
        let (name, value) = field.split_once('=')?;
        fields.push((name, value));
    }
    Some(fields)
}

/// What follows `v=VERSION` and a semicolon. A record of another kind is nothing.
fn rest<'a>(text: &'a [u8], version: &str) -> Option<&'a str> {
    let text = std::str::from_utf8(text).ok()?;
    let rest = text.strip_prefix("v=")?.strip_prefix(version)?;
    rest.trim_start_matches([' ', '\t']).strip_prefix(';')
}

fn place(uri: &str) -> Option<Place> {
    if uri.len() > LONGEST_PLACE || !uri.bytes().all(|byte| byte.is_ascii_graphic()) {
        return None;
    }
    match uri.split_once(':') {
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("mailto") => address(rest).map(Place::Mail),
        Some((scheme, rest)) if scheme.eq_ignore_ascii_case("https") => post(rest),
        _ => None,
    }
}

/// The address of a mailto URI: what stands before `?`, with `%` and two digits decoded (RFC 6068 §2).
fn address(text: &str) -> Option<String> {
    let text = decoded(text.split('?').next()?)?;
    let (local, domain) = text.rsplit_once('@')?;
    // What needs quotes in a path is left alone: no honest domain has its reports sent there.
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-/=?^_`{|}~.".contains(&byte);
    (!local.is_empty() && local.bytes().all(is_plain) && crate::names::is_name(domain)).then_some(text)
}

/// An URL with a host in it and no user. Its port is 443: a stranger does not have us knock at others.
fn post(rest: &str) -> Option<Place> {
    let authority = rest.strip_prefix("//")?.split(['/', '?', '#']).next()?;
    let host = authority.strip_suffix(":443").unwrap_or(authority);
    (crate::names::is_name(host)).then(|| Place::Post(format!("https:{rest}")))
}

fn decoded(text: &str) -> Option<String> {
    let mut out = Vec::with_capacity(text.len());
    let mut bytes = text.bytes();
    while let Some(byte) = bytes.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let mut digit = || bytes.next().and_then(|digit| char::from(digit).to_digit(16));
        let (high, low) = (digit()?, digit()?);
        out.push(u8::try_from(high * 16 + low).ok()?);
    }
    String::from_utf8(out).ok().filter(|text| text.is_ascii())
}
