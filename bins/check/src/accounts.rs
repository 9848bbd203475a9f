//! Accounts of clients: what their lines cannot tell of themselves.
//!
//! Nothing of control/accounts is shown but names. Owner and mode are judged with those of all files.

use crate::point::at_file;
use crate::subject::Subject;
use stafett_control::form::account::Account;
use stafett_control::rows;
use stafett_site::{Findings, Weight};
use std::collections::HashMap;

/// Judges accounts and authsource.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let (accounts, sources) = (subject.list(&rows::ACCOUNTS), subject.list(&rows::AUTHSOURCE));
    let mut seen: HashMap<String, usize> = HashMap::new();
    for item in &accounts {
        // a line that does not parse was found before
        let Ok(account) = Account::parse(&item.value) else { continue };
        if let Some(first) = seen.insert(account.name.clone(), item.line) {
            let text = format!("{} stands in line {first} already, so stafett-auth does not take the file", account.name);
            findings.push(at_file(Weight::Error, &rows::ACCOUNTS, text).at(item.line).remedy("remove one of the lines"));
        }
        if account.verifiers.is_empty() && sources.is_empty() {
            let text = format!("{} has no password, and no authsource knows one, so it cannot log in", account.name);
            let remedy = format!("run stafett-passwd {} change {}", subject.root.display(), account.name);
            findings.push(at_file(Weight::Warning, &rows::ACCOUNTS, text).at(item.line).remedy(remedy));
        }
    }
    if let Some(more) = sources.get(1) {
        let finding = at_file(Weight::Error, &rows::AUTHSOURCE, "only one source can be asked, so stafett-auth does not take the file");
        findings.push(finding.at(more.line).remedy("remove this line"));
    }
    let may_be_heard = subject.control.path(&rows::SERVERCERTS).exists() || !subject.list(&rows::AUTHPLAIN).is_empty();
    let has_lines = [(&accounts, &rows::ACCOUNTS), (&sources, &rows::AUTHSOURCE)].into_iter().find(|(lines, _)| !lines.is_empty());
    if let (false, Some((_, row))) = (may_be_heard, has_lines) {
        let finding = at_file(Weight::Warning, row, "there is no certificate in servercerts, and without TLS no client is let log in");
        findings.push(finding.remedy("make control/servercerts/NAME (stafett-tls(8)), or list networks in authplain"));
    }
}
