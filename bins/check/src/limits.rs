//! Numbers that do not fit together, or not to this host.

use crate::point::at_value;
use crate::processes;
use crate::subject::Subject;
use stafett_control::{Setting, rows};
use stafett_instance::tree;
use stafett_site::{Findings, Weight};
use stafett_sys::filesystem;

/// Seconds until the first retry: 20 squared (stafett-send(8)).
const FIRST_RETRY: u64 = 400;

/// Judges them.
pub fn check(subject: &Subject, findings: &mut Findings) {
    concurrency(subject, findings);
    lifetime(subject, findings);
    room(subject, findings);
    descriptors(subject, findings);
}

fn concurrency(subject: &Subject, findings: &mut Findings) {
    let (all, each) = (subject.effective(&rows::CONCURRENCYREMOTE), subject.effective(&rows::CONCURRENCYDESTINATION));
    if all == 0 {
        let finding = at_value(Weight::Warning, &subject.control, &rows::CONCURRENCYREMOTE, "nothing is delivered");
        findings.push(finding.remedy("write the number of connections to other hosts, or remove the file: 100 then count"));
    } else if all < each {
        // Blame the file that is there.
        let row = if subject.number(&rows::CONCURRENCYREMOTE).is_some() { &rows::CONCURRENCYREMOTE } else { &rows::CONCURRENCYDESTINATION };
        let text = format!(
            "one destination may have {each} connections (concurrencydestination), but all together have {all} (concurrencyremote), so one can block the others"
        );
        findings.push(at_value(Weight::Warning, &subject.control, row, text).remedy("make concurrencyremote the larger one"));
    }
    let (all, each) = (subject.effective(&rows::CONCURRENCYINCOMING), subject.number(&rows::CONCURRENCYPERIP));
    if each.is_some_and(|each| each > all) {
        let text =
            format!("one client may have more connections than all together ({all}, concurrencyincoming), so one can block the others");
        findings.push(
            at_value(Weight::Warning, &subject.control, &rows::CONCURRENCYPERIP, text).remedy("make concurrencyincoming the larger one"),
        );
    }
}

fn lifetime(subject: &Subject, findings: &mut Findings) {
    if subject.number(&rows::QUEUELIFETIME).is_some_and(|seconds| seconds < FIRST_RETRY) {
        let text = format!(
            "messages live shorter than the {FIRST_RETRY} seconds until they are tried a second time, so one failure makes a bounce"
        );
        let finding = at_value(Weight::Warning, &subject.control, &rows::QUEUELIFETIME, text);
        findings.push(finding.remedy("write seconds, 604800 for a week"));
    }
}

fn room(subject: &Subject, findings: &mut Findings) {
    let Ok(room) = filesystem::room(&subject.root.join("queue")) else { return };
    let kept = subject.effective(&rows::QUEUEFREE);
    let (free, largest) = (room.bytes.saturating_sub(kept), subject.effective(&rows::DATABYTES));
    if free == 0 {
        let text = format!(
            "the file system of the queue has {} bytes left and {kept} must stay free, so every message is refused for now",
            room.bytes
        );
        findings.push(at_value(Weight::Error, &subject.control, &rows::QUEUEFREE, text).remedy("make room, or lower queuefree"));
    } else if largest > free {
        let text = format!("a message may have {largest} bytes, but the queue has room for {free}");
        findings.push(
            at_value(Weight::Warning, &subject.control, &rows::DATABYTES, text)
                .remedy("make room on the file system of the queue, or lower databytes"),
        );
    }
    if room.files < 1000 {
        let text = format!("the file system of the queue has room for {} files only", room.files);
        findings.push(stafett_site::Finding::warning("queue", text).remedy("remove files, or make the file system anew with more inodes"));
    }
}

/// What a connection costs in descriptors, by service.
const COSTS: &[(&str, &Setting, u64)] = &[
    (tree::LISTENER, &rows::CONCURRENCYINCOMING, 1),
    // The pair to the deliverer and the message's file.
    ("send", &rows::CONCURRENCYREMOTE, 2),
];

fn descriptors(subject: &Subject, findings: &mut Findings) {
    const BESIDE: u64 = 32;
    for &(service, row, each) in COSTS {
        let needed = subject.effective(row).saturating_mul(each).saturating_add(BESIDE);
        let limit = processes::open_files(subject, service);
        if needed > limit {
            let text = format!("{} connections need {needed} open files, but {service} may have {limit}", subject.effective(row));
            let finding = at_value(Weight::Warning, &subject.control, row, text);
            findings.push(finding.remedy(format_args!("put \"ulimit -n {needed}\" in service/{service}/run, or lower the number")));
        }
    }
}
