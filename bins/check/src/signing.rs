//! What signs mail: is every key there that control/ names, can it be used, and, asked for with `--dns`, is the record in the
//! DNS that of the key? And what rewrites senders.
//!
//! Nothing of a key is shown, nor of srssecrets. Whoever may not read a key, as an admin who is not root, hears nothing about it;
//! owner and mode are judged with those of all files.

use crate::names::{Found, texts};
use crate::point::{at_file, at_line};
use crate::subject::Subject;
use stafett_control::form::dkim::{Signature, parse_seal, parse_signature};
use stafett_control::{Item, Setting, rows};
use stafett_dns::Resolver;
use stafett_route::DomainPattern;
use stafett_signing::{Algorithm, Key, Store};
use stafett_site::{Finding, Findings, Weight};
use std::fs::File;
use std::io::ErrorKind;

/// Judges keys and secrets.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let store = Store::new(&subject.control);
    let mut earlier = Vec::new();
    for item in subject.lines(&rows::DKIMSIGN) {
        let mut own = own_domains(&store, &item);
        own.retain(|domain| !earlier.contains(domain));
        earlier.extend(own.iter().cloned());
        let Ok(Signature::By { domain, selectors }) = parse_signature(value(&item)) else { continue };
        let domains = domain.map_or(own, |domain| vec![domain]);
        let keys = domains.iter().flat_map(|domain| selectors.iter().map(move |selector| (domain.as_str(), selector.as_str())));
        keys.for_each(|name| drop(named_key(subject, &store, &rows::DKIMSIGN, &item, name, findings)));
    }
    for item in subject.lines(&rows::ARCSEAL) {
        let Ok((domain, selector)) = parse_seal(value(&item)) else { continue };
        let key = named_key(subject, &store, &rows::ARCSEAL, &item, (&domain, &selector), findings);
        if key.is_some_and(|key| key.algorithm() != Algorithm::Rsa) {
            let text = "this is no RSA key, and few that verify ARC know another";
            let finding = at_line(Weight::Error, &subject.control, &rows::ARCSEAL, &item, &selector, text);
            findings.push(finding.remedy("name an RSA key; such mail is put off"));
        }
    }
    results(subject, findings);
    senders(subject, findings);
}

/// The domains with keys that a line is about, unless an earlier one is: a line without a domain names these selectors of each.
fn own_domains(store: &Store, item: &Item<String>) -> Vec<String> {
    let pattern = item.value.split_once(':').and_then(|(pattern, _)| DomainPattern::parse(pattern).ok());
    let mut domains: Vec<String> = store.names().into_iter().map(|(domain, _)| domain).collect();
    domains.dedup();
    domains.retain(|domain| pattern.as_ref().is_some_and(|pattern| pattern.fits(domain)));
    domains
}

/// What stands behind the pattern.
fn value(item: &Item<String>) -> &str {
    item.value.split_once(':').map_or("", |(_, rest)| rest)
}

/// A key that a line names, if it can be had.
fn named_key(
    subject: &Subject,
    store: &Store,
    row: &'static Setting,
    item: &Item<String>,
    (domain, selector): (&str, &str),
    findings: &mut Findings,
) -> Option<Key> {
    let is_hidden = |path| File::open(path).is_err_and(|error| error.kind() == ErrorKind::PermissionDenied);
    match store.key(domain, selector) {
        Ok(key) => return Some(key),
        Err(_) if store.path(domain, selector).is_some_and(is_hidden) => {}
        Err(reason) => {
            let finding = at_line(Weight::Error, &subject.control, row, item, selector, reason);
            let is_there = store.path(domain, selector).is_some_and(|path| path.exists());
            findings.push(if is_there {
                finding.remedy("mend it, or take this selector out of the line")
            } else {
                finding.remedy(format_args!("run stafett-dkim genkey {} {domain} {selector}", subject.root.display()))
            });
        }
    }
    None
}

/// A seal is about results, which somebody must have found.
fn results(subject: &Subject, findings: &mut Findings) {
    let is_sealed = !subject.lines(&rows::ARCSEAL).is_empty();
    if is_sealed && subject.effective(&rows::DMARCBEHAVIOR) == 0 {
        let finding = at_file(Weight::Error, &rows::ARCSEAL, "nothing is sealed while dmarcbehavior is 0, because there are no results");
        findings.push(finding.remedy("write 1 or more to dmarcbehavior"));
    }
}

