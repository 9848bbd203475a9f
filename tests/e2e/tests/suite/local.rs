//! Delivery to users of this host, through the whole relay: from a client of smtpd into files, programs and the queue again.

use stafett_test_e2e::{Client, Sink, Site, Supervisor, free_port, has, is_root, kill, message, run, scratch, skip, transfer, wait_until};
use std::collections::BTreeSet;
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// Users of the tests: who runs them as an ordinary user has but one number.
pub const JOE: u32 = 61_001;
pub const ANN: u32 = 61_002;

/// An instance that delivers to users of its own table, whose homes lie in a directory of the test.
pub struct Town {
    pub site: Site,
    pub homes: tempfile::TempDir,
}

impl Town {
    /// Not started yet.
    pub fn new() -> Town {
        let site = Site::new();
        let made = site.setup(&["--with", "local"]);
        assert!(made.status.success(), "{made:?}");
        site.control("rcpthosts", "relay.test\nvirtual.test\ntaken.test\n");
        site.control("timeoutlocal", "60\n");
        let town = Town { site, homes: scratch() };
        fs::set_permissions(town.homes.path(), PermissionsExt::from_mode(0o755)).unwrap();
        town.settle(&[("joe", JOE), ("ann", ANN)]);
        town
    }

    /// Gives users homes with Maildirs, and compiles the table.
    fn settle(&self, users: &[(&str, u32)]) {
        let mut assign = String::new();
        for (name, number) in users {
            let (home, uid) = (self.home(name), uid(*number));
            for part in ["", "Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
                fs::create_dir(home.join(part)).unwrap();
                give(&home.join(part), *number);
            }
            let home = home.display();
            assign.push_str(&format!("={name}:{name}:{uid}:{uid}:{home}:::\n+{name}-:{name}:{uid}:{uid}:{home}:-::\n"));
        }
        fs::write(self.site.path("users/assign"), assign + ".\n").unwrap();
        run(self.site.command("stafett-users").arg(self.site.root()));
    }

    pub fn home(&self, name: &str) -> PathBuf {
        self.homes.path().join(name)
    }

    /// Writes a file of a user's.
    pub fn write(&self, name: &str, number: u32, text: &str) {
        fs::write(self.homes.path().join(name), text).unwrap();
        give(&self.homes.path().join(name), number);
    }

    /// The new messages of a user.
    pub fn mail(&self, name: &str) -> Vec<PathBuf> {
        files(&self.home(name).join("Maildir/new"))
    }

    pub fn has_mail(&self, name: &str, count: usize) {
        assert!(wait_until(60, || self.mail(name).len() >= count), "{name}: {}", self.site.log("send"));
        assert_eq!(self.mail(name).len(), count);
    }

    /// Waits until send has said these words so often: its lines are written a moment after a message has left the queue.
    fn is_told(&self, words: &str, count: usize) {
        let told = || self.site.log("send").matches(words).count();
        assert!(wait_until(60, || told() >= count), "{}", self.site.log("send"));
        assert_eq!(told(), count, "{}", self.site.log("send"));
    }
}

/// A town where mail for users waits, with these control files, and a client there.
fn held(control: &[(&str, &str)]) -> (Town, Client) {
    let mut town = Town::new();
    town.site.control("holdlocal", "1\n");
    control.iter().for_each(|(name, text)| town.site.control(name, text));
    town.site.start(Supervisor::Runit);
    let client = Client::greeted(town.site.port());
    (town, client)
}

fn uid(number: u32) -> u32 {
    if is_root() { number } else { fs::metadata("/proc/self").unwrap().uid() }
}

pub fn give(path: &Path, number: u32) {
    chown(path, Some(uid(number)), Some(uid(number)).filter(|_| is_root())).unwrap();
}

pub fn files(directory: &Path) -> Vec<PathBuf> {
    fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path()).collect()
}

/// The whole file of the first new message.
pub fn text(paths: &[PathBuf]) -> String {
    fs::read_to_string(&paths[0]).unwrap()
}

