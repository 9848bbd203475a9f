//! Moving from qmail: the home that a real qmail left (tests/e2e/qmail) is taken over, and its mail arrives once.

use stafett_test_e2e::{Signal, Sink, Site, Supervisor, has, program, run, signal, skip};
use std::collections::BTreeMap;
use std::fs::{self, File};
use std::io::Read;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::{Duration, SystemTime};

/// How long ago the last message was injected.
const AGE: Duration = Duration::from_secs(3600);

/// A home of qmail, in a directory of its own.
struct Qmail {
    place: tempfile::TempDir,
    injected: SystemTime,
}

impl Qmail {
    /// As it was left; `port` is where the hosts of its routes are.
    fn new(port: u16) -> Qmail {
        let qmail = Qmail { place: scratch_in_memory(), injected: SystemTime::now() - AGE };
        copy(&source(), &qmail.home());
        fs::remove_file(qmail.path("README")).unwrap();
        fs::remove_file(qmail.path("queue")).unwrap();
        let routes = fs::read_to_string(qmail.path("control/smtproutes")).unwrap();
        let routes = routes.replace(":2525\n", &format!(":{port}\n")).replace(":2526\n", &format!(":{port}\n"));
        fs::write(qmail.path("control/smtproutes"), routes).unwrap();
        symlink("/etc/hostname", qmail.path("alias/.qmail-outside")).unwrap();
        symlink(".qmail-root", qmail.path("alias/.qmail-abuse")).unwrap();
        let hosts = File::open(qmail.path("control/morercpthosts")).unwrap();
        let mut compile = Command::new(program("stafett-tcprules"));
        compile.arg("--hosts").arg(qmail.path("control/morercpthosts.cdb")).arg(qmail.path("control/tmp"));
        assert!(compile.stdin(hosts).status().unwrap().success());
        qmail.fill_queue();
        qmail
    }

    fn home(&self) -> PathBuf {
        self.place.path().join("qmail")
    }

    fn path(&self, name: &str) -> PathBuf {
        self.home().join(name)
    }

    /// Puts the queue back to what it was.
    fn fill_queue(&self) {
        let _ = fs::remove_dir_all(self.path("queue"));
        for part in ["lock", "mess", "info", "local", "remote", "todo", "intd", "bounce"] {
            fs::create_dir_all(self.path("queue").join(part)).unwrap();
        }
        File::create(self.path("queue/lock/sendmutex")).unwrap();
        for line in fs::read_to_string(source().join("queue")).unwrap().lines() {
            let fields: Vec<&str> = line.splitn(5, ' ').collect();
            let [name, age, _owner, mode, text] = fields[..] else { panic!("{line}") };
            let path = self.path("queue").join(name);
            fs::create_dir_all(path.parent().unwrap()).unwrap();
            fs::write(&path, unescaped(text)).unwrap();
            fs::set_permissions(&path, PermissionsExt::from_mode(u32::from_str_radix(mode, 8).unwrap())).unwrap();
            let age: f64 = age.parse().unwrap();
            let time = if age < 0.0 { self.injected + Duration::from_secs_f64(-age) } else { self.injected - Duration::from_secs_f64(age) };
            File::options().append(true).open(&path).unwrap().set_modified(time).unwrap();
        }
    }

    /// The command that imports it into an instance.
    fn import(&self, site: &Site, options: &[&str]) -> Command {
        let mut command = Command::new(program("stafett-import"));
        command.arg(self.home()).arg(site.root()).args(options).stdin(Stdio::null());
        command
    }
}

fn source() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("qmail")
}

/// Many small syncs of whole file systems would wait for whatever else this machine writes.
fn scratch_in_memory() -> tempfile::TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    let place = tempfile::Builder::new().prefix("st").tempdir_in(place).unwrap();
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    place
}

fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().flatten() {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap().is_dir() {
            true => copy(&entry.path(), &target),
            false => drop(fs::copy(entry.path(), &target).unwrap()),
        }
    }
}

fn unescaped(text: &str) -> Vec<u8> {
    let (mut bytes, mut rest) = (Vec::new(), text.bytes());
    while let Some(byte) = rest.next() {
        bytes.push(match (byte, if byte == b'\\' { rest.next() } else { None }) {
            (_, Some(b'n')) => b'\n',
            (_, Some(b'r')) => b'\r',
            (_, Some(b'0')) => 0,
            (_, Some(b'x')) => {
                let digits = [rest.next().unwrap(), rest.next().unwrap()];
                u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap()
            }
            (_, Some(other)) => other,
            (plain, None) => plain,
        });
    }
    bytes
}

