//! Credentials for relays: does every route find those that it names, and is every line of them in use?
//!
//! Nothing of control/smtpauth is shown but names. Owner and mode are judged with those of all files.

use crate::point::{at_file, at_line};
use crate::subject::Subject;
use stafett_control::form::route::split_words;
use stafett_control::form::smtpauth::{Account, split};
use stafett_control::{Item, Pair, rows};
use stafett_site::{Findings, Weight};
use std::collections::HashMap;

/// Judges smtpauth and the routes that need it.
pub fn check(subject: &Subject, findings: &mut Findings) {
    // A file that cannot be read, or does not parse, was found before.
    let Ok(lines) = subject.control.list(&rows::SMTPAUTH) else { return };
    let accounts: Vec<Item<Account>> =
        lines.unwrap_or_default().iter().filter_map(|item| Some(Item { line: item.line, value: split(&item.value).ok()? })).collect();
    let routes = subject.routes();
    for route in &routes {
        of_route(subject, route, &accounts, findings);
    }
    let used: Vec<String> = routes.iter().filter_map(|item| named(&item.value.1)).map(str::to_lowercase).collect();
    let mut seen: HashMap<&str, usize> = HashMap::new();
    for Item { line, value: account } in &accounts {
        let name = account.name.as_str();
        if let Some(first) = seen.insert(name, *line) {
            let finding = at_file(Weight::Warning, &rows::SMTPAUTH, format_args!("{name} stands twice, and line {first} does not count"));
            findings.push(finding.at(*line).remedy("remove one of the lines"));
        }
        if !used.iter().any(|used| used == name) {
            let finding = at_file(Weight::Warning, &rows::SMTPAUTH, format_args!("no route has auth={name}, so {name} is never used"));
            findings.push(finding.at(*line).remedy(format_args!("write auth={name} behind the route in smtproutes, or remove the line")));
        }
    }
}

fn of_route(subject: &Subject, route: &Item<Pair>, accounts: &[Item<Account>], findings: &mut Findings) {
    let Some(name) = named(&route.value.1) else { return };
    let point = |text: String| at_line(Weight::Error, &subject.control, &rows::SMTPROUTES, route, name, text);
    let account = accounts.iter().rfind(|account| account.value.name == name.to_lowercase());
    let Some(account) = account else {
        let finding = point(format!("control/smtpauth has no line {name}, so mail for this route waits"));
        return findings.push(finding.remedy(format_args!("write {name}:user:password to smtpauth, then run stafett-setup")));
    };
    let has_no_tls = split_words(&route.value.1).1.contains(&("tls", "none"));
    if has_no_tls && !account.value.without_tls {
        let finding = point(format!("this route has no TLS, and {name} is said under TLS alone, so its mail waits"));
        findings.push(finding.remedy("write tls=verify, or without-tls behind the name in smtpauth"));
    }
}

/// The name that a route calls its credentials by.
fn named(route: &str) -> Option<&str> {
    split_words(route).1.into_iter().find(|(word, _)| *word == "auth").map(|(_, name)| name)
}
