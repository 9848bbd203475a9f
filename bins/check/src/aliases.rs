//! Aliases: whether their tables are made, and whether smtpd knows of them.

use crate::point::{at_file, at_line};
use crate::subject::Subject;
use stafett_control::{Item, rows};
use stafett_site::{Findings, Weight};
use std::ffi::OsString;
use std::path::Path;
use std::time::SystemTime;

/// What takes the names that are no user's.
const DEFAULT: &str = "alias/.qmail-default";

/// Judges control/aliases, or that there is none.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let files = subject.lines(&rows::ALIASES);
    files.iter().for_each(|item| table(subject, item, findings));
    if files.is_empty() && goes_by_aliases(&subject.root.join(DEFAULT)) {
        let text = format!("{DEFAULT} asks fastforward, but smtpd accepts every name: mail for those that are no alias bounces");
        let finding = at_file(Weight::Warning, &rows::ALIASES, text);
        findings.push(finding.remedy("write the file of the aliases to aliases, such as /etc/aliases, and run newaliases"));
    }
}

/// Whether its first line of commands hands all names to fastforward. With -p lines behind it may know others.
fn goes_by_aliases(file: &Path) -> bool {
    let text = std::fs::read(file).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let first = text.lines().find_map(|line| line.strip_prefix('|')).unwrap_or_default();
    let mut words = first.split_whitespace().skip_while(|word| !word.ends_with("fastforward"));
    let options = words.next().map(|_| words.take_while(|word| word.starts_with('-')));
    options.is_some_and(|mut options| !options.any(|word| word.contains('p')))
}

fn table(subject: &Subject, item: &Item<String>, findings: &mut Findings) {
    let text = &item.value;
    let mut compiled = OsString::from(text);
    compiled.push(".cdb");
    let mut say = |weight, words: String| {
        let finding = at_line(weight, &subject.control, &rows::ALIASES, item, text, words);
        findings.push(finding.remedy("run newaliases"));
    };
    match (changed(Path::new(&compiled)), changed(Path::new(text))) {
        (None, _) => say(Weight::Error, format!("{text}.cdb cannot be found, so mail for names that are no user's waits")),
        (Some(made), Some(written)) if written > made => {
            say(Weight::Warning, format!("{text} was changed after {text}.cdb was made, which counts"));
        }
        _ => {}
    }
}

fn changed(file: &Path) -> Option<SystemTime> {
    std::fs::metadata(file).ok()?.modified().ok()
}
