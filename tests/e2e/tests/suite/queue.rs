//! The queue: what is promised is on disk, and what cannot be kept is not promised.

use stafett_test_e2e::{
    Client, Process, Signal, Sink, Site, Supervisor, has, is_root, message, run, scratch, signal, skip, transfer, wait_until,
};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Child, Command, Stdio};

fn relay(sink: &Sink) -> Site {
    Site::relaying_to(sink)
}

/// Runs stafett-queue with these bytes on descriptors 0 and 1 and returns its exit code.
pub fn inject(site: &Site, body: &[u8], envelope: &[u8]) -> Option<i32> {
    let place = scratch();
    let (message, addresses) = (place.path().join("0"), place.path().join("1"));
    fs::write(&message, body).unwrap();
    fs::write(&addresses, envelope).unwrap();
    // A shell can open descriptor 1 for reading; Command cannot.
    let mut shell = site.command("stafett-queue");
    let program = shell.get_program().to_owned();
    shell = Command::new("sh");
    shell.env("STAFETT", site.root()).args(["-c", "exec \"$0\" <\"$1\" 1<\"$2\""]).arg(program).arg(&message).arg(&addresses);
    shell.stderr(Stdio::null()).status().unwrap().code()
}

#[test]
fn the_injector_speaks_qmail_queues_protocol() {
    let sink = Sink::new();
    let site = relay(&sink);
    let body = b"Subject: injected\n\nlines end\nin LF here\n";
    assert_eq!(inject(&site, body, b"Fa@sender.test\0Tb@taken.test\0Tc@taken.test\0\0"), Some(0));
    let arrived = &sink.messages(1, 10)[0];
    assert!(
        arrived.data.ends_with(b"Subject: injected\r\n\r\nlines end\r\nin LF here\r\n"),
        "{:?}",
        String::from_utf8_lossy(&arrived.data)
    );
    assert_eq!(arrived.rcpts.len(), 2);
    assert_eq!(inject(&site, b"no last line end", b"F\0Tb@taken.test\0\0"), Some(0));
    assert!(sink.messages(2, 10)[1].data.ends_with(b"no last line end\r\n"));
    let long = [b"Fa@sender.test\0T".to_vec(), b"x".repeat(1004), b"@taken.test\0\0".to_vec()].concat();
    let cases: &[(&[u8], i32)] = &[
        (b"", 54),
        (b"Fa@sender.test\0", 54),
        (b"Fa@sender.test\0Tb@taken.test\0", 54),
        (b"Fa@sender.test\0Tb@taken.test", 54),
        (b"Tb@taken.test\0\0", 91),
        (b"Xa@sender.test\0Tb@taken.test\0\0", 91),
        (b"Fa@sender.test\0Xb@taken.test\0\0", 91),
        (&long, 11),
    ];
    for (envelope, code) in cases {
        assert_eq!(inject(&site, body, envelope), Some(*code), "{}", String::from_utf8_lossy(envelope));
    }
    site.drained(10);
    assert_eq!(sink.seen().arrived.len(), 2);
}

#[test]
fn the_injector_tells_a_missing_queue_from_a_refusal() {
    let site = Site::new();
    let code = inject(&site, b"x\n", b"Fa@sender.test\0Tb@taken.test\0\0").unwrap();
    assert!((41..100).contains(&code), "{code} is not a temporary failure though no queue runs");
    let mut missing = site.command("stafett-queue");
    let code = missing.env("STAFETT", "/nonexistent").stdin(Stdio::null()).stderr(Stdio::null()).status().unwrap().code();
    assert!(code.is_some_and(|code| (41..100).contains(&code)), "{code:?}");
}

#[test]
fn smtpd_honours_qmailqueue() {
    let sink = Sink::new();
    let mut site = Site::new();
    let scratch = scratch();
    let wrapper = scratch.path().join("wrapper");
    let script = format!("#!/bin/sh\n{{ echo X-Wrapped: yes; cat; }} | {}\n", stafett_test_e2e::program("stafett-queue").display());
    fs::write(&wrapper, script).unwrap();
    fs::set_permissions(&wrapper, fs::Permissions::from_mode(0o755)).unwrap();
    let refuse = scratch.path().join("refuse");
    fs::write(&refuse, "#!/bin/sh\ncat >/dev/null\nexit 31\n").unwrap();
    fs::set_permissions(&refuse, fs::Permissions::from_mode(0o755)).unwrap();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.rules(&format!("127.:allow,QMAILQUEUE=\"{}\"\n", wrapper.display()));
    // smtpd's sandbox knows the usual places of programs; others are named to it.
    fs::write(site.path("service/smtpd/env/LANDLOCKREAD"), scratch.path().to_str().unwrap()).unwrap();
    site.start(Supervisor::Runit);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("wrapped"));
    assert!(String::from_utf8_lossy(&sink.messages(1, 15)[0].data).contains("X-Wrapped: yes\r\n"));
    site.rules(&format!("127.:allow,QMAILQUEUE=\"{}\"\n", refuse.display()));
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.data(&message("refused")).must(554);
    site.rules("127.:allow,QMAILQUEUE=\"/nonexistent\"\n");
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    assert!((400..500).contains(&client.data(&message("later")).code));
}