#[test]
fn mail_for_users_lands_in_their_maildirs() {
    let mut town = Town::new();
    town.site.control("virtualdomains", "virtual.test:joe-v\n");
    town.write("joe/.qmail-v-default", JOE, "./Maildir/\n|echo \"$EXT $DEFAULT $RECIPIENT\" >seen\n");
    town.site.start(Supervisor::Runit);
    let mut client = Client::greeted(town.site.port());
    client.deliver("a@sender.test", &["Joe@relay.test", "ann@relay.test"], &message("to two")).must(250);
    town.has_mail("joe", 1);
    town.has_mail("ann", 1);
    let letter = text(&town.mail("joe"));
    assert!(letter.starts_with("Return-Path: <a@sender.test>\nDelivered-To: Joe@relay.test\nReceived: "), "{letter}");
    assert!(letter.contains("Subject: to two\n") && !letter.contains('\r'), "{letter}");
    let found = fs::metadata(&town.mail("ann")[0]).unwrap();
    assert_eq!((found.uid(), found.mode() & 0o777), (uid(ANN), 0o600));
    town.site.drained(60);
    town.is_told("success: did_1+0+0/\n", 2);
    let log = town.site.log("send");
    assert!(log.contains(" to local Joe@relay.test\n"), "{log}");
    let is_counted =
        |line: &str| ["status: local 1/10 remote 0/100", "status: local 2/10 remote 0/100"].iter().any(|words| line.ends_with(words));
    assert!(log.lines().any(is_counted), "{log}");
    client.deliver("", &["sales@virtual.test"], &message("virtual")).must(250);
    town.has_mail("joe", 2);
    town.site.drained(30);
    assert_eq!(fs::read_to_string(town.home("joe").join("seen")).unwrap(), "v-sales sales joe-v-sales@virtual.test\n");
}

#[test]
fn one_process_delivers_what_is_for_one_user_and_for_nobody_else() {
    let (town, mut client) = held(&[]);
    for number in 0..40 {
        client.deliver("a@sender.test", &["joe@relay.test"], &message(&format!("number {number}"))).must(250);
    }
    town.site.control("holdlocal", "0\n");
    town.has_mail("joe", 40);
    let process = |path: &PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.split_once('P').and_then(|(_, rest)| rest.split_once('V')).unwrap().0.to_owned()
    };
    assert!(wait_until(60, || town.site.log("send").matches("success: ").count() >= 40), "{}", town.site.log("send"));
    let processes: BTreeSet<String> = town.mail("joe").iter().map(process).collect();
    assert!(processes.len() < 20, "{processes:?}");
    let open: Vec<PathBuf> = processes.iter().flat_map(|process| open_files(process)).collect();
    let queue = town.site.path("queue");
    assert!(!open.iter().any(|file| file.starts_with(&queue)), "what waits keeps messages: {open:?}");
    // While those processes may still be there, joe's mail becomes ann's.
    let (ann, home) = (uid(ANN), town.home("ann"));
    fs::write(town.site.path("users/assign"), format!("=joe:ann:{ann}:{ann}:{}:::\n.\n", home.display())).unwrap();
    run(town.site.command("stafett-users").arg(town.site.root()));
    client.deliver("a@sender.test", &["joe@relay.test"], &message("moved")).must(250);
    town.has_mail("ann", 1);
    assert_eq!(fs::metadata(&town.mail("ann")[0]).unwrap().uid(), ann);
    assert_eq!(town.mail("joe").len(), 40);
}

#[test]
fn one_that_is_returned_does_not_part_those_that_are_delivered_together() {
    let (town, mut client) = held(&[("concurrencyuser", "1\n")]);
    for number in 0..12 {
        let text = message(&format!("number {number}"));
        // Those behind the first, which goes out alone, are one order that begins with one that goes round.
        let text = if number % 4 == 1 { [b"Delivered-To: joe@relay.test\r\n", &text[..]].concat() } else { text };
        client.deliver("", &["joe@relay.test"], &text).must(250);
    }
    town.site.control("holdlocal", "0\n");
    town.has_mail("joe", 9);
    town.is_told("failure: This_message_is_looping", 3);
    assert!(!town.site.log("send").contains("not_begun"), "{}", town.site.log("send"));
}

