//! The ground that the relay stands on: the queue's file system, the kernel, the clock.

use crate::point::at_value;
use crate::subject::Subject;
use stafett_control::rows;
use stafett_instance::tree::IMPORTING;
use stafett_site::{Finding, Findings, Weight};
use stafett_sys::ext4;
use stafett_sys::filesystem::FileSystem;
use stafett_sys::sandbox;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Judges it.
pub fn check(subject: &Subject, findings: &mut Findings) {
    file_system(subject, findings);
    if !sandbox::is_known_to_the_kernel() {
        let finding = Finding::note("kernel", "it has no landlock, so file modes alone keep the services from files that are not theirs");
        findings.push(finding.remedy("boot a kernel 5.13 or later with lsm=...,landlock"));
    }
    clock(subject, findings);
    if subject.root.join("queue").join(IMPORTING).exists() {
        let text = "messages of another queue were just being taken over when that was broken off; they are in queue/hold";
        findings.push(Finding::warning(format_args!("queue/{IMPORTING}"), text).remedy("run stafett-import again"));
    }
}

fn file_system(subject: &Subject, findings: &mut Findings) {
    let queue = subject.root.join("queue");
    let Ok(system) = FileSystem::of(&queue) else { return };
    let said = subject.list(&rows::QUEUESYNC).pop().map(|word| word.value);
    let enough = system.syncs_names_with_files();
    if said.as_deref() == Some("file") && !enough {
        let text = format!(
            "the queue lies on {system}, where one sync of a file is not known to keep its name: messages could be lost in a power cut"
        );
        findings.push(at_value(Weight::Warning, &subject.control, &rows::QUEUESYNC, text).remedy("write directory, or remove the file"));
    }
    if let Some(device) = ext4::fast_commit_device(&queue) {
        let text =
            format!("it lies on {}, an ext4 with fast_commit: messages that were synced can be lost in a power cut", device.display());
        let remedy = format!("tune2fs -O ^fast_commit {}, while it is not mounted", device.display());
        findings.push(Finding::warning("queue", text).remedy(remedy));
    }
    if system.is_memory() {
        findings.push(
            Finding::warning("queue", format_args!("it lies on {system}: every message is lost when this host stops"))
                .remedy("put the instance on a disk"),
        );
    } else if system.is_remote() {
        let text = format!("it lies on {system}: two hosts could deliver the same messages, and changes made elsewhere are not noticed");
        findings.push(Finding::warning("queue", text).remedy("put the instance on a disk of this host"));
    }
    let synced = match said.as_deref() {
        Some("directory") => "file and directory are synced, as control/queuesync says",
        Some(_) => "the file alone is synced, as control/queuesync says",
        None if enough => "one sync of the file is enough there",
        None => "the directory is synced too",
    };
    findings.push(Finding::note("queue", format_args!("it lies on {system}; {synced}")));
}

/// The clock must not stand before what it has already told: retries and ids hang on it.
fn clock(subject: &Subject, findings: &mut Findings) {
    const SLACK: Duration = Duration::from_secs(60);
    let now = SystemTime::now();
    let modified = |path: &Path| std::fs::metadata(path).and_then(|found| found.modified()).ok();
    let own = std::env::current_exe().ok().and_then(|program| modified(&program));
    let rules = modified(&subject.control.path(&rows::TCP_SMTP_CDB));
    for (what, time) in [
        ("this program was installed", own),
        ("control/tcp.smtp.cdb was made", rules),
        ("the last queue id was given", last_id(&subject.root)),
    ] {
        let ahead = time.and_then(|time| time.duration_since(now).ok()).filter(|ahead| *ahead > SLACK);
        if let Some(ahead) = ahead {
            let text = format!("it stands {} seconds before the moment when {what}", ahead.as_secs());
            findings.push(Finding::warning("clock", text).remedy("set it, and keep it right with ntp"));
            return;
        }
    }
}

/// Ids are microseconds since 1970; queue/lastid may be 20 seconds ahead.
fn last_id(root: &Path) -> Option<SystemTime> {
    let text = std::fs::read_to_string(root.join("queue/lastid")).ok()?;
    UNIX_EPOCH.checked_add(Duration::from_micros(text.trim_end().parse().ok()?))
}
