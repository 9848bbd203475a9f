//! What the instance itself needs: services and ports that stafett-setup makes.
//!
//! How it fails: with a sentence when stafett-setup does; it has said why. Known limits: without `--setup` it is the admin who runs
//! it, for an instance may have ports of its own beside a qmail that still runs.

use crate::ground::Ground;
use crate::report::{Mark, Report};
use std::path::PathBuf;
use std::process::{Command, Stdio};

/// Tells the command that is still to be run, if there is one.
pub fn tell(ground: &Ground, report: &mut Report) {
    let root = ground.root.display();
    let options = options(ground);
    if ground.plan.is_none() {
        let me = ground.theirs().line(&stafett_control::rows::ME).ok().flatten().unwrap_or_else(|| "HOST".to_owned());
        report.say(Mark::Todo, &root, format_args!("make the instance: stafett-setup {root} --me {me}{options}"));
    } else if !options.is_empty() {
        report.say(Mark::Todo, &root, format_args!("stafett-setup {root}{options}; then run this again for what goes there"));
    }
    report.say(
        Mark::Note,
        &root,
        format_args!("when all is taken: stafett-setup {root} gives files their owners, stafett-check {root} judges them"),
    );
}

/// Runs that command; whether there was one.
///
/// # Errors
/// When it cannot be run, or fails.
pub fn make(ground: &Ground, report: &mut Report) -> Result<bool, String> {
    let options = options(ground);
    if options.is_empty() {
        return Ok(false);
    }
    let own = std::env::current_exe().map_err(|error| format!("unable to find stafett-setup: {error}"))?;
    let setup = own.parent().map_or_else(PathBuf::new, PathBuf::from).join("stafett-setup");
    let mut command = Command::new(&setup);
    command.arg(&ground.root).args(options.split_whitespace()).stdin(Stdio::null());
    match command.status() {
        Ok(status) if status.success() => report.say(Mark::Take, ground.root.display(), format_args!("stafett-setup{options}")),
        Ok(status) => return Err(format!("stafett-setup{options}: {status}; nothing was taken")),
        Err(error) => return Err(format!("unable to run {}: {error}", setup.display())),
    }
    Ok(true)
}

/// The options, each behind a blank; none of them holds one.
fn options(ground: &Ground) -> String {
    let wanted = &ground.wanted;
    let has = ground.plan.as_ref().map(|plan| &plan.settings);
    let mut text = String::new();
    if let Some(port) = wanted.port {
        text.push_str(&format!(" --port {port}"));
    }
    let number = |port: Option<u16>| port.map(|port| port.to_string()).unwrap_or_default();
    if wanted.submission.is_some() || wanted.submissions.is_some() {
        // setup takes both ports from this option, so that one which is there is said again.
        let starttls = wanted.submission.or(has.and_then(|has| has.submission));
        let tls = wanted.submissions.or(has.and_then(|has| has.submissions));
        let both = format!(" --submission={},{}", number(starttls), number(tls));
        text.push_str(both.trim_end_matches(','));
    }
    if !wanted.services.is_empty() {
        text.push_str(&format!(" --with {}", wanted.services.iter().copied().collect::<Vec<_>>().join(",")));
    }
    text
}
