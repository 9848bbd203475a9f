//! How findings look on the terminal: `place:line: weight: text`, below it the line with a caret
//! below the part that is meant, and what to do.

use stafett_control::Excerpt;
use stafett_log::Failure;
use stafett_log::safe;
use stafett_site::{Finding, Findings, Weight};
use std::fmt::Write as _;
use std::io::Write as _;

/// Prints those of at least that weight; a reader that has gone away is no fault.
pub fn all(findings: &Findings, least: Weight) {
    let shown: String = findings.iter().filter(|finding| finding.weight >= least).map(one).collect();
    let _ = std::io::stdout().write_all(shown.as_bytes());
}

/// Prints a text.
pub fn text(text: &str) -> Result<u8, Failure> {
    let _ = writeln!(std::io::stdout(), "{text}");
    Ok(0)
}

/// One finding, in lines.
pub fn one(finding: &Finding) -> String {
    let line = if finding.line > 0 { format!(":{}", finding.line) } else { String::new() };
    let mut text = format!("{}{line}: {}: {}\n", shown(&finding.place), finding.weight, shown(&finding.text));
    if let Some(excerpt) = &finding.excerpt {
        text.push_str(&marked(excerpt));
    }
    if let Some(remedy) = &finding.remedy {
        let _ = writeln!(text, "    {}", shown(remedy));
    }
    text
}

fn marked(excerpt: &Excerpt) -> String {
    let blank = " ".repeat(excerpt.column.saturating_sub(1));
    format!("    {}\n    {blank}{}\n", excerpt.text, "^".repeat(excerpt.width))
}

/// Names of files and words of control files may hold anything.
fn shown(text: &str) -> String {
    // A percent sign is only unsafe in logs.
    text.split('%').map(|part| safe(part.as_bytes()).to_string()).collect::<Vec<_>>().join("%")
}