/// An instance that can take it: made for the host of that qmail, with the services that its files need.
fn site() -> Site {
    let site = Site::at(scratch_in_memory().keep().join("i"));
    site.control("me", "mail.example.org\n");
    let made = site.setup(&["--with", "local,dnsbl"]);
    assert!(made.status.success(), "{made:?}");
    site
}

/// Ends the directory that [`site`] has kept.
fn remove(site: Site) {
    let place = site.root().parent().unwrap().to_owned();
    drop(site);
    fs::remove_dir_all(place).unwrap();
}

fn text(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

/// Runs it; that it leaves something (exit code 1) is right.
#[track_caller]
fn imported(mut command: Command) -> String {
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(1), "{}", text(&output));
    text(&output)
}

/// Every file below a directory with its bytes.
fn files(directory: &Path) -> BTreeMap<PathBuf, Vec<u8>> {
    let mut found = BTreeMap::new();
    for entry in fs::read_dir(directory).into_iter().flatten().flatten() {
        match entry.file_type().unwrap().is_dir() {
            true => found.extend(files(&entry.path())),
            false => drop(found.insert(entry.path(), fs::read(entry.path()).unwrap_or_default())),
        }
    }
    found
}

/// A directory of alias/ that mail is delivered into.
fn maildir(site: &Site, name: &str) -> PathBuf {
    let owner = fs::metadata(site.path("alias")).unwrap();
    let top = site.path("alias").join(name);
    for part in ["", "tmp", "new", "cur"] {
        fs::create_dir_all(top.join(part)).unwrap();
        chown(top.join(part), Some(owner.uid()), Some(owner.gid())).unwrap();
    }
    top.join("new")
}

fn subject(message: &[u8]) -> String {
    let text = String::from_utf8_lossy(message);
    text.lines().find_map(|line| line.strip_prefix("Subject: ")).unwrap_or_default().trim_end().to_owned()
}

#[test]
fn what_a_qmail_left_is_delivered_once() {
    let sink = Sink::new();
    let (qmail, mut site) = (Qmail::new(sink.port()), site());
    let before = (files(&qmail.home()), files(site.root()));
    let shown = imported(qmail.import(&site, &[]));
    assert_eq!((files(&qmail.home()), files(site.root())), before, "showing has changed something:\n{shown}");

    let taken = imported(qmail.import(&site, &["--take"]));
    for line in [
        "took      control/rcpthosts\n",
        "took      control/senderdomain: from control/mfcheck\n",
        "took      control/tcp.smtp.cdb: compiled\n",
        "took      users/cdb: compiled\n",
        "took      service/tcpserver/env/GREETDELAY: ",
        "not taken control/timeoutsmtpd:1: \"10 minutes\" is not a number",
        "not taken control/relaymailfrom: ",
        "not taken alias/.qmail-outside: ",
        "to do     ",
    ] {
        assert!(taken.contains(line), "{line:?} is not in\n{taken}");
    }
    assert_eq!(fs::read_to_string(site.path("control/dnsbllist")).unwrap(), "-zen.lists.example\nbl.lists.example\n+good.lists.example\n");
    assert_eq!(fs::read_to_string(site.path("control/smtpauth")).unwrap(), "relay1:relayuser:relay pass\n");
    let again = imported(qmail.import(&site, &["--take"]));
    assert!(again.contains("\n0 taken, "), "{again}");
    let checked = site.command("stafett-check").arg(site.root()).output().unwrap();
    assert!(checked.status.code() != Some(100), "{}", text(&checked));

    drain_and_deliver(&qmail, &mut site, &sink);
    remove(site);
}

