//! Records against cases: our own, by section of RFC 7208, and those that were published with it.
//!
//! Lines of tab-separated fields: `scenario NAME` empties the zone, `record NAME TYPE VALUE` adds to it (type TIMEOUT: all
//! that is not there cannot be told), `case NAME IP HELO SENDER VERDICTS EXPLANATION` asks (`-` for nothing).

use super::check::{Additions, check};
use super::{Outcome, Question};
use crate::names::Names;
use crate::table::Table;

fn run(cases: &str) -> (usize, Vec<String>) {
    let (mut table, mut scenario, mut count, mut wrong) = (Table::default(), "", 0, Vec::new());
    for line in cases.lines().filter(|line| !line.is_empty() && !line.starts_with('#')) {
        let fields: Vec<&str> = line.split('\t').collect();
        match fields[..] {
            ["scenario", name] => (table, scenario) = (Table::default(), name),
            ["record", name, kind, value] => table.add(name, kind, value),
            ["case", name, ip, helo, sender, verdicts, explanation] => {
                count += 1;
                let found = ask(&table, ip, helo, sender, &Additions { explanation: Some("DEFAULT".into()), ..Additions::default() });
                let explained = match explanation {
                    "-" => true,
                    wanted => found.explanation.as_deref() == Some(wanted),
                };
                if !verdicts.split(',').any(|verdict| verdict == found.verdict.word()) || !explained {
                    wrong.push(format!("{scenario}: {name}: wanted {verdicts} {explanation}, found {found:?}"));
                }
            }
            _ => panic!("not a line of cases: {line:?}"),
        }
    }
    (count, wrong)
}

fn ask(names: &dyn Names, ip: &str, helo: &str, sender: &str, additions: &Additions) -> Outcome {
    let question =
        Question { ip: ip.parse().unwrap(), helo, sender: if sender == "<>" { "" } else { sender }, receiver: "relay.example.org" };
    check(names, &question, additions)
}

#[test]
fn cases_by_section() {
    let (count, wrong) = run(include_str!("cases.txt"));
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// The suite that openspf.org published, in this form.
#[test]
fn published_cases() {
    let (count, wrong) = run(include_str!("../../tests/rfc7208/cases.txt"));
    assert!(count >= 200, "only {count} cases were read");
    assert!(wrong.is_empty(), "{} of {count} cases:\n{}", wrong.len(), wrong.join("\n"));
}
