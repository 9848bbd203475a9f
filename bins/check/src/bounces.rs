//! Bounces that could never arrive.

use crate::point::at_value;
use crate::subject::Subject;
use stafett_control::rows;
use stafett_site::{Findings, Weight};

/// Judges where double bounces go: to a host that is not this one, unless it has users.
pub fn check(subject: &Subject, findings: &mut Findings) {
    let (to, host) = (&rows::DOUBLEBOUNCETO, &rows::DOUBLEBOUNCEHOST);
    let discarded = subject.line(to).is_none() && subject.control.path(to).exists();
    let (Some(me), Some(target)) = (&subject.me, subject.or_me(host)) else { return };
    if discarded || !target.eq_ignore_ascii_case(me) || subject.is_routed(me) || subject.is_here(me) {
        return;
    }
    let user = subject.line(to).unwrap_or_else(|| "postmaster".to_owned());
    let text =
        format!("double bounces go to {user}@{target}, which is this host, and no route takes them further, so they are lost in the end");
    let finding = at_value(Weight::Warning, &subject.control, host, text);
    findings.push(
        finding
            .remedy("write the name of a host that has mailboxes to doublebouncehost, or an empty line to doublebounceto to discard them"),
    );
}
