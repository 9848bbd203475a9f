//! What runs: services that are up and do not listen, and strangers at our port.
//!
//! Supervisors write service/NAME/supervise/status, which runit and daemontools begin alike: the
//! time of the last change as a TAI64N label, then the process number. Who holds a socket is told by
//! the descriptors under /proc (proc(5)).
//! Known limits: an ordinary user sees neither the status nor the descriptors of root's services; what
//! can then not be told is not guessed.

use crate::ports::{Listening, conflicting, listening};
use crate::subject::Subject;
use stafett_instance::tree::{self, Listener, Port};
use stafett_site::{Finding, Findings, Plan};
use stafett_sys::limit;
use stafett_sys::user::Uid;
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// A service that has just been started may still be on its way.
const GRACE: Duration = Duration::from_secs(5);
/// TAI64 labels count from here, and were 10 seconds ahead in 1970.
const TAI_EPOCH: u64 = (1 << 62) + 10;

/// A service as its supervisor sees it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Running {
    pid: u32,
    since: SystemTime,
}

/// Judges what runs.
pub fn check(subject: &Subject, plan: &Plan, findings: &mut Findings) {
    let all = listening();
    for listener in plan.listeners() {
        port(subject, plan, &listener, &all, findings);
    }
    let sockets = fs::read_to_string("/proc/net/unix").unwrap_or_default();
    for (name, door) in plan.services().into_iter().filter_map(|service| Some((service.name, service.door?))) {
        let path = format!("run/{}/socket", door.service.name());
        let whole = subject.root.join(&path);
        let listens =
            sockets.lines().any(|line| line.split_ascii_whitespace().count() > 7 && line.ends_with(&format!(" {}", whole.display())));
        if !listens && is_settled(subject, name) {
            let finding = Finding::warning(path, format_args!("nobody listens here, though the service {name} is up"));
            findings.push(finding.remedy(format_args!("log/{name}/current says why")));
        }
    }
}

/// How many files a service may have open: as its process is, or else as we are.
pub fn open_files(subject: &Subject, service: &str) -> u64 {
    let limits = running(subject, service).and_then(|running| fs::read_to_string(format!("/proc/{}/limits", running.pid)).ok());
    let soft = limits.as_deref().and_then(|text| text.lines().find_map(|line| line.strip_prefix("Max open files")));
    let soft = soft.and_then(|rest| rest.split_ascii_whitespace().next()).map(|word| word.parse().unwrap_or(u64::MAX));
    soft.unwrap_or_else(limit::open_files)
}

fn port(subject: &Subject, plan: &Plan, listener: &Listener, all: &[Listening], findings: &mut Findings) {
    let Listener { name, kind, address, port } = listener;
    let (port, place) = (*port, format!("service/{name}"));
    let option = if *kind == Port::Mail { "--port N" } else { "--submission=N,N" };
    let held = conflicting(all, address, port);
    let shown = if address == "0" { "any address" } else { address };
    if held.is_empty() {
        if is_settled(subject, name) {
            let finding = Finding::warning(place, format_args!("is up, but nobody listens at {shown} port {port}"));
            findings.push(finding.remedy(format_args!("log/{name}/current says why")));
        }
        return;
    }
    if let Some(words) = held.iter().find_map(|socket| stranger(subject, name, socket)) {
        let finding = Finding::error(place, format_args!("port {port} at {shown} is in use by {words}"));
        findings.push(
            finding.remedy(format_args!("stop that, or choose another port or address: stafett-setup {} {option}", plan.root.display())),
        );
    }
}

/// Who else than the service holds the socket, in words; `None` when it is the service, or when
/// that cannot be told and nothing speaks against it.
fn stranger(subject: &Subject, name: &str, socket: &Listening) -> Option<String> {
    let own = running(subject, name);
    match holder(socket.inode) {
        Some(pid) if own.is_some_and(|own| own.pid == pid) || works_in(pid, &subject.root.join("service")) => None,
        Some(pid) => {
            let program = fs::read_to_string(format!("/proc/{pid}/comm")).unwrap_or_default();
            Some(format!("{} (process {pid})", program.trim_end()))
        }
        // Root sees every process of its own; an ordinary user does not.
        None if own.is_none() && Uid::effective().is_root() => Some("a process that cannot be seen from here".to_owned()),
        None => None,
    }
}

fn holder(inode: u64) -> Option<u32> {
    let wanted = format!("socket:[{inode}]");
    let numbers = fs::read_dir("/proc").ok()?.flatten().filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
    let holds = |pid: &u32| {
        let entries = fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten();
        entries.filter_map(|entry| fs::read_link(entry.path()).ok()).any(|target| target.as_os_str().as_bytes() == wanted.as_bytes())
    };
    let mut numbers: Vec<u32> = numbers.collect();
    numbers.sort_unstable();
    numbers.into_iter().find(holds)
}

/// Services work in their directory below service/, where the supervisor starts them.
fn works_in(pid: u32, directory: &Path) -> bool {
    let directory = fs::canonicalize(directory).unwrap_or_else(|_| directory.to_path_buf());
    fs::read_link(format!("/proc/{pid}/cwd")).is_ok_and(|place| place.starts_with(&directory))
}

fn is_settled(subject: &Subject, name: &str) -> bool {
    running(subject, name).is_some_and(|running| running.since.elapsed().is_ok_and(|time| time > GRACE))
}

/// The process of a service that is up; `None` when it is down, or its status cannot be seen.
fn running(subject: &Subject, name: &str) -> Option<Running> {
    let name = if name.is_empty() { tree::LISTENER } else { name };
    let status = fs::read(subject.root.join("service").join(name).join("supervise/status")).ok()?;
    let found = status_of(&status)?;
    // A supervisor that was killed leaves its last word behind.
    works_in(found.pid, &subject.root.join("service")).then_some(found)
}

/// The bytes of a status file: 8 seconds, 4 nanoseconds (both most significant first), 4 process number
/// (least first), and more that differs between supervisors.
fn status_of(bytes: &[u8]) -> Option<Running> {
    let (seconds, rest) = bytes.split_first_chunk::<8>()?;
    let (pid, _) = rest.get(4..)?.split_first_chunk::<4>()?;
    let seconds = u64::from_be_bytes(*seconds).checked_sub(TAI_EPOCH)?;
    let pid = Some(u32::from_le_bytes(*pid)).filter(|pid| *pid != 0)?;
    Some(Running { pid, since: UNIX_EPOCH.checked_add(Duration::from_secs(seconds))? })
}
