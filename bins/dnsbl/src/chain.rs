//! In front of smtpd: asks about the one client, and becomes the next program.
//!
//! What it does: BOUNCEMAIL gets the text of the list that decided, behind a `-` when it is for good; smtpd says it to each
//! recipient. RBLSMTPD that a rule has set decides without a look-up: empty accepts, else it is the text. A client with
//! RELAYCLIENT or BOUNCEMAIL is not looked up either. After a look-up without a hit RBLSMTPD is set and empty, so that
//! nobody looks again.
//!
//! How it fails: returns why the next program was not executed; the listener's client sees a closed connection then.

use crate::LOG;
use crate::examine::examine;
use crate::lists::Lists;
use crate::lookups::{FromNetwork, Memory};
use crate::options::Chain;
use crate::parts::{Finding, Inquiry, Part};
use crate::settings::Settings;
use crate::words::harmless;
use stafett_ask::Verdict;
use stafett_control::Control;
use stafett_instance::Instance;
use std::ffi::OsStr;
use std::net::IpAddr;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::process::CommandExt;
use std::process::Command;
use std::time::Instant;

/// Looks the client up and executes the next program. Returns only when that fails.
pub fn run(chain: &Chain) -> String {
    let Some((program, arguments)) = chain.program.split_first() else { return "no program is named".to_owned() };
    let mut command = Command::new(program);
    command.args(arguments);
    match decide(chain) {
        Ok(Some((name, value))) => {
            command.env(name, OsStr::from_bytes(value.as_bytes()));
        }
        Ok(None) => {}
        Err(reason) => return reason,
    }
    let error = command.exec();
    format!("unable to execute {}: {error}", program.display())
}

/// The variable to set.
fn decide(chain: &Chain) -> Result<Option<(&'static str, String)>, String> {
    let value = |name| std::env::var_os(name);
    if value("RELAYCLIENT").is_some() || value("BOUNCEMAIL").is_some_and(|text| !text.is_empty()) {
        return Ok(None);
    }
    if let Some(text) = value("RBLSMTPD") {
        return Ok((!text.is_empty()).then(|| ("BOUNCEMAIL", signed(text.as_bytes()))));
    }
    let Some(ip) = value("TCPREMOTEIP").and_then(|ip| ip.to_str()?.parse().ok()) else { return Ok(None) };
    let finding = look_up(chain, ip)?;
    let permanent = finding.verdict == Verdict::Permanent || chain.permanent;
    let text = match finding.verdict {
        Verdict::Ok if finding.is_open && chain.closed => "the block lists cannot be asked, try again later".to_owned(),
        Verdict::Ok => return Ok(Some(("RBLSMTPD", String::new()))),
        _ => format!("{}{}", if permanent { "-" } else { "" }, finding.text.trim_start_matches('-')),
    };
    LOG.line(format_args!("block client {ip} rule {}: {text}", finding.rule.replace(' ', "_")));
    Ok(Some(("BOUNCEMAIL", text)))
}

fn look_up(chain: &Chain, ip: IpAddr) -> Result<Finding, String> {
    let settings = settings(chain)?;
    let memory = Memory::new(LOG);
    let deadline = Instant::now() + chain.within.unwrap_or(settings.within);
    let inquiry = Inquiry { ip: Some(ip), helo: None, sender: None, parts: vec![Part::Client] };
    let findings = examine(&inquiry, &settings, &mut FromNetwork { memory: &memory, resolver: &settings.resolver, deadline });
    findings.into_iter().flatten().next().ok_or_else(|| "a look-up came to nothing".to_owned())
}

/// The lists of the options, else those of the instance; its name servers, else those of the system.
fn settings(chain: &Chain) -> Result<Settings, String> {
    let control = Instance::from_environment().map(|instance| Control::new(instance.control()));
    let mut settings = match control {
        Ok(control) => Settings::read(&control).map_err(|error| error.to_string())?,
        Err(_) if !chain.lists.is_empty() => Settings::of_system(Lists::of(Vec::new())),
        Err(error) => return Err(error.to_string()),
    };
    if !chain.lists.is_empty() {
        settings.addresses = Lists::of(chain.lists.clone());
    }
    Ok(settings)
}

/// A text with its sign.
fn signed(text: &[u8]) -> String {
    match text.strip_prefix(b"-") {
        Some(text) => format!("-{}", harmless(text)),
        None => harmless(text),
    }
}
