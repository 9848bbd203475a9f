//! `--dns`: the names that control/ names, asked of the servers that remote asks.
//!
//! All questions of one kind are asked at once. "No such name" of a route's host is an error,
//! since mail to it can only fail; everything temporary is a warning, since it may pass.
//! Known limits: it asks from here and now; others may see other answers (split views).

use crate::outgoing::may_go_to;
use crate::point::{at_line, at_value};
use crate::signing;
use crate::subject::{Subject, relay};
use stafett_control::{Item, rows};
use stafett_dns::{
    HOSTS_FILE, Kind, Name, Outcome, Question, RESOLV_CONF, Record, Resolver, addresses_in_hosts, parse_server, servers_of_resolv_conf,
};
use stafett_site::{Finding, Findings, Weight};
use stafett_wire::delivery::Kind as Way;
use std::net::IpAddr;
use std::time::Duration;

/// How long to wait for the answers to one batch of questions.
const PATIENCE: Duration = Duration::from_secs(10);

/// Asks and judges.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let Some(resolver) = answering(subject, findings) else { return };
    me(subject, &resolver, findings);
    route_hosts(subject, &resolver, findings);
    domains(subject, &resolver, findings);
    signing::check_records(subject, &resolver, findings);
    rewritten(subject, &resolver, findings);
}

/// The servers, each asked whether it answers at all; `None` when none does.
fn answering(subject: &Subject, findings: &mut Findings) -> Option<Resolver> {
    let named = subject.list(&rows::RESOLVERS);
    let servers = match named.is_empty() {
        true => servers_of_resolv_conf(&std::fs::read_to_string(RESOLV_CONF).unwrap_or_default()),
        false => named.iter().filter_map(|item| parse_server(&item.value).ok()).collect(),
    };
    let question = Question::new(subject.me.as_deref()?, Kind::A).ok()?;
    let mut answers = 0;
    for (index, server) in servers.iter().enumerate() {
        let Outcome::Temporary(failure) = Resolver::new(vec![*server]).ask(&question, PATIENCE / 2) else {
            answers += 1;
            continue;
        };
        let text = format!("the name server {server} does not answer: {failure}");
        let finding = match named.get(index) {
            Some(item) => at_line(Weight::Warning, &subject.control, &rows::RESOLVERS, item, &item.value, text),
            None => Finding::warning(RESOLV_CONF, text),
        };
        findings.push(finding.remedy("name servers that answer, a line each, in control/resolvers"));
    }
    (answers > 0).then(|| Resolver::new(servers))
}

/// Other hosts look whether our name leads to us, and our address back to our name.
fn me(subject: &Subject, resolver: &Resolver, findings: &mut Findings) {
    let Some((me, name)) = subject.me.as_deref().and_then(|me| Some((me, name(me)?))) else { return };
    let warn = |text: String, remedy: &str| at_value(Weight::Warning, &subject.control, &rows::ME, text).remedy(remedy);
    let addresses = match resolver.addresses(&name, PATIENCE) {
        Outcome::Answer(addresses) => addresses,
        other => {
            let text = format!("{me} {}, so other hosts may refuse mail from it", words(&other));
            return findings.push(warn(text, "give it A and AAAA records"));
        }
    };
    for address in addresses.into_iter().filter(|address| !address.is_loopback()) {
        let text = match resolver.confirmed_name_of(address, PATIENCE) {
            Outcome::Answer(found) if found.confirmed && found.name.eq_ignore_ascii_case(me) => continue,
            Outcome::Answer(found) if found.confirmed => format!("the address {address} of {me} leads back to {}, not to {me}", found.name),
            Outcome::Answer(found) => {
                format!("the address {address} of {me} leads back to {}, which does not lead to {address}", found.name)
            }
            other => format!("the name of the address {address} of {me} {}, so other hosts may refuse mail from it", words(&other)),
        };
        findings.push(warn(text, "have the owner of the address point its PTR record to the name"));
    }
}

/// The hosts of routes have addresses; no MX record is asked for them.
fn route_hosts(subject: &Subject, resolver: &Resolver, findings: &mut Findings) {
    let hosts_file = std::fs::read_to_string(HOSTS_FILE).unwrap_or_default();
    let mut asked: Vec<(Item<String>, Name)> = Vec::new();
    for item in subject.routes() {
        let Some(destination) = relay(&item.value.1).filter(|destination| destination.kind != Way::LmtpSocket) else { continue };
        let host = destination.name;
        if host.parse::<IpAddr>().is_err()
            && addresses_in_hosts(&hosts_file, &host).is_empty()
            && let Some(name) = name(&host)
        {
            asked.push((Item { line: item.line, value: host }, name));
        }
    }
    let names: Vec<Name> = asked.iter().map(|(_, name)| name.clone()).collect();
    for ((item, _), outcome) in asked.iter().zip(resolver.addresses_of_all(&names, PATIENCE)) {
        let (weight, text, remedy) = match outcome {
            Outcome::Answer(addresses) if may_go_to(subject, &addresses) => continue,
            Outcome::Answer(_) => {
                let text = format!(
                    "no address of {} is in the networks of control/destinations, so mail for this route is never sent",
                    item.value
                );
                (Weight::Error, text, "add its address to destinations, or name another relay")
            }
            other => (
                weight(&other),
                format!("the host {} {}", item.value, words(&other)),
                "name a host that has A or AAAA records; MX records are not asked for",
            ),
        };
        findings.push(at_line(weight, &subject.control, &rows::SMTPROUTES, item, &item.value, text).remedy(remedy));
    }
}