#[test]
fn the_queue_survives_a_restart_and_drains() {
    let sink = Sink::scripted(|_, _| stafett_test_e2e::Act::Last("421 4.3.2 not now".to_owned()));
    let mut site = relay(&sink);
    for number in 0..5 {
        transfer(site.port(), "a@sender.test", "b@taken.test", &message(&format!("waits-{number}")));
    }
    site.logged("send", "deferral: ");
    site.stop();
    assert_eq!(site.queue_files().len(), 5);
    sink.now(|_, _| stafett_test_e2e::Act::Accept);
    site.start(Supervisor::Daemontools);
    signal(site.resident("stafett-send").pid, Signal::SIGALRM);
    sink.messages(5, 20);
    site.drained(10);
}

#[test]
fn a_torn_file_is_set_aside_or_swept_and_the_others_go_on() {
    let sink = Sink::scripted(|_, _| stafett_test_e2e::Act::Last("421 4.3.2 not now".to_owned()));
    let mut site = relay(&sink);
    for number in 0..3 {
        transfer(site.port(), "a@sender.test", "b@taken.test", &message(&format!("torn-{number}")));
    }
    site.logged("send", "deferral: ");
    site.stop();
    let files = site.queue_files();
    assert_eq!(files.len(), 3, "{files:?}");
    let mut bytes = fs::read(&files[0]).unwrap();
    bytes[3] ^= 0x20;
    fs::write(&files[0], bytes).unwrap();
    fs::write(site.path("queue/tmp/1700000000000000"), b"half a mess").unwrap();
    let odd = site.path("queue/new/not-a-queue-file");
    fs::write(&odd, b"odd").unwrap();
    sink.now(|_, _| stafett_test_e2e::Act::Accept);
    site.start(Supervisor::Runit);
    signal(site.resident("stafett-send").pid, Signal::SIGALRM);
    sink.messages(2, 20);
    let bad = || fs::read_dir(site.path("queue/bad")).unwrap().count() >= 1;
    assert!(wait_until(10, bad), "no file is set aside in queue/bad:\n{}", site.logs());
    let told = || site.log("send").contains("queue/bad") || site.log("queued").contains("queue/bad");
    assert!(wait_until(10, told), "{}", site.logs());
    let swept = || !site.path("queue/tmp/1700000000000000").exists();
    assert!(wait_until(10, swept), "an unfinished file stays in queue/tmp");
    assert_eq!(sink.seen().arrived.len(), 2);
}

#[test]
fn a_missing_or_open_queue_directory_is_a_clear_error() {
    let sink = Sink::new();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    fs::rename(site.path("queue/new"), site.path("queue/away")).unwrap();
    site.start_only(Supervisor::Runit);
    assert!(wait_until(15, || site.log("queued").contains("queue/new")), "{}", site.logs());
    assert_not_taken(&site);
    fs::rename(site.path("queue/away"), site.path("queue/new")).unwrap();
    assert!(site.is_up(20), "{}", site.logs());
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("mended"));
    sink.messages(1, 10);
    if is_root() {
        site.stop();
        nix_chown(&site.path("queue/new"), 0);
        site.start_only(Supervisor::Runit);
        let named = wait_until(15, || [site.log("queued"), site.log("send")].concat().matches("queue/new").count() >= 2);
        assert!(named, "{}", site.logs());
        assert_not_taken(&site);
        let check = site.setup(&["--check"]);
        assert!(!check.status.success(), "--check finds nothing wrong");
        assert!(site.setup(&[]).status.success());
        assert!(site.setup(&["--check"]).status.success());
        assert!(site.is_up(20), "{}", site.logs());
    }
}

fn nix_chown(path: &Path, user: u32) {
    std::os::unix::fs::chown(path, Some(user), None).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o700)).unwrap();
}

/// Nobody is told 250 for a message.
fn assert_not_taken(site: &Site) {
    let Ok(mut client) = Client::try_connect(([127, 0, 0, 1], site.port()).into()) else { return };
    let mut said = |line: &str| {
        client.send(line.as_bytes());
        client.reply().code
    };
    said("");
    said("HELO client.test\r\n");
    said("MAIL FROM:<a@sender.test>\r\n");
    said("RCPT TO:<b@taken.test>\r\n");
    if said("DATA\r\n") == 354 {
        let code = said("lost?\r\n.\r\n");
        assert!((400..500).contains(&code) || code == 0, "{code}");
    }
}