/// What a process has open, as long as it is there.
fn open_files(process: &str) -> Vec<PathBuf> {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{process}/fd")) else { return Vec::new() };
    descriptors.filter_map(|entry| fs::read_link(entry.ok()?.path()).ok()).collect()
}

#[test]
fn recipients_that_are_not_there_are_refused_at_rcpt() {
    let mut town = Town::new();
    town.write("joe/.qmail-list", JOE, "&ann\n");
    fs::write(town.site.path("alias/.qmail-info-default"), "&ann@relay.test\n").unwrap();
    town.site.start(Supervisor::Runit);
    let mut client = Client::greeted(town.site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    for unknown in ["nobody-here", "joe-other", "\"joe-../..\"", "info"] {
        client.command(&format!("RCPT TO:<{unknown}@relay.test>")).must(550).saying("no mailbox here by that name (#5.1.1)");
    }
    for known in ["joe-LIST", "info-x"] {
        client.command(&format!("RCPT TO:<{known}@relay.test>")).must(250);
    }
    // A database that cannot be read knows nobody, and is no reason to refuse anybody for good.
    fs::write(town.site.path("users/cdb"), "broken").unwrap();
    client.command("RCPT TO:<joe@relay.test>").must(451);
    client.command("RCPT TO:<nobody-here@relay.test>").must(451);
    assert!(wait_until(30, || town.site.log("local").contains("unable to tell whether there is a mailbox for joe")));
}

#[test]
fn forwards_and_aliases_go_on_and_loops_end() {
    let sink = Sink::new();
    let mut town = Town::new();
    town.site.control("smtproutes", &format!("taken.test:{}", sink.route().trim_start_matches(':')));
    town.site.rules("127.:allow,RELAYCLIENT=\"\"\n");
    town.write("joe/.qmail-out", JOE, "b@taken.test\nc@taken.test\n");
    town.write("joe/.qmail-loop", JOE, "&joe-loop@relay.test\n");
    town.write("joe/.qmail-list", JOE, "&b@taken.test\n");
    town.write("joe/.qmail-list-owner", JOE, "");
    town.write("joe/.qmail-list-owner-default", JOE, "");
    fs::write(town.site.path("alias/.qmail-postmaster"), "&ann\n").unwrap();
    town.site.start(Supervisor::Runit);
    transfer(town.site.port(), "a@sender.test", "joe-out@relay.test", &message("out"));
    let arrived = sink.messages(1, 60);
    assert!(arrived.iter().all(|one| one.field("Delivered-To").is_some_and(|value| value.contains("joe-out@relay.test"))), "{arrived:?}");
    transfer(town.site.port(), "a@sender.test", "joe-list@relay.test", &message("list"));
    let listed = sink.messages(2, 60);
    assert!(listed.iter().any(|one| one.mail.starts_with("<joe-list-owner-b=taken.test@relay.test>")), "{listed:?}");
    transfer(town.site.port(), "ann@relay.test", "joe-loop@relay.test", &message("round"));
    town.has_mail("ann", 1);
    assert!(text(&town.mail("ann")).contains("This message is looping"), "{}", text(&town.mail("ann")));
    transfer(town.site.port(), "a@sender.test", "postmaster@relay.test", &message("post"));
    town.has_mail("ann", 2);
}

#[test]
fn what_a_user_breaks_delays_that_user_alone() {
    let mut town = Town::new();
    town.site.control("timeoutlocal", "2\n");
    town.write("joe/.qmail-hang", JOE, "|sleep 100\n");
    town.write("joe/.qmail-device", JOE, "/dev/null\n");
    town.write("joe/.qmail-no", JOE, "|echo go away; exit 100\n");
    town.site.start(Supervisor::Runit);
    let mut client = Client::greeted(town.site.port());
    client
        .deliver("ann@relay.test", &["joe-hang@relay.test", "joe-device@relay.test", "joe-no@relay.test", "ann@relay.test"], &message("x"))
        .must(250);
    town.has_mail("ann", 2);
    let bounce = town.mail("ann").iter().map(|path| fs::read_to_string(path).unwrap()).find(|text| text.contains("go away"));
    assert!(bounce.is_some_and(|text| text.starts_with("Return-Path: <>\n") && text.contains("Action: failed")));
    town.site.logged("send", "deferral: The_delivery_took_too_long:_control/timeoutlocal._(#4.4.7)");
    town.site.logged("send", "deferral: Unable_to_open_/dev/null:_it_is_no_plain_file._(#4.2.1)");
    assert!(wait_until(60, || town.site.queue_files().len() == 1));
}

#[test]
fn an_instance_of_an_ordinary_user_delivers_as_that_user() {
    if !is_root() {
        return;
    }
    let mut site = Site::of_nobody();
    assert!(site.setup(&["--with", "local"]).status.success());
    let homes = scratch();
    fs::set_permissions(homes.path(), PermissionsExt::from_mode(0o755)).unwrap();
    site.control("rcpthosts", "relay.test\n");
    let mut assign = String::new();
    for (name, number) in [("own", 65_534), ("other", JOE)] {
        for part in ["", "Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
            fs::create_dir(homes.path().join(name).join(part)).unwrap();
            give(&homes.path().join(name).join(part), number);
        }
        assign.push_str(&format!("={name}:{name}:{number}:65534:{}:::\n", homes.path().join(name).display()));
    }
    fs::write(site.path("users/assign"), assign + ".\n").unwrap();
    run(site.command("stafett-users").arg(site.root()));
    site.start(Supervisor::Runit);
    let mut client = Client::greeted(site.port());
    client.deliver("a@sender.test", &["own@relay.test"], &message("own")).must(250);
    assert!(wait_until(60, || !files(&homes.path().join("own/Maildir/new")).is_empty()), "{}", site.log("send"));
    client.command("MAIL FROM:<a@sender.test>").must(250);
    client.command("RCPT TO:<other@relay.test>").must(451);
    client.command("RCPT TO:<root@relay.test>").must(550);
}

/// Delivers as soon as there is somebody who knows the recipients.
pub fn insist(site: &Site, to: &str, message: &[u8]) {
    let mut client = Client::greeted(site.port());
    client.command("MAIL FROM:<a@sender.test>").must(250);
    assert!(wait_until(60, || client.command(&format!("RCPT TO:<{to}>")).code == 250), "{}", site.logs());
    client.data(message).must(250);
}

#[test]
fn one_message_among_many_that_cannot_be_delivered_leaves_the_others_theirs() {
    let (town, mut client) = held(&[]);
    for number in 0..40 {
        let loops = if number % 10 == 5 { "Delivered-To: joe@relay.test\r\n" } else { "" };
        let text = [loops.as_bytes(), &message(&format!("number {number}"))].concat();
        client.deliver("ann@relay.test", &["joe@relay.test"], &text).must(250);
    }
    town.site.control("holdlocal", "0\n");
    town.has_mail("joe", 36);
    town.has_mail("ann", 4);
    town.site.drained(60);
    let subject = |path: &PathBuf| fs::read_to_string(path).unwrap().lines().find(|line| line.starts_with("Subject: ")).unwrap().to_owned();
    assert_eq!(town.mail("joe").iter().map(subject).collect::<BTreeSet<_>>().len(), 36, "one came twice");
    town.is_told("success: did_1+0+0/", 40);
    town.is_told("failure: This_message_is_looping", 4);
}

#[test]
fn a_delivery_that_is_killed_leaves_nothing_half_in_new() {
    let mut town = Town::new();
    town.write("joe/.qmail", JOE, "./Maildir/\n");
    town.write("joe/.qmail-slow", JOE, "|sleep 30\n./Maildir/\n");
    town.site.start(Supervisor::Runit);
    let long: Vec<u8> = [message("long"), b"0123456789 and so on, for many lines of one message\r\n".repeat(2000)].concat();
    let mut sent = 0;
    for round in 0..8 {
        // In the last rounds they go out together.
        town.site.control("holdlocal", if round < 4 { "0\n" } else { "1\n" });
        for _ in 0..5 {
            insist(&town.site, "joe@relay.test", &long);
            sent += 1;
        }
        town.site.control("holdlocal", "0\n");
        insist(&town.site, "joe-slow@relay.test", &message("slow"));
        // In turn a child of the service and the resident itself.
        let found = town.site.processes("stafett-local");
        let resident = town.site.resident("stafett-local").pid;
        let victim = found.iter().map(|one| one.pid).rfind(|pid| (*pid == resident) == (round % 2 == 0));
        victim.into_iter().for_each(kill);
    }
    // Each message is there at least once, and each file is whole.
    let whole = || {
        let texts: Vec<String> = town.mail("joe").iter().filter_map(|path| fs::read_to_string(path).ok()).collect();
        let letters: Vec<&String> = texts.iter().filter(|text| text.contains("Subject: long")).collect();
        assert!(letters.iter().all(|text| text.matches("0123456789 and so on, for many lines of one message\n").count() == 2000));
        letters.len()
    };
    let again = || run(town.site.command("qtool").arg("flush"));
    let done = wait_until(90, || {
        again();
        whole() >= sent
    });
    assert!(done, "{} of {sent}: {}", whole(), town.site.log("send"));
}

/// Dovecot as a server of IMAP or POP3 over the homes of a town; ended when dropped.
pub struct Dovecot {
    place: tempfile::TempDir,
    process: Child,
    pub port: u16,
}

impl Dovecot {
    pub fn over(town: &Town, protocol: &str) -> Dovecot {
        let (place, port) = (scratch(), free_port());
        fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
        let (directory, home) = (place.path().display().to_string(), town.home("joe"));
        fs::write(place.path().join("users"), format!("joe:{{PLAIN}}x:{JOE}:{JOE}::{}::\n", home.display())).unwrap();
        let settings = format!(
            "base_dir = {directory}/run\nstate_dir = {directory}/state\nlog_path = {directory}/log\nprotocols = {protocol}\nssl = no\n\
             default_internal_user = nobody\ndefault_internal_group = nogroup\ndefault_login_user = nobody\nfirst_valid_uid = 1\n\
             disable_plaintext_auth = no\nmail_location = maildir:~/Maildir\nuserdb {{\n driver = passwd-file\n args = {directory}/users\n}}\n\
             passdb {{\n driver = passwd-file\n args = {directory}/users\n}}\nservice {protocol}-login {{\n chroot =\n inet_listener {protocol} {{\n  \
             address = 127.0.0.1\n  port = {port}\n }}\n inet_listener {protocol}s {{\n  port = 0\n }}\n}}\nservice anvil {{\n chroot =\n}}\n\
             service stats {{\n chroot =\n}}\n"
        );
        fs::write(place.path().join("conf"), settings).unwrap();
        let process = Command::new("dovecot").arg("-F").arg("-c").arg(place.path().join("conf")).stdin(Stdio::null()).spawn().unwrap();
        Dovecot { place, process, port }
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.place.path().join("log")).unwrap_or_default()
    }

    /// Waits until it listens.
    pub fn is_up(&self) {
        assert!(wait_until(60, || TcpStream::connect(("127.0.0.1", self.port)).is_ok()), "{}", self.log());
    }

    /// A session that has chosen the inbox.
    fn session(&self) -> Imap {
        self.is_up();
        let stream = TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut imap = Imap(BufReader::new(stream));
        imap.line();
        imap.ask("LOGIN joe x");
        imap.ask("SELECT INBOX");
        imap
    }
}