/// Domains that mail is accepted for and that go by their MX records.
fn domains(subject: &Subject, resolver: &Resolver, findings: &mut Findings) {
    for item in subject.list(&rows::RCPTHOSTS) {
        let Some(name) = name(&item.value).filter(|_| !item.value.starts_with('.') && !subject.is_routed(&item.value)) else { continue };
        let exchangers = resolver.exchangers(&name, PATIENCE);
        let mut say = |weight: Weight, text: String, remedy: &str| {
            findings.push(at_line(weight, &subject.control, &rows::RCPTHOSTS, &item, &item.value, text).remedy(remedy));
        };
        let remedy = format!("write {}:HOST to smtproutes, or remove the domain here", item.value);
        match exchangers {
            Outcome::Answer(found) if found.iter().any(|(_, host)| host.is_root()) => {
                say(Weight::Error, format!("{} takes no mail (null MX)", item.value), &remedy)
            }
            Outcome::Answer(found) => {
                let best = found.first().map(|(_, host)| host.to_string()).unwrap_or_default();
                if subject.me.as_deref().is_some_and(|me| best.eq_ignore_ascii_case(me)) {
                    say(
                        Weight::Warning,
                        format!("the best MX of {} is this host, and no route takes its mail further", item.value),
                        &remedy,
                    );
                }
            }
            // RFC 5321 section 5.1: without MX records the addresses of the name itself count.
            Outcome::NoData => match resolver.addresses(&name, PATIENCE) {
                Outcome::Answer(_) => {}
                other => say(weight(&other), format!("{} has no MX record, and as a host it {}", item.value, words(&other)), &remedy),
            },
            other => say(weight(&other), format!("{} {}", item.value, words(&other)), &remedy),
        }
    }
}

/// What a name has.
pub enum Found {
    /// These TXT records.
    Texts(Vec<String>),
    /// None, and why.
    Nothing(String),
    /// It cannot be looked up now, and why.
    Unknown(String),
}

/// The domain of rewritten senders: bounces must find the way to it, and whoever looks at SPF must find this host there.
fn rewritten(subject: &Subject, resolver: &Resolver, findings: &mut Findings) {
    let Some((domain, name)) = subject.line(&rows::SRSDOMAIN).and_then(|domain| Some((domain.clone(), name(&domain)?))) else { return };
    let mut say = |weight: Weight, text: String, remedy: &str| {
        findings.push(at_value(weight, &subject.control, &rows::SRSDOMAIN, text).remedy(remedy));
    };
    let outcome = resolver.exchangers(&name, PATIENCE);
    let leads = match &outcome {
        Outcome::Answer(found) => !found.iter().any(|(_, host)| host.is_root()),
        Outcome::NoData => matches!(resolver.addresses(&name, PATIENCE), Outcome::Answer(_)),
        _ => false,
    };
    if !leads {
        let why = if matches!(outcome, Outcome::Answer(_)) { "takes no mail (null MX)".to_owned() } else { words(&outcome) };
        let text = format!("{domain} {why}, so bounces to rewritten senders are lost");
        say(weight(&outcome), text, "give it an MX record that names this host");
    }
    let has_spf = |text: &String| text.get(..6).is_some_and(|begin| begin.eq_ignore_ascii_case("v=spf1"));
    match texts(resolver, std::slice::from_ref(&domain)).pop() {
        Some(Found::Texts(texts)) if texts.iter().any(has_spf) => {}
        Some(Found::Unknown(why)) => say(Weight::Warning, format!("the SPF record of {domain} {why}"), "ask again later"),
        _ => {
            let text = format!("{domain} has no SPF record, so that rewritten senders pass no better than others");
            say(Weight::Warning, text, "give it a TXT record such as \"v=spf1 mx -all\"");
        }
    }
}

/// The TXT records of names.
pub fn texts(resolver: &Resolver, names: &[String]) -> Vec<Found> {
    let text = |record: &Record| if let Record::Txt(text) = record { Some(String::from_utf8_lossy(text).into_owned()) } else { None };
    let ask = |name: &String| match Question::new(name, Kind::Txt).map(|question| resolver.ask(&question, PATIENCE)) {
        Ok(Outcome::Answer(answer)) => Found::Texts(answer.records.iter().filter_map(text).collect()),
        Ok(other @ Outcome::Temporary(_)) => Found::Unknown(words(&other)),
        Ok(other) => Found::Nothing(words(&other)),
        Err(error) => Found::Nothing(error.to_string()),
    };
    names.iter().map(ask).collect()
}

fn name(text: &str) -> Option<Name> {
    Question::new(text, Kind::A).ok().map(|question| question.name)
}

fn weight<T>(outcome: &Outcome<T>) -> Weight {
    if matches!(outcome, Outcome::Temporary(_)) { Weight::Warning } else { Weight::Error }
}

fn words<T>(outcome: &Outcome<T>) -> String {
    match outcome {
        Outcome::Answer(_) => "is known".to_owned(),
        Outcome::NoSuchName => "does not exist in the DNS".to_owned(),
        Outcome::NoData => "has no such record in the DNS".to_owned(),
        Outcome::Temporary(failure) => format!("cannot be looked up now: {failure}"),
    }
}