fn drain_and_deliver(qmail: &Qmail, site: &mut Site, sink: &Sink) {
    let drained = imported(qmail.import(site, &["--drain"]));
    assert!(drained.contains("\n13 taken, 0 there already, 1 not taken, 0 to do\n"), "{drained}");
    let born = fs::metadata(qmail.path("queue/taken").join(id_of(site, "partly")).join("10723362.info")).unwrap().mtime();
    assert_eq!(id_of(site, "partly")[..10], born.to_string());
    assert!(qmail.path("queue/todo/10723636").exists() && qmail.path("queue/mess/1/10723636").exists(), "the message with a CR is gone");

    // What was deferred here and there goes through now.
    let (inbox, bounces) = (maildir(site, "Maildir"), maildir(site, "bounces"));
    for (name, line) in [("later", "./Maildir/"), ("lists-later", "./Maildir/"), ("root", "./Maildir/"), ("sender", "./bounces/")] {
        let path = site.path("alias").join(format!(".qmail-{name}"));
        fs::write(&path, format!("{line}\n")).unwrap();
        fs::set_permissions(&path, PermissionsExt::from_mode(0o644)).unwrap();
    }
    site.start(Supervisor::Runit);
    signal(site.resident("stafett-send").pid, Signal::SIGALRM);
    site.drained(60);
    let mut arrived: Vec<String> = Vec::new();
    for one in &sink.seen().arrived {
        let path = |text: &str| text.split(' ').next().unwrap_or_default().to_owned();
        arrived.extend(one.rcpts.iter().map(|rcpt| format!("{} {} {}", subject(&one.data), path(&one.mail), path(rcpt))));
    }
    arrived.sort();
    let mut expected: Vec<String> = ["bits", "bounced", "crlf", "fresh", "notend", "partly", "percent"]
        .iter()
        .map(|subject| format!("{subject} <sender@example.org> <wait@far.example.net>"))
        .collect();
    expected.extend(
        [
            // stafett-remote says #@[], which is no address, as the empty one
            "double <> <wait@far.example.net>",
            "failure notice <> <remote@far.example.net>",
            "null <> <wait@far.example.net>",
            "remotefail <remote@far.example.net> <wait@far.example.net>",
            "verp <list-other=far.example.net@example.org> <other@far.example.net>",
            "verp <list-wait=far.example.net@example.org> <wait@far.example.net>",
        ]
        .map(str::to_owned),
    );
    expected.sort();
    assert_eq!(arrived, expected, "{}", site.logs());
    let mut local: Vec<String> = files(&inbox).values().map(|message| subject(message)).collect();
    local.sort();
    assert_eq!(local, ["bits", "bits", "bouncesoon", "fresh", "partly", "virtual"], "{}", site.logs());
    content(sink, &bounces);
    site.logged("send", "import msg ");
    site.stop();
    let again = imported(qmail.import(site, &["--drain"]));
    assert!(again.contains("\n0 taken, 0 there already, 1 not taken, 0 to do\n"), "{again}");
}

