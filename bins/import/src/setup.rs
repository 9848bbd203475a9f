//! What the instance itself needs: services and ports that stafett-setup makes.
//!
//! How it fails: it does not. Known limits: it is the admin who runs stafett-setup; nothing here does.

use crate::ground::Ground;
use crate::report::{Mark, Report};

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
