//! Who holds which power while the instance runs, as /proc shows it (root only: an ordinary user has one user for all).

use stafett_test_e2e::{
    Client, Process, Signal, Sink, Site, Supervisor, USER_PREFIX, bin, has, is_root, message, scratch, signal, skip, wait_until,
};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};

/// Program, the letter of its user, and what its descriptors may be.
const TABLE: [(&str, &str, &[&str]); 7] = [
    ("stafett-tcpserver", "d", &["pipe:", "socket:", "anon_inode:", "control/tcp.smtp.cdb"]),
    ("stafett-smtpd", "d", &["pipe:", "socket:", "anon_inode:", "control", "control/morercpthosts.cdb"]),
    ("stafett-queued", "q", &["pipe:", "socket:", "anon_inode:", "control", "queue", "run/queue"]),
    ("stafett-send", "q", &["pipe:", "socket:", "anon_inode:", "control", "queue", "run/send"]),
    ("stafett-remote", "r", &["pipe:", "socket:", "anon_inode:", "control", "queue"]),
    ("stafett-verify", "v", &["pipe:", "socket:", "anon_inode:", "control"]),
    ("stafett-metrics", METRICS, &["pipe:", "socket:", "anon_inode:", "queue", "log"]),
];
/// The one whose user has the group of the admins and no other.
const METRICS: &str = "x";

/// A running instance with the optional services.
fn relay(sink: &Sink) -> Site {
    let mut site = Site::new();
    assert!(site.setup(&["--with", "metrics,verify"]).status.success());
    site.control("metricslisten", "");
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.start(Supervisor::Runit);
    site
}

fn group_of(letter: &str) -> String {
    if letter == METRICS { USER_PREFIX.to_owned() } else { format!("{USER_PREFIX}{letter}") }
}

fn id_of(kind: &str, name: &str) -> String {
    let file = if kind == "user" { "/etc/passwd" } else { "/etc/group" };
    let text = fs::read_to_string(file).unwrap();
    let line = text.lines().find(|line| line.starts_with(&format!("{name}:"))).unwrap_or_else(|| panic!("no {kind} {name}"));
    line.split(':').nth(2).unwrap().to_owned()
}

/// A descriptor fits when it is of an allowed kind, or a file at or below an allowed place of the instance.
fn fits(site: &Site, allowed: &[&str], target: &str) -> bool {
    let below = |place: &str| {
        target.strip_prefix(&site.path(place).display().to_string()).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let fits_one = |one: &&str| if one.ends_with(':') { target.starts_with(one) } else { below(one) };
    target == "/dev/null" || allowed.iter().any(fits_one)
}

fn check(site: &Site, process: &Process) {
    let (_, letter, allowed) = TABLE.iter().find(|(name, ..)| *name == process.name).unwrap();
    let status = process.status();
    let (user, group) = (id_of("user", &format!("{USER_PREFIX}{letter}")), id_of("group", &group_of(letter)));
    let common = id_of("group", USER_PREFIX);
    let words = |key: &str| status.get(key).map(|text| text.split_whitespace().map(str::to_owned).collect::<Vec<_>>()).unwrap_or_default();
    assert_eq!(words("Uid"), vec![user; 4], "users of {}", process.name);
    assert_eq!(words("Gid"), vec![group.clone(); 4], "groups of {}", process.name);
    let allowed_groups = BTreeSet::from([group, common]);
    assert!(words("Groups").iter().all(|group| allowed_groups.contains(group)), "{} is in the groups {:?}", process.name, words("Groups"));
    assert_eq!(status["NoNewPrivs"], "1", "no_new_privs of {}", process.name);
    for set in ["CapInh", "CapPrm", "CapEff", "CapAmb"] {
        assert_eq!(status[set].trim_start_matches('0'), "", "{set} of {}", process.name);
    }
    for (number, target) in process.descriptors() {
        assert!(fits(site, allowed, &target), "{} (process {}) holds descriptor {number} on {target}", process.name, process.pid);
    }
}

#[test]
fn every_process_holds_no_more_than_the_table_says() {
    if !is_root() {
        return skip("every_process_holds_no_more_than_the_table_says", "needs root: an ordinary user runs everything as itself");
    }
    let sink = Sink::scripted(|step, _| match step {
        stafett_test_e2e::Step::Dot(_) => stafett_test_e2e::Act::Wait(std::time::Duration::from_secs(2)),
        _ => stafett_test_e2e::Act::Accept,
    });
    let site = relay(&sink);
    let mut client = Client::greeted(site.port());
    client.deliver("a@sender.test", &["b@taken.test"], &message("in-delivery"));
    assert!(sink.wait(10, |seen| seen.open > 0));
    let mut names = Vec::new();
    for (name, ..) in TABLE {
        site.resident(name);
        let processes = site.processes(name);
        for process in processes {
            check(&site, &process);
            names.push(process.name.clone());
        }
    }
    // Parents and the children of a conversation and of a delivery.
    assert!(names.iter().filter(|name| *name == "stafett-smtpd").count() >= 2, "{names:?}");
    assert!(names.iter().filter(|name| *name == "stafett-remote").count() >= 2, "{names:?}");
    let strangers: Vec<String> = stafett_test_e2e::below(site.root())
        .iter()
        .filter(|process| process.status().get("Uid").is_some_and(|uid| uid.starts_with("0\t")))
        .map(|process| process.name.clone())
        .filter(|name| !matches!(name.as_str(), "runsv" | "runsvdir"))
        .collect();
    assert_eq!(strangers, Vec::<String>::new(), "run as root");
}

#[test]
fn nothing_is_setuid_or_writable_by_others() {
    for entry in fs::read_dir(bin()).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("stafett-") || name == "qstat" || name == "qtool" {
            let mode = entry.metadata().unwrap().permissions().mode();
            assert_eq!(mode & 0o6000, 0, "{name} has mode {mode:o}");
        }
    }
    let site = Site::new();
    let mut waiting = vec![site.root().to_path_buf()];
    while let Some(path) = waiting.pop() {
        let metadata = fs::symlink_metadata(&path).unwrap();
        let mode = metadata.permissions().mode();
        assert!(
            metadata.is_symlink() || mode & 0o6002 == 0 || metadata.is_dir() && mode & 0o1002 == 0o1002,
            "{} has mode {mode:o}",
            path.display()
        );
        if metadata.is_dir() {
            waiting.extend(fs::read_dir(&path).unwrap().flatten().map(|entry| entry.path()));
        }
    }
}

