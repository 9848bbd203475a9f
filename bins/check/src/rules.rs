//! The listener's rules: do they parse, are they compiled, and who may send to everybody?

use crate::point::{at_file, at_line};
use crate::subject::Subject;
use stafett_control::{Excerpt, Item, rows};
use stafett_instance::tree;
use stafett_site::{Finding, Findings, Weight, content};
use stafett_ucspi::{Rule, Rules, SourceError, variable};
use std::path::Path;
use std::time::SystemTime;

const RELAYCLIENT: &str = "RELAYCLIENT";

/// Judges them.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let source = source(subject);
    match &source {
        Some(Err(fault)) => broken(subject, fault, findings),
        Some(Ok(rules)) => {
            rules.iter().filter(|rule| relays(rule) && is_everybody(&rule.address)).for_each(|rule| open_line(subject, rule, findings));
            rules.iter().for_each(|rule| variables(subject, rule, findings));
        }
        None => {}
    }
    if source.is_some() {
        compiled(subject, findings);
    }
    let told =
        findings.iter().any(|finding| finding.weight == Weight::Error && finding.place == format!("control/{}", rows::TCP_SMTP.name));
    if !told {
        open_table(subject, findings);
    }
    open_environment(subject, findings);
}

/// Whether any client may send to everybody, as the file says that counts, or else its source.
pub fn has_relay_clients(subject: &Subject) -> bool {
    let says = |path: &Path, word: &[u8]| std::fs::read(path).is_ok_and(|bytes| bytes.windows(word.len()).any(|part| part == word));
    let in_source = matches!(source(subject), Some(Ok(rules)) if rules.iter().any(relays));
    in_source || says(&subject.control.path(&rows::TCP_SMTP_CDB), b"+RELAYCLIENT=")
}

/// Compiled rules that let everybody relay.
pub fn open_table(subject: &Subject, findings: &mut Findings) {
    let Ok(rules) = Rules::open(&subject.control.path(&rows::TCP_SMTP_CDB)) else { return };
    if rules.let_everybody_relay() {
        let finding = at_file(Weight::Error, &rows::TCP_SMTP_CDB, "every client may send to every recipient: this is an open relay");
        findings
            .push(finding.remedy("give RELAYCLIENT to your own networks alone in tcp.smtp and run stafett-tcprules tcp.smtp in control/"));
    }
}

/// The source's rules; `None` when there is no source.
fn source(subject: &Subject) -> Option<Result<Vec<Rule>, SourceError>> {
    let text = std::fs::read(subject.control.path(&rows::TCP_SMTP)).ok()?;
    Some(stafett_ucspi::parse(&text))
}

fn broken(subject: &Subject, fault: &SourceError, findings: &mut Findings) {
    let row = &rows::TCP_SMTP;
    let said = findings.iter().any(|finding| finding.place == "control/tcp.smtp" && finding.line == fault.line);
    if said {
        return;
    }
    let line = subject.control.nth_line(row.name, fault.line).unwrap_or_default();
    let finding = at_file(Weight::Error, row, &fault.reason).at(fault.line).showing(Some(Excerpt::at(&line, fault.column)));
    findings.push(finding.remedy("correct it and run stafett-tcprules tcp.smtp in control/"));
}

fn relays(rule: &Rule) -> bool {
    !rule.instructions.deny && rule.instructions.variables.iter().any(|(name, _)| name == RELAYCLIENT.as_bytes())
}

fn is_everybody(address: &str) -> bool {
    matches!(address, "" | "=") || address.ends_with("/0")
}

fn open_line(subject: &Subject, rule: &Rule, findings: &mut Findings) {
    let at = Item { line: rule.line, value: () };
    let text = "every client may send to every recipient: this is an open relay";
    let finding = at_line(Weight::Error, &subject.control, &rows::TCP_SMTP, &at, RELAYCLIENT, text);
    findings.push(finding.remedy("write your own networks in front of the colon and run stafett-tcprules tcp.smtp in control/"));
}

/// Values that smtpd cannot understand: it would turn the clients of the rule away.
fn variables(subject: &Subject, rule: &Rule, findings: &mut Findings) {
    for (name, value) in &rule.instructions.variables {
        if let Some(Err(reason)) = variable(name).map(|known| known.judge(value)) {
            let at = Item { line: rule.line, value: () };
            let text = format!("{reason}; clients of this rule would be turned away");
            let finding = at_line(Weight::Error, &subject.control, &rows::TCP_SMTP, &at, &String::from_utf8_lossy(name), text);
            findings.push(finding.remedy("correct it and run stafett-tcprules tcp.smtp in control/"));
        }
    }
}

fn compiled(subject: &Subject, findings: &mut Findings) {
    let changed = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let edited: Option<SystemTime> = changed(&subject.control.path(&rows::TCP_SMTP));
    let text = match (edited, changed(&subject.control.path(&rows::TCP_SMTP_CDB))) {
        (_, None) => "the rules are not compiled, so none of them counts",
        (Some(edited), Some(made)) if edited > made => "the rules were edited after tcp.smtp.cdb was made, so older ones count",
        _ => return,
    };
    findings.push(at_file(Weight::Warning, &rows::TCP_SMTP, text).remedy("run stafett-tcprules tcp.smtp in control/"));
}

/// smtpd takes the variable from its own environment too.
pub fn open_environment(subject: &Subject, findings: &mut Findings) {
    let services = subject.root.join("service");
    for service in content::names(&services).unwrap_or_default() {
        let service = service.to_string_lossy();
        let takes = service == "smtpd" || service.starts_with(tree::LISTENER);
        let place = format!("service/{service}/env/{RELAYCLIENT}");
        // envdir(8): a file of no bytes takes the variable away.
        if takes && std::fs::metadata(subject.root.join(&place)).is_ok_and(|found| found.len() > 0) {
            let finding = Finding::error(place, "every client may send to every recipient: this is an open relay");
            findings.push(finding.remedy("remove the file and restart the service; name your own networks in control/tcp.smtp"));
        }
    }
}
