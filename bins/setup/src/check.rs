//! `--check`: judges the tree of an instance, and the options given against what it remembers.
//!
//! Changes nothing. One line a finding on standard error. The control files and what runs are the
//! matter of stafett-check, which judges the tree the same way.

use crate::options::Request;
use crate::{Failure, LOG, Plan};
use stafett_control::{Control, rows};
use stafett_site::{Finding, Findings, Weight, tree};
use std::process::ExitCode;

/// Judges the instance; exits 0, 1 for warnings, 100 for errors.
pub fn run(request: &Request) -> Result<ExitCode, Failure> {
    let plan = Plan::of_existing(&request.directory)?;
    let mut findings = Findings::default();
    options(&plan, request, &mut findings);
    tree::judge(&plan, &mut findings)?;
    for finding in findings.iter() {
        match finding.weight {
            Weight::Error => LOG.error(finding),
            Weight::Warning => LOG.warning(finding),
            Weight::Note => LOG.note(finding),
        }
    }
    Ok(ExitCode::from(findings.exit_code()))
}

/// What the options say against what the instance remembers.
fn options(plan: &Plan, request: &Request, findings: &mut Findings) {
    let settings = &plan.settings;
    let mut compare = |option: &str, asked: Option<String>, known: String| {
        if let Some(asked) = asked
            && asked != known
        {
            findings.push(Finding::error(
                format_args!("{option} {asked}"),
                format_args!("the instance in {} has {known}", plan.root.display()),
            ));
        }
    };
    let me = Control::new(plan.root.join("control")).line(&rows::ME).ok().flatten();
    compare("--me", request.me.clone(), me.unwrap_or_default());
    compare("--port", request.port.map(|port| port.to_string()), settings.port.to_string());
    let shown = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
    let ports = |starttls, tls| Some(format!("{},{}", shown(starttls), shown(tls))).filter(|ports| ports != ",");
    let asked = request.submission.map(|asked| ports(asked.starttls, asked.tls).unwrap_or_else(|| "none".to_owned()));
    compare("--submission", asked, ports(settings.submission, settings.submissions).unwrap_or_else(|| "none".to_owned()));
    compare("--user-prefix", request.prefix.clone(), plan.prefix().unwrap_or("one user for everything").to_owned());
    let bin = request.bin.as_deref().map(|bin| std::fs::canonicalize(bin).unwrap_or_else(|_| bin.to_path_buf()));
    compare("--bin", bin.map(|bin| bin.display().to_string()), settings.bin.display().to_string());
    let addresses = Some(request.addresses.join(" ")).filter(|addresses| !addresses.is_empty());
    compare("--address", addresses, settings.addresses.join(" "));
    for (option, names, wanted) in [("--with", &request.with, true), ("--without", &request.without, false)] {
        for name in names.iter().filter(|name| settings.with.contains(*name) != wanted) {
            let has = if wanted { "does not have that service" } else { "has that service" };
            findings.push(Finding::error(format_args!("{option} {name}"), format_args!("the instance in {} {has}", plan.root.display())));
        }
    }
}