#[test]
fn the_services_cannot_reach_each_others_places() {
    if !is_root() {
        return skip("the_services_cannot_reach_each_others_places", "needs root: an ordinary user runs everything as itself");
    }
    let sink = Sink::new();
    let site = relay(&sink);
    let can = |letter: &str, test: &str, path: &str| {
        let user = format!("{USER_PREFIX}{letter}");
        let mut command = Command::new("setpriv");
        let ids = [format!("--reuid={user}"), format!("--regid={}", group_of(letter))];
        command.args(ids).args(["--init-groups", "test", test]).arg(site.path(path));
        command.status().unwrap().success()
    };
    assert!(can("q", "-w", "queue/new"));
    for letter in ["d", "r", "l"] {
        assert!(!can(letter, "-r", "queue/new") && !can(letter, "-w", "queue/new"), "{letter} can reach queue/new");
        assert!(!can(letter, "-w", "run/queue"), "{letter} can write in run/queue");
    }
    // It reads what it tells of, and changes nothing.
    assert!(can(METRICS, "-r", "queue/new") && can(METRICS, "-r", "log/send") && can(METRICS, "-w", "run/send/socket"));
    for path in ["queue/new", "queue/lastid", "log/send", "run/queue", "run/send", "run/smtpd/socket", "run/remote/socket"] {
        assert!(!can(METRICS, "-w", path), "metrics can write to {path}");
    }
    for letter in ["d", "q", "r", "l", METRICS] {
        assert!(!can(letter, "-w", "control") && !can(letter, "-w", "service/smtpd/run"), "{letter} can change the configuration");
    }
    assert!(can("d", "-w", "run/queue/socket"));
    assert!(!can("r", "-w", "run/smtpd/socket") || !can("q", "-w", "run/smtpd/socket"), "everybody may hand connections to smtpd");
}

/// The kernel tells of nobody's landlock rules, so each resident is started again under strace.
#[test]
fn each_resident_locks_itself_in() {
    if !is_root() || has("strace").is_none() {
        return skip("each_resident_locks_itself_in", "needs root and strace");
    }
    let sink = Sink::new();
    let site = relay(&sink);
    let place = scratch();
    for (name, ..) in TABLE {
        let resident = site.resident(name);
        let trace = place.path().join(name);
        let mut command = Command::new("strace");
        command.args(["-f", "-q", "-p", &resident.parent().to_string(), "-e", "trace=landlock_restrict_self,prctl", "-o"]).arg(&trace);
        let mut tracer = command.stderr(Stdio::null()).spawn().unwrap();
        let supervisor = Process::at(resident.parent()).unwrap();
        assert!(wait_until(10, || supervisor.status()["TracerPid"] != "0"), "strace does not attach");
        signal(resident.pid, Signal::SIGTERM);
        let text = || fs::read_to_string(&trace).unwrap_or_default();
        let locked = || text().lines().any(|line| line.contains("landlock_restrict_self(") && line.trim_end().ends_with("= 0"));
        let tried = || text().contains("landlock_restrict_self(") || text().contains("PR_SET_NO_NEW_PRIVS");
        let came = wait_until(15, || locked() || tried() && site.log(name.trim_start_matches("stafett-")).contains("landlock"));
        signal(i32::try_from(tracer.id()).unwrap(), Signal::SIGINT);
        let _ = tracer.wait();
        assert!(came, "{name} starts without landlock and without a note:\n{}\n{}", text(), site.logs());
    }
}

/// What a program inside smtpd's sandbox can and cannot reach.
#[test]
fn smtpds_sandbox_keeps_its_programs_from_other_files() {
    let sink = Sink::new();
    let mut site = Site::new();
    let (place, open) = (scratch(), scratch());
    let (probe, secret, result) = (place.path().join("probe"), open.path().join("secret"), open.path().join("result"));
    fs::write(&secret, "secret\n").unwrap();
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o666)).unwrap();
    fs::set_permissions(open.path(), fs::Permissions::from_mode(0o777)).unwrap();
    fs::write(
        &probe,
        format!("#!/bin/sh\ncat >/dev/null\ncat {0} && exit 31\necho x >{1} && exit 31\nexit 71\n", secret.display(), result.display()),
    )
    .unwrap();
    fs::set_permissions(&probe, fs::Permissions::from_mode(0o755)).unwrap();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.rules(&format!("127.:allow,QMAILQUEUE=\"{}\"\n", probe.display()));
    fs::write(site.path("service/smtpd/env/LANDLOCKREAD"), place.path().to_str().unwrap()).unwrap();
    site.start(Supervisor::Runit);
    if site.log("smtpd").contains("landlock") {
        return skip("smtpds_sandbox_keeps_its_programs_from_other_files", "the kernel has no landlock");
    }
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    assert_eq!(client.data(&message("probe")).code, 451, "a program of smtpd's has reached files of others");
    assert!(!result.exists());
}
