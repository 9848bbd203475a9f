//! Whom mail is taken for and where it goes: what rcpthosts, badmailfrom and smtproutes say
//! together.

use crate::point::{at_file, at_line};
use crate::ports::{is_own_address, listens_at};
use crate::rules;
use crate::subject::{Subject, relay};
use stafett_control::{Control, Item, Setting, rows};
use stafett_route::RcptHosts;
use stafett_site::{Findings, Weight};
use stafett_wire::delivery::{Destination, Kind};
use std::collections::HashMap;
use std::net::IpAddr;

/// Judges them.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let hosts = subject.rcpthosts();
    relays_for_nobody(subject, &hosts, findings);
    twice(subject, &rows::RCPTHOSTS, findings);
    twice(subject, &rows::BADMAILFROM, findings);
    own_host(subject, findings);
    own_senders(subject, &hosts, findings);
    shadowed_routes(subject, findings);
    routes_outside(subject, &hosts, findings);
    loops(subject, findings);
}

fn relays_for_nobody(subject: &Subject, hosts: &RcptHosts, findings: &mut Findings) {
    let broken = !subject.control.faults(&rows::RCPTHOSTS).is_empty() || !subject.control.faults(&rows::MORERCPTHOSTS).is_empty();
    // whoever has an account may send to anywhere
    let has_accounts = subject.control.path(&rows::ACCOUNTS).exists();
    if broken || has_accounts || !hosts.is_empty() || rules::has_relay_clients(subject) {
        return;
    }
    let finding =
        at_file(Weight::Warning, &rows::RCPTHOSTS, "no domain is listed and no client has RELAYCLIENT, so mail is accepted for nobody");
    findings.push(finding.remedy("write the domains to accept mail for, one a line, or let your networks relay in tcp.smtp"));
}

/// Lines that say what an earlier one said.
fn twice(subject: &Subject, row: &Setting, findings: &mut Findings) {
    let mut seen: HashMap<String, usize> = HashMap::new();
    for item in subject.list(row) {
        let first = *seen.entry(item.value.to_lowercase()).or_insert(item.line);
        if first != item.line {
            let text = format!("\"{}\" is listed twice, first on line {first}", item.value);
            findings.push(at_line(Weight::Warning, &subject.control, row, &item, &item.value, text).remedy("remove one of the lines"));
        }
    }
}

/// Where nothing is delivered on this host, its own name leads back to it.
fn own_host(subject: &Subject, findings: &mut Findings) {
    let Some(me) = &subject.me else { return };
    for item in subject.list(&rows::RCPTHOSTS) {
        if item.value.eq_ignore_ascii_case(me) && !subject.is_routed(me) && !subject.is_here(me) {
            let text = format!(
                "mail for {me} is accepted, but that is this host and no route takes it further, so it would be deferred until it bounces"
            );
            let finding = at_line(Weight::Warning, &subject.control, &rows::RCPTHOSTS, &item, &item.value, text);
            findings.push(finding.remedy(format_args!(
                "remove the line, or write {me}:HOST to smtproutes (an empty HOST says that its MX records lead elsewhere)"
            )));
        }
    }
}

fn own_senders(subject: &Subject, hosts: &RcptHosts, findings: &mut Findings) {
    for item in subject.list(&rows::BADMAILFROM) {
        let Some(domain) = item.value.strip_prefix('@') else { continue };
        let is_me = subject.me.as_deref().is_some_and(|me| domain.eq_ignore_ascii_case(me));
        if is_me || subject.accepts(hosts, domain) {
            let text = format!("senders at {domain} are refused, from every client, though mail for that domain is accepted here");
            let finding = at_line(Weight::Warning, &subject.control, &rows::BADMAILFROM, &item, domain, text);
            findings.push(finding.remedy("remove the line if users of that domain send through this host"));
        }
    }
}

/// Of equal domains the last line counts.
fn shadowed_routes(subject: &Subject, findings: &mut Findings) {
    let routes = subject.routes();
    let last: HashMap<&str, usize> = routes.iter().map(|item| (item.value.0.as_str(), item.line)).collect();
    for item in &routes {
        let key = item.value.0.as_str();
        let counts = last.get(key).copied().unwrap_or(item.line);
        if counts != item.line {
            let name = if key.is_empty() { "all other domains" } else { key };
            let text = format!("this route for {name} does not count, because line {counts} is for the same");
            let part = written_key(&subject.control, item);
            findings
                .push(at_line(Weight::Warning, &subject.control, &rows::SMTPROUTES, item, &part, text).remedy("remove one of the lines"));
        }
    }
}

fn routes_outside(subject: &Subject, hosts: &RcptHosts, findings: &mut Findings) {
    let listed: Vec<String> = subject.list(&rows::RCPTHOSTS).iter().map(|item| item.value.to_lowercase()).collect();
    for item in subject.routes() {
        let key = item.value.0.as_str();
        let domain = key.strip_prefix('.').unwrap_or(key);
        // A route for all below a domain is used when any of them is listed.
        let below =
            key.starts_with('.') && listed.iter().any(|line| line.ends_with(key) || key.ends_with(line.as_str()) && line.starts_with('.'));
        if domain.is_empty() || key.contains('@') || below || subject.accepts(hosts, domain) && !key.starts_with('.') {
            continue;
        }
        if key.starts_with('.') && subject.accepts(hosts, &format!("any{key}")) {
            continue;
        }
        let who = if rules::has_relay_clients(subject) {
            "only clients with RELAYCLIENT can use this route"
        } else {
            "nobody can use this route"
        };
        let finding = at_line(
            Weight::Warning,
            &subject.control,
            &rows::SMTPROUTES,
            &item,
            &written_key(&subject.control, &item),
            format_args!("{key} is not in rcpthosts, so {who}"),
        );
        findings.push(finding.remedy(format_args!("add {key} to rcpthosts if mail for it comes from elsewhere")));
    }
}

/// Routes that lead to our own listener.
pub fn loops(subject: &Subject, findings: &mut Findings) {
    for item in subject.routes() {
        let Some(destination) = relay(&item.value.1) else { continue };
        if destination.kind != Kind::LmtpSocket && listens_at(subject, None, destination.port) {
            loop_at(subject, &item, &destination, findings);
        }
    }
}

fn loop_at(subject: &Subject, item: &Item<(String, String)>, destination: &Destination, findings: &mut Findings) {
    let Destination { name, port, .. } = destination;
    let address: Option<IpAddr> = match name.as_str() {
        "localhost" => Some(IpAddr::from([127, 0, 0, 1])),
        name => name.parse().ok(),
    };
    let (weight, text) = match address {
        Some(address) if is_own_address(address) && listens_at(subject, Some(address), *port) => (
            Weight::Error,
            format!("this route leads to {name} port {port}, where this relay itself listens: mail would go round in circles"),
        ),
        None if subject.me.as_deref() == Some(name) => (
            Weight::Warning,
            format!("this route leads to {name} port {port}, which is the name of this host: mail would go round in circles"),
        ),
        _ => return,
    };
    let finding = at_line(weight, &subject.control, &rows::SMTPROUTES, item, name, text);
    findings.push(finding.remedy("name the host that has the mailboxes, or another port"));
}

/// The key as it stands in the file; the reader gives it in lower case.
fn written_key(control: &Control, item: &Item<(String, String)>) -> String {
    let line = control.nth_line(rows::SMTPROUTES.name, item.line).unwrap_or_default();
    let line = String::from_utf8_lossy(&line).into_owned();
    line.split_once(':').map_or(line.clone(), |(key, _)| key.to_owned())
}