/// strace attached to a process; ended when dropped.
struct Tracer {
    child: Child,
    output: std::path::PathBuf,
    _place: tempfile::TempDir,
}

impl Tracer {
    fn attach(process: &Process, options: &[&str]) -> Tracer {
        let place = scratch();
        let output = place.path().join("trace");
        let mut command = Command::new("strace");
        command.args(["-f", "-q", "-p", &process.pid.to_string(), "-o"]).arg(&output).args(options);
        let child = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
        let traced = || process.status().get("TracerPid").is_some_and(|pid| pid != "0");
        assert!(wait_until(10, traced), "strace does not attach");
        Tracer { child, output, _place: place }
    }

    fn text(&self) -> String {
        fs::read_to_string(&self.output).unwrap_or_default()
    }
}

impl Drop for Tracer {
    fn drop(&mut self) {
        signal(i32::try_from(self.child.id()).unwrap(), Signal::SIGINT);
        let _ = self.child.wait();
    }
}

fn can_trace(test: &str) -> bool {
    if has("strace").is_none() || !is_root() {
        skip(test, "needs root and strace");
        return false;
    }
    true
}

#[test]
fn one_sync_for_each_accepted_message() {
    if !can_trace("one_sync_for_each_accepted_message") {
        return;
    }
    let sink = Sink::new();
    let site = relay(&sink);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("warm"));
    sink.messages(1, 10);
    let tracer = Tracer::attach(&site.resident("stafett-queued"), &["-e", "trace=fsync,fdatasync,sync,syncfs,sync_file_range,msync"]);
    for number in 0..20 {
        transfer(site.port(), "a@sender.test", "b@taken.test", &message(&format!("sync-{number}")));
    }
    sink.messages(21, 20);
    let syncs = || tracer.text().lines().filter(|line| line.contains("sync") && !line.contains("resumed")).count();
    wait_until(3, || syncs() >= 20);
    std::thread::sleep(std::time::Duration::from_millis(200));
    assert_eq!(syncs(), 20, "{}", tracer.text());
}

#[test]
fn an_input_output_error_on_sync_is_answered_451_and_leaves_nothing() {
    if !can_trace("an_input_output_error_on_sync_is_answered_451_and_leaves_nothing") {
        return;
    }
    let sink = Sink::new();
    let site = relay(&sink);
    let tracer = Tracer::attach(&site.resident("stafett-queued"), &["-e", "inject=fsync,fdatasync:error=EIO"]);
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<b@taken.test>").must(250);
    client.data(&message("lost-on-disk")).must(451);
    assert_eq!(site.queue_files(), Vec::<std::path::PathBuf>::new(), "something is left in the queue");
    drop(tracer);
    site.logged("queued", "unable to");
    client.deliver("a@sender.test", &["b@taken.test"], &message("works-again"));
    let arrived = sink.messages(1, 10);
    assert_eq!(arrived[0].field("Subject").as_deref(), Some("works-again"));
}

#[test]
fn errors_of_each_call_leave_nothing_behind() {
    if !can_trace("errors_of_each_call_leave_nothing_behind") {
        return;
    }
    let sink = Sink::new();
    let site = relay(&sink);
    for (calls, error) in
        [("rename,renameat,renameat2", "EIO"), ("openat", "EMFILE"), ("openat", "EACCES"), ("pwrite64,writev,pwritev", "ENOSPC")]
    {
        let inject = format!("inject={calls}:error={error}:when=1");
        let tracer = Tracer::attach(&site.resident("stafett-queued"), &["-e", &inject]);
        let mut client = Client::greeted(site.port());
        client.command("MAIL FROM:<a@sender.test>").must(250);
        client.command("RCPT TO:<b@taken.test>").must(250);
        let reply = client.data(&message(&format!("fails-{error}")));
        assert!(matches!(reply.code, 250 | 451 | 452), "{calls} {error}: {reply:?}");
        drop(tracer);
        site.drained(10);
    }
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("works-again"));
    assert!(sink.wait(10, |seen| seen.arrived.iter().any(|one| one.field("Subject").as_deref() == Some("works-again"))));
}