fn senders(subject: &Subject, findings: &mut Findings) {
    let (domain, forward) = (subject.line(&rows::SRSDOMAIN), subject.list(&rows::SRSFORWARD));
    let secrets = subject.control.list(&rows::SRSSECRETS);
    if domain.is_some() && secrets.is_ok_and(|secrets| secrets.unwrap_or_default().is_empty()) {
        let finding = at_file(Weight::Error, &rows::SRSDOMAIN, "srssecrets holds no secret, so mail that needs it is put off");
        findings.push(finding.remedy("run openssl rand -base64 24 > srssecrets in control/, then stafett-setup"));
    }
    if domain.is_none() && !forward.is_empty() {
        let finding = at_file(Weight::Warning, &rows::SRSFORWARD, "no sender is rewritten without srsdomain");
        findings.push(finding.remedy("write a domain whose mail comes here to srsdomain, or remove the file"));
    }
}

/// Compares the record of every key with the key.
pub fn check_records(subject: &Subject, resolver: &Resolver, findings: &mut Findings) {
    let store = Store::new(&subject.control);
    let keys: Vec<(String, String, Key)> = store
        .names()
        .into_iter()
        .filter_map(|(domain, selector)| store.key(&domain, &selector).ok().map(|key| (domain, selector, key)))
        .collect();
    let names: Vec<String> = keys.iter().map(|(domain, selector, _)| format!("{selector}._domainkey.{domain}")).collect();
    for ((domain, selector, key), (name, found)) in keys.iter().zip(names.iter().zip(texts(resolver, &names))) {
        let place = format!("control/dkim/{domain}/{selector}");
        let print = format!("publish what stafett-dkim record {} {domain} {selector} prints", subject.root.display());
        match found {
            Found::Texts(texts) => {
                if let Some((weight, text)) = judge(name, &texts, key) {
                    let finding = if weight == Weight::Error { Finding::error(place, text) } else { Finding::warning(place, text) };
                    findings.push(finding.remedy(print));
                }
            }
            Found::Nothing(why) => findings.push(Finding::error(place, format_args!("its record {name} {why}")).remedy(print)),
            Found::Unknown(why) => findings.push(Finding::warning(place, format_args!("its record {name} {why}"))),
        }
    }
}

/// What is wrong with the records at a key's name (RFC 6376 section 3.6.1).
fn judge(name: &str, texts: &[String], key: &Key) -> Option<(Weight, String)> {
    let [text] = texts else {
        return Some((Weight::Error, format!("{name} has {} records; verifiers take one of them, any", texts.len())));
    };
    let tag = |wanted: &str| {
        let tags = text.split(';').filter_map(|part| part.split_once('='));
        tags.map(|(name, value)| (name.trim(), value.split_whitespace().collect::<String>())).find(|(name, _)| *name == wanted)
    };
    let value = |wanted| tag(wanted).map(|(_, value)| value);
    let has = |list: Option<String>, one: &str| list.is_none_or(|list| list.split(':').any(|word| word == one || word == "*"));
    let wrong = match value("p") {
        Some(published) if published.is_empty() => "is revoked",
        Some(published) if published == key.public() => match value("k").unwrap_or_else(|| "rsa".to_owned()) {
            kind if kind != key.algorithm().word() => "names another kind of key",
            _ if value("v").is_some_and(|version| version != "DKIM1") => "is of no version that is known",
            _ if !has(value("h"), "sha256") => "does not allow SHA-256",
            _ if !has(value("s"), "email") => "is not for mail",
            _ if value("t").is_some_and(|flags| flags.split(':').any(|flag| flag == "y")) => {
                return Some((Weight::Warning, format!("its record {name} says that it is a test, so verifiers do not count it")));
            }
            _ => return None,
        },
        Some(_) => "is that of another key",
        None => "holds no key",
    };
    Some((Weight::Error, format!("its record {name} {wrong}, so its signatures count for nothing")))
}