fn content(sink: &Sink, bounces: &Path) {
    let seen = sink.seen();
    let body = |name: &str| seen.arrived.iter().find(|one| subject(&one.data) == name).map(|one| one.data.clone()).unwrap_or_default();
    assert!(body("notend").ends_with(b"without its last line end\r\n"));
    assert!(body("bits").ends_with(b"Bl\xc3\xa5b\xc3\xa6r.\r\n"));
    assert!(body("crlf").ends_with(b"\r\n\r\nText of crlf.\r\n"));
    assert!(body("fresh").ends_with(b"Text of fresh.\r\n.\r\n..dots\r\n"));
    let told: Vec<String> = files(bounces).values().map(|bounce| String::from_utf8_lossy(bounce).into_owned()).collect();
    assert_eq!(told.len(), 2, "{told:?}");
    for (address, reason) in [
        ("no-one@example.org", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("nobody@example.org", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("nosuch@lists.example.org", "Sorry, no mailbox here by that name. (#5.1.1)"),
        ("bad@bad.example.net", "127.0.0.1 does not like recipient."),
    ] {
        let is_it = |bounce: &String| bounce.split(&format!("<{address}>:\n")).nth(1).is_some_and(|behind| behind.starts_with(reason));
        assert!(told.iter().any(is_it), "{address} is in no bounce: {told:#?}");
    }
}

/// Our id of the message with this subject.
fn id_of(site: &Site, name: &str) -> String {
    let is_it = |(_, bytes): &(&PathBuf, &Vec<u8>)| subject(bytes) == name;
    let found = files(&site.path("queue/cur"));
    let (path, _) = found.iter().find(is_it).unwrap();
    path.file_name().unwrap().to_string_lossy().split(',').next().unwrap().to_owned()
}

#[test]
fn a_drain_that_is_killed_anywhere_is_finished_by_the_next() {
    if has("strace").is_none() {
        return skip("a_drain_that_is_killed_anywhere_is_finished_by_the_next", "strace is not installed");
    }
    let (qmail, site) = (Qmail::new(1), site());
    imported(qmail.import(&site, &["--take"]));
    imported(qmail.import(&site, &["--drain"]));
    let (whole, left) = (messages(&site), files(&qmail.path("queue")));
    // renameat2 puts a message into queue/hold and takes it out again, 13 times each; rename moves qmail's files.
    let published = [1, 2, 8, 13, 14, 16, 26].map(|number| ("renameat2", number));
    let moved = [1, 2, 3, 7, 20, 40, 44].map(|number| ("rename", number));
    let others = [("fsync", 1), ("fsync", 3), ("fsync", 20), ("syncfs", 1), ("syncfs", 2), ("syncfs", 3), ("/^unlink", 1), ("/^mkdir", 5)];
    for (calls, number) in published.into_iter().chain(moved).chain(others) {
        empty(&site);
        qmail.fill_queue();
        killed(&qmail, &site, &["--drain"], calls, number);
        if (calls, number) == ("renameat2", 8) {
            let checked = text(&site.command("stafett-check").arg(site.root()).output().unwrap());
            assert!(checked.contains("queue/importing: warning: "), "{checked}");
        }
        let again = imported(qmail.import(&site, &["--drain"]));
        assert_eq!(messages(&site), whole, "{calls} {number}:\n{again}");
        assert_eq!(
            files(&qmail.path("queue")).into_keys().collect::<Vec<_>>(),
            left.clone().into_keys().collect::<Vec<_>>(),
            "{calls} {number}"
        );
    }
    let kept = |path: &PathBuf| !path.starts_with(qmail.path("queue/taken"));
    for (calls, number) in [("rename", 3), ("rename", 20), ("syncfs", 3), ("/^unlink", 3), ("/^unlink", 20), ("/^unlink", 40)] {
        empty(&site);
        qmail.fill_queue();
        killed(&qmail, &site, &["--drain", "--remove"], calls, number);
        let again = imported(qmail.import(&site, &["--drain", "--remove"]));
        assert_eq!(messages(&site), whole, "--remove {calls} {number}:\n{again}");
        let lies: Vec<_> = files(&qmail.path("queue")).into_keys().collect();
        assert_eq!(lies, left.keys().filter(|path| kept(path)).cloned().collect::<Vec<_>>(), "--remove {calls} {number}");
    }
    remove(site);
}

/// After a power cut the supervisor may have started qmail-send again.
#[test]
fn what_qmail_did_after_a_drain_was_killed_is_not_done_again() {
    if has("strace").is_none() {
        return skip("what_qmail_did_after_a_drain_was_killed_is_not_done_again", "strace is not installed");
    }
    let (qmail, site) = (Qmail::new(1), site());
    imported(qmail.import(&site, &["--take"]));
    let delivered = |number: &str| {
        let found = files(&qmail.path("queue"));
        found.keys().filter(|path| path.ends_with(number)).for_each(|path| fs::remove_file(path).unwrap());
    };
    killed(&qmail, &site, &["--drain"], "renameat2", 13);
    delivered("10723330");
    fs::write(qmail.path("queue/local/3/10723362"), b"Ddone@example.org\0Dlater@example.org\0").unwrap();
    let again = imported(qmail.import(&site, &["--drain"]));
    assert!(again.contains("0 messages of it are finished, 12 begun anew"), "{again}");
    let found = messages(&site);
    let of = |name: &str| found.values().find(|message| subject(message) == name);
    assert!(of("null").is_none() && found.len() == 12, "what qmail delivered is in our queue:\n{again}");
    let journal = String::from_utf8_lossy(of("partly").unwrap()).into_owned();
    assert_eq!(journal.matches(" K done by qmail before").count(), 3, "{journal}");

    for options in [&["--drain"][..], &["--drain", "--remove"]] {
        empty(&site);
        qmail.fill_queue();
        // The list is written twice; then the first file of the first message is moved.
        killed(&qmail, &site, options, "rename", 4);
        delivered("10723782");
        let again = imported(qmail.import(&site, options));
        assert!(again.contains("1 messages of it are finished, 11 begun anew"), "{options:?}: {again}");
        assert!(again.contains("so qmail may have delivered it; it stays in queue/hold"), "{options:?}: {again}");
        let held = files(&site.path("queue/hold"));
        assert_eq!(held.values().map(|message| subject(message)).collect::<Vec<_>>(), ["verp"], "{options:?}");
        assert_eq!(files(&site.path("queue/cur")).len(), 12, "{options:?}");
        assert_eq!(qmail.path("queue/taken").exists(), options.len() == 1, "{options:?}");
    }
    remove(site);
}

/// Ends a drain at a system call.
fn killed(qmail: &Qmail, site: &Site, options: &[&str], calls: &str, number: usize) {
    let mut command = Command::new("strace");
    command.args(["-qq", "-o", "/dev/null", "-e", &format!("inject={calls}:signal=KILL:when={number}")]);
    command.arg(program("stafett-import")).arg(qmail.home()).arg(site.root()).args(options);
    let status = command.stdin(Stdio::null()).stdout(Stdio::null()).status().unwrap();
    assert_eq!(status.signal(), Some(9), "{calls} {number}: {status}");
}

/// The messages of an instance with their bytes; that there is nothing else in its queue, and that their owner is right.
fn messages(site: &Site) -> BTreeMap<PathBuf, Vec<u8>> {
    let found = files(&site.path("queue"));
    let strangers: Vec<_> = found.keys().filter(|path| !path.starts_with(site.path("queue/cur")) && !path.ends_with("admin")).collect();
    assert!(strangers.is_empty(), "{strangers:?}");
    let owner = fs::metadata(site.path("queue/cur")).unwrap().uid();
    assert!(found.keys().all(|path| fs::metadata(path).unwrap().uid() == owner));
    found.into_iter().filter(|(path, _)| path.starts_with(site.path("queue/cur"))).collect()
}

fn empty(site: &Site) {
    files(&site.path("queue")).into_keys().for_each(|path| fs::remove_file(path).unwrap());
}

#[test]
fn neither_qmail_nor_the_instance_may_run_meanwhile() {
    let (qmail, mut site) = (Qmail::new(1), site());
    imported(qmail.import(&site, &["--take"]));
    // flock(2), as qmail-send takes it
    let held = File::options().append(true).open(qmail.path("queue/lock/sendmutex")).unwrap();
    held.lock().unwrap();
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(111));
    assert!(text(&refused).contains("qmail-send is running; stop qmail first"), "{}", text(&refused));
    drop(held);
    // lockf(3), as one takes it that was built without
    let hold = "import fcntl, sys; f = open(sys.argv[1], 'w'); fcntl.lockf(f, fcntl.LOCK_EX); print(flush=True); sys.stdin.read()";
    let mut python = Command::new("python3");
    python.args(["-c", hold]).arg(qmail.path("queue/lock/sendmutex")).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut holder = python.spawn().unwrap();
    holder.stdout.as_mut().unwrap().read_exact(&mut [0]).unwrap();
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert!(text(&refused).contains("qmail-send is running; stop qmail first"), "{}", text(&refused));
    drop(holder.stdin.take());
    holder.wait().unwrap();
    site.start(Supervisor::Runit);
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(111));
    assert!(text(&refused).contains("stop the services queued and send first"), "{}", text(&refused));
    site.stop();
    assert!(site.queue_files().is_empty());
    remove(site);
}