#[test]
fn a_full_disk_is_answered_452_and_leaves_nothing() {
    if !is_root() {
        return skip("a_full_disk_is_answered_452_and_leaves_nothing", "needs root to mount a small file system");
    }
    let sink = Sink::scripted(|_, _| stafett_test_e2e::Act::Last("421 4.3.2 not now".to_owned()));
    let mut site = Site::new();
    let queue = site.path("queue");
    run(Command::new("mount").args(["-t", "tmpfs", "-o", "size=3m", "stafett-test"]).arg(&queue));
    let _mount = Mounted(queue.clone());
    assert!(site.setup(&[]).status.success());
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("queuefree", "1048576\n");
    site.start(Supervisor::Runit);
    // The floor: 2 MiB would leave less than 1 MiB; told at MAIL when SIZE is given, else at the dot.
    let mut client = Client::greeted(site.port());
    let early = client.command("MAIL FROM:<a@sender.test> SIZE=2500000").code;
    if early == 250 {
        client.command("RCPT TO:<b@taken.test>").must(250);
    } else {
        assert_eq!(early, 452);
        client.command("MAIL FROM:<a@sender.test>").must(250);
        client.command("RCPT TO:<b@taken.test>").must(250);
    }
    client.data(&b"0123456789abcdefgh\r\n".repeat(125_000)).must(452);
    assert!(site.queue_files().is_empty(), "{:?}", site.queue_files());
    // Small ones go on until the floor is reached; then 452, and every one that was taken is there.
    site.control("queuefree", "0\n");
    let mut taken = 0;
    let refused = (0..200).any(|_| {
        let mut client = Client::greeted(site.port());
        client.command("MAIL FROM:<a@sender.test>");
        client.command("RCPT TO:<b@taken.test>");
        let code = match client.command("DATA").code {
            354 => {
                client.send(&b"0123456789abcdefgh\r\n".repeat(4000));
                client.send(b".\r\n");
                client.reply().code
            }
            code => code,
        };
        assert!(matches!(code, 250 | 452), "{code}");
        taken += usize::from(code == 250);
        code == 452
    });
    assert!(refused, "{taken} messages of 80,000 bytes fit on 3 MiB");
    assert_eq!(site.queue_files().len(), taken);
    site.logged("queued", "free");
    sink.now(|_, _| stafett_test_e2e::Act::Accept);
    signal(site.resident("stafett-send").pid, Signal::SIGALRM);
    sink.messages(taken, 30);
    site.drained(10);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("room-again"));
    sink.messages(taken + 1, 10);
    site.stop();
}

struct Mounted(std::path::PathBuf);

impl Drop for Mounted {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(&self.0).status();
    }
}

#[test]
fn two_schedulers_on_one_queue_are_refused() {
    let sink = Sink::new();
    let site = relay(&sink);
    for name in ["send", "queued"] {
        let first = site.resident(&format!("stafett-{name}"));
        let mut command = site.command(&format!("stafett-{name}"));
        let mut second = command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
        let ended = wait_until(10, || second.try_wait().unwrap().is_some());
        if !ended {
            second.kill().unwrap();
        }
        assert!(ended, "a second stafett-{name} runs on one queue");
        let output = second.wait_with_output().unwrap();
        assert!(!output.status.success());
        let words = String::from_utf8_lossy(&output.stderr).into_owned();
        assert!(words.contains("fatal"), "{words}");
        assert!(Process::at(first.pid).is_some());
    }
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("still-runs"));
    sink.messages(1, 10);
}

#[test]
fn qstat_counts_while_it_runs_and_while_it_is_stopped() {
    let sink = Sink::scripted(|_, _| stafett_test_e2e::Act::Last("421 4.3.2 come back".to_owned()));
    let mut site = relay(&sink);
    let qstat = |site: &Site, arguments: &[&str]| run(Command::new(stafett_test_e2e::program("qstat")).args(arguments).arg(site.root()));
    assert!(
        qstat(&site, &[]).starts_with("messages in queue: 0\nmessages in queue but not yet preprocessed: 0\n"),
        "{}",
        qstat(&site, &[])
    );
    for number in 0..3 {
        transfer(site.port(), "a@sender.test", "b@taken.test", &message(&format!("counted-{number}")));
    }
    let counted = |site: &Site| {
        wait_until(10, || qstat(site, &[]).starts_with("messages in queue: 3\nmessages in queue but not yet preprocessed: 0\n"))
    };
    assert!(counted(&site), "{}", qstat(&site, &[]));
    let lines = qstat(&site, &["-l"]);
    assert!(lines.matches("421 4.3.2 come back").count() >= 1, "{lines}");
    assert!(
        lines
            .lines()
            .filter(|line| line.split_whitespace().any(|word| word.len() == 16 && word.bytes().all(|byte| byte.is_ascii_digit())))
            .count()
            >= 3,
        "{lines}"
    );
    site.stop();
    assert!(counted(&site));
    assert_eq!(qstat(&site, &["-l"]).lines().count(), lines.lines().count());
    let mut by_variable = site.command("qstat");
    assert!(run(&mut by_variable).starts_with("messages in queue: 3\n"));
    let missing = Command::new(stafett_test_e2e::program("qstat")).arg("/nonexistent").output().unwrap();
    assert!(!missing.status.success() && !missing.stderr.is_empty());
    std::io::stderr().flush().unwrap();
}