impl Drop for Dovecot {
    fn drop(&mut self) {
        kill(i32::try_from(self.process.id()).unwrap());
        let _ = self.process.wait();
    }
}

/// A session of IMAP.
struct Imap(BufReader<TcpStream>);

impl Imap {
    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    /// Gives a command; all that is said until it is done.
    fn ask(&mut self, command: &str) -> String {
        self.0.get_mut().write_all(format!("a {command}\r\n").as_bytes()).unwrap();
        let mut all = String::new();
        while !all.lines().any(|line| line.starts_with("a ")) {
            all.push_str(&self.line());
        }
        assert!(all.contains("a OK"), "{all}");
        all
    }
}

#[test]
fn dovecot_shows_mail_as_it_arrives() {
    if !is_root() || has("dovecot").is_none() || !Path::new("/usr/lib/dovecot/imap").exists() {
        return skip("dovecot_shows_mail_as_it_arrives", "needs root and Dovecot's IMAP");
    }
    let mut town = Town::new();
    town.write("joe/Maildir/maildirsize", JOE, "1000000S\n");
    town.site.start(Supervisor::Runit);
    let dovecot = Dovecot::over(&town, "imap");
    let mut imap = dovecot.session();
    for number in 1..=5 {
        transfer(town.site.port(), "a@sender.test", "joe@relay.test", &message(&format!("letter {number}")));
        let exists = format!("* {number} EXISTS");
        assert!(wait_until(60, || imap.ask("NOOP").contains(&exists) || imap.ask("SELECT INBOX").contains(&exists)), "{}", dovecot.log());
    }
    let letter = imap.ask("FETCH 5 (RFC822.SIZE BODY[])");
    assert!(letter.contains("Subject: letter 5\r\n") && letter.contains("Delivered-To: joe@relay.test\r\n"), "{letter}");
    imap.ask("STORE 1:5 +FLAGS (\\Deleted)");
    imap.ask("EXPUNGE");
    assert!(imap.ask("STATUS INBOX (MESSAGES)").contains("MESSAGES 0"));
    assert!(!dovecot.log().contains("Error"), "{}", dovecot.log());
    town.site.drained(30);
}