#[test]
fn ports_and_services_are_made_where_that_is_asked_for() {
    let qmail = Qmail::new(1);
    let site = Site::at(scratch_in_memory().keep().join("i"));
    site.control("me", "mail.example.org\n");
    let made = site.setup(&[]);
    assert!(made.status.success(), "{made:?}");
    let port = |site: &Site| fs::read_to_string(site.path("setup")).unwrap().lines().any(|line| line == "port 25");
    let shown = imported(qmail.import(&site, &["--take"]));
    assert!(shown.contains("to do     ") && shown.contains(": stafett-setup ") && !port(&site), "{shown}");
    let taken = imported(qmail.import(&site, &["--take", "--setup"]));
    assert!(taken.contains(": stafett-setup --port 25 --submission=587 --with "), "{taken}");
    assert!(port(&site) && site.path("service/local/run").exists(), "{taken}");
    assert!(!taken.contains("; then run this again for what goes there"), "{taken}");
    assert!(
        taken.contains("there     service/tcpserver-submission/env/FORCETLS\n") && taken.contains("took      users/cdb: compiled\n"),
        "{taken}"
    );
    remove(site);
}

/// Mail for the domains of its routes would go to their mail exchangers.
#[test]
fn a_queue_is_not_drained_into_an_instance_without_its_settings() {
    let (qmail, site) = (Qmail::new(1), site());
    let before = files(&qmail.path("queue"));
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(111), "{}", text(&refused));
    assert!(text(&refused).contains("run this with --take first"), "{}", text(&refused));
    assert_eq!(files(&qmail.path("queue")), before);
    imported(qmail.import(&site, &["--take"]));
    fs::remove_file(site.path("control/smtproutes")).unwrap();
    let refused = qmail.import(&site, &["--drain"]).output().unwrap();
    assert!(text(&refused).contains("has settings for deliveries that the instance has not: control/smtproutes;"), "{}", text(&refused));
    // What receives mail alone decides nothing for what is drained.
    site.control("smtproutes", ":\n");
    fs::remove_file(site.path("control/badmailfrom")).unwrap();
    let drained = imported(qmail.import(&site, &["--drain"]));
    assert!(drained.contains("\n13 taken, "), "{drained}");
    empty(&site);
    qmail.fill_queue();
    fs::remove_file(site.path("control/smtproutes")).unwrap();
    let drained = imported(qmail.import(&site, &["--drain", "--force"]));
    assert!(drained.contains("\n13 taken, "), "{drained}");
    remove(site);
}