#[test]
fn maildrop_and_procmail_sort_mail() {
    if !is_root() || has("maildrop").is_none() || has("procmail").is_none() {
        return skip("maildrop_and_procmail_sort_mail", "needs root, maildrop and procmail");
    }
    let mut town = Town::new();
    // maildrop wants a user whom the system knows.
    town.settle(&[("drop", 65_534)]);
    for part in ["Maildir/.lists", "Maildir/.lists/tmp", "Maildir/.lists/new", "Maildir/.lists/cur"] {
        fs::create_dir(town.home("drop").join(part)).unwrap();
        give(&town.home("drop").join(part), 65_534);
    }
    town.write("drop/filter", 65_534, "if (/^Subject: list/)\n{\n  to \"Maildir/.lists/\"\n}\nto \"Maildir/\"\n");
    fs::set_permissions(town.home("drop").join("filter"), PermissionsExt::from_mode(0o600)).unwrap();
    town.write("drop/.qmail", 65_534, "|maildrop ./filter\n");
    let inbox = town.home("drop").join("Maildir").display().to_string();
    let recipe = format!("DEFAULT={inbox}/\nORGMAIL={inbox}/\n:0\n* ^Subject: list\n{inbox}/.lists/\n");
    town.write("drop/.procmailrc", 65_534, &recipe);
    town.write("drop/.qmail-p", 65_534, "|procmail -t -p ./.procmailrc\n");
    town.site.start(Supervisor::Runit);
    let mut client = Client::greeted(town.site.port());
    for (subject, to) in [("list one", "drop"), ("plain", "drop"), ("list two", "drop-p"), ("plain too", "drop-p")] {
        client.deliver("a@sender.test", &[&format!("{to}@relay.test")], &message(subject)).must(250);
    }
    town.site.drained(60);
    assert_eq!((files(&town.home("drop").join("Maildir/.lists/new")).len(), town.mail("drop").len()), (2, 2), "{}", town.site.log("send"));
    town.is_told("success: did_0+0+1/", 4);
}