#[test]
fn what_differs_is_kept_and_an_open_relay_is_closed() {
    let (qmail, site) = (Qmail::new(1), site());
    fs::remove_file(qmail.path("control/rcpthosts")).unwrap();
    fs::write(qmail.path("control/tcp.smtp"), "127.:allow,RELAYCLIENT=\"\"\n:allow,RELAYCLIENT=\"\"\n").unwrap();
    site.control("databytes", "1\n");
    fs::write(qmail.path("control/maxrcpt"), "many\n").unwrap();
    fs::write(qmail.path("alias/.qmail-default"), "| /var/qmail/bin/fastforward -d /etc/aliases.cdb\n").unwrap();
    fs::write(qmail.path("list"), "joe@example.org\n@shop.example.net\n").unwrap();
    let mut compile = Command::new(program("stafett-tcprules"));
    compile.arg("--recipients").arg(qmail.path("control/validrcptto.cdb")).arg(qmail.path("tmp"));
    assert!(compile.stdin(File::open(qmail.path("list")).unwrap()).status().unwrap().success());
    let taken = imported(qmail.import(&site, &["--take"]));
    assert!(taken.contains("note      control/rcpthosts: qmail has none and so relays for the whole world"), "{taken}");
    let hosts = fs::read_to_string(site.path("control/rcpthosts")).unwrap();
    assert_eq!(hosts, "example.org\nlists.example.org\nmail.example.org\nshop.example.net\n");
    assert!(taken.contains("tcp.smtp:2: gives RELAYCLIENT to every client"), "{taken}");
    assert!(
        taken.contains("not taken control/databytes: the instance has another one; its line 1 is \"1\", qmail's is \"20000000\""),
        "{taken}"
    );
    for line in
        ["not taken control/maxrcpt:1: \"many\" is not a number", "took      control/validrcptto.cdb\n", "to do     alias/.qmail-default: "]
    {
        assert!(taken.contains(line), "{line:?} is not in\n{taken}");
    }
    assert_eq!(fs::read_to_string(site.path("control/databytes")).unwrap(), "1\n");
    assert!(fs::read_to_string(site.path("control/tcp.smtp")).unwrap().ends_with("\n:allow\n"));
    imported(qmail.import(&site, &["--take", "--force"]));
    assert_eq!(fs::read_to_string(site.path("control/databytes")).unwrap(), "20000000\n");
    remove(site);
}

/// The text of the rules is lost, and djb's tcprules has made the compiled file.
#[test]
fn compiled_rules_become_text_again() {
    let Some(tcprules) = has("tcprules") else { return skip("compiled_rules_become_text_again", "ucspi-tcp is not installed") };
    let (qmail, site) = (Qmail::new(1), site());
    let source = qmail.path("control/tcp.smtp");
    let mut compile = Command::new(tcprules);
    compile.arg(qmail.path("control/tcp.smtp.cdb")).arg(qmail.path("control/tmp")).stdin(File::open(&source).unwrap());
    assert!(compile.status().unwrap().success());
    fs::remove_file(&source).unwrap();
    imported(qmail.import(&site, &["--take"]));
    let text = fs::read_to_string(site.path("control/tcp.smtp")).unwrap();
    for line in [
        "127.:allow,RELAYCLIENT=\"\"",
        "192.0.2.5:allow,RELAYCLIENT=\"\",DATABYTES=\"50000000\"",
        "198.51.100.:deny",
        ":allow,RBLSMTPD=\"\",SIZELIMIT=\"1\"",
    ] {
        assert!(text.lines().any(|found| found == line), "{line} is not in\n{text}");
    }
    run(Command::new(program("stafett-tcprules")).arg("--check").arg(site.path("control/tcp.smtp.cdb")).arg("198.51.100.9"));
    remove(site);
}
