//! Programs that call sendmail: what they wrote arrives, and nobody needs more rights than he has.

use stafett_test_e2e::{Arrived, Sink, Site, has, is_root, program, run, scratch, skip};
use std::fs;
use std::io::Write;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// A running relay, a receiver, and a directory with the links that an admin makes.
struct Host {
    site: Site,
    sink: Sink,
    links: tempfile::TempDir,
}

impl Host {
    fn new() -> Host {
        let sink = Sink::new();
        let site = Site::relaying_to(&sink);
        let links = scratch();
        for name in ["sendmail", "mailq", "newaliases"] {
            symlink(program("stafett-sendmail"), links.path().join(name)).unwrap();
        }
        Host { site, sink, links }
    }

    fn link(&self, name: &str) -> PathBuf {
        self.links.path().join(name)
    }

    fn file(&self, name: &str, text: &str) -> PathBuf {
        let path = self.links.path().join(name);
        fs::write(&path, text).unwrap();
        path
    }

    /// A command as an ordinary user runs it.
    fn command(&self, program: impl AsRef<Path>) -> Command {
        let mut command = if is_root() {
            let mut command = Command::new("setpriv");
            command.args(["--reuid", "65534", "--regid", "65534", "--clear-groups", "--"]).arg(program.as_ref());
            command
        } else {
            Command::new(program.as_ref())
        };
        command.env("STAFETT", self.site.root()).env("USER", "jane").env("HOME", self.links.path()).current_dir(self.links.path());
        command
    }

    fn arrived(&self) -> Arrived {
        self.sink.messages(1, 30).remove(0)
    }
}

fn feed(command: &mut Command, text: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(text.as_bytes()).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

/// The recipients as a sorted list, without what stands behind the addresses.
fn recipients(arrived: &Arrived) -> Vec<String> {
    let mut recipients: Vec<String> =
        arrived.rcpts.iter().filter_map(|rcpt| Some(rcpt.split_once('<')?.1.split_once('>')?.0.to_owned())).collect();
    recipients.sort_unstable();
    recipients
}

fn text_of(arrived: &Arrived) -> String {
    String::from_utf8_lossy(&arrived.without_trace()).into_owned()
}

#[test]
fn cron_and_logwatch_report_as_ordinary_users() {
    let host = Host::new();
    // cron's own words
    let report = "From: root (Cron Daemon)\nTo: root@taken.test\nSubject: Cron <root@host> run-parts\n\n.\noutput\n";
    feed(host.command(host.link("sendmail")).args(["-FCronDaemon", "-i", "-B8BITMIME", "-oem", "root@taken.test"]), report);
    let arrived = host.arrived();
    let text = text_of(&arrived);
    assert!(arrived.mail.starts_with("<jane@relay.test>"), "{}", arrived.mail);
    assert_eq!(recipients(&arrived), ["root@taken.test"]);
    assert!(text.contains("From: root@relay.test (Cron Daemon)\r\n"), "{text}");
    assert!(text.ends_with("\r\n\r\n.\r\noutput\r\n"), "{text}");
    let uid = if is_root() { "65534".to_owned() } else { run(Command::new("id").arg("-u")).trim().to_owned() };
    host.site.logged("send", &format!(" uid {uid}"));
    // and what is refused says why
    let refused = host.command(host.link("sendmail")).arg("-bd").output().unwrap();
    assert_eq!(refused.status.code(), Some(64));
    assert!(String::from_utf8_lossy(&refused.stderr).contains("tcpserver"), "{refused:?}");
}

#[test]
fn newaliases_compiles_the_aliases_of_the_instance() {
    let host = Host::new();
    let aliases = host.file("aliases", "root: jane\nodd\n");
    host.site.control("aliases", &format!("{}\n", aliases.display()));
    let newaliases = || Command::new(host.link("newaliases")).env("STAFETT", host.site.root()).output().unwrap();
    let refused = newaliases();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("aliases:2: \"odd\" has no colon"), "{refused:?}");
    host.file("aliases", "root: jane\n");
    assert!(newaliases().status.success());
    assert!(host.link("aliases.cdb").exists());
}

#[test]
fn what_the_sender_wants_to_hear_reaches_the_queue() {
    let host = Host::new();
    host.site.control("holdremote", "1\n");
    let wishes = ["-N", "success,delay", "-R", "hdrs", "-V", "order+2B1", "a@taken.test", "b@taken.test"];
    feed(host.command(host.link("sendmail")).args(wishes), "Subject: told\n\n");
    let envelope = run(host.site.command("qtool").args(["print", "--envelope", "--all"]));
    assert!(envelope.contains("ret HDRS\n") && envelope.contains("envid order+2B1\n"), "{envelope}");
    assert_eq!(envelope.matches("notify SUCCESS,DELAY\n").count(), 2, "{envelope}");
    run(Command::new(host.link("sendmail")).arg("-q").env("STAFETT", host.site.root()));
    let refused = host.command(host.link("sendmail")).args(["-N", "often", "a@taken.test"]).output().unwrap();
    assert_eq!(refused.status.code(), Some(64));
}

#[test]
fn php_sends_by_mail() {
    if has("php").is_none() {
        return skip("sendmail::php_sends_by_mail", "php-cli is not installed");
    }
    let host = Host::new();
    let path = format!("sendmail_path={} -t -i -f web@example.org", host.link("sendmail").display());
    let code = "exit(mail('a@taken.test', 'Grüße', \"one\\r\\ntwo\", ['Cc' => 'b@taken.test', 'Bcc' => 'c@taken.test', 'From' => 'Web <web@example.org>']) ? 0 : 1);";
    run(host.command(has("php").unwrap()).args(["-n", "-d", &path, "-r", code]));
    let arrived = host.arrived();
    assert!(arrived.mail.starts_with("<web@example.org>"), "{}", arrived.mail);
    assert_eq!(recipients(&arrived), ["a@taken.test", "b@taken.test", "c@taken.test"]);
    let text = text_of(&arrived);
    assert!(!text.to_lowercase().contains("bcc") && text.ends_with("one\r\ntwo\r\n"), "{text}");
}

#[test]
fn mutt_sends_with_an_attachment() {
    if has("mutt").is_none() {
        return skip("sendmail::mutt_sends_with_an_attachment", "mutt is not installed");
    }
    let host = Host::new();
    let rc = host.file(
        "muttrc",
        &format!(
            "set sendmail=\"{} -oem -oi\"\nset realname=\"Jane\"\nset from=\"jane@example.org\"\nset use_envelope_from\nset copy=no\n",
            host.link("sendmail").display()
        ),
    );
    let attached = host.file("notes.txt", "attached\n");
    let mut mutt = host.command(has("mutt").unwrap());
    mutt.arg("-n").arg("-F").arg(rc).args(["-s", "With notes", "-a"]).arg(attached).args(["--", "a@taken.test"]);
    feed(&mut mutt, "body\n");
    let arrived = host.arrived();
    let text = text_of(&arrived);
    assert!(arrived.mail.starts_with("<jane@example.org>"), "{}", arrived.mail);
    assert!(text.contains("From: Jane <jane@example.org>") && text.contains("filename=\"notes.txt\""), "{text}");
}

#[test]
fn git_sends_patches() {
    if !Path::new("/usr/lib/git-core/git-send-email").exists() {
        return skip("sendmail::git_sends_patches", "git-email is not installed");
    }
    let host = Host::new();
    let patch = "From 0123456789012345678901234567890123456789 Mon Sep 17 00:00:00 2001\nFrom: Jane <jane@example.org>\nDate: Sun, 1 Nov 2026 10:00:00 +0000\nSubject: [PATCH] Mend it\n\nreason\n---\n a | 1 +\n";
    let patch = host.file("0001-mend.patch", patch);
    let mut git = host.command("git");
    git.args(["-c", "user.name=Jane", "-c", "user.email=jane@example.org", "send-email", "--quiet", "--confirm=never"]);
    git.arg(format!("--smtp-server={}", host.link("sendmail").display()));
    git.args(["--from=jane@example.org", "--to=list@taken.test", "--cc=b@taken.test"]).arg(patch);
    run(&mut git);
    let arrived = host.arrived();
    assert_eq!(recipients(&arrived), ["b@taken.test", "jane@example.org", "list@taken.test"]);
    assert!(text_of(&arrived).contains("Subject: [PATCH] Mend it\r\n"));
}

#[test]
fn a_dialogue_on_standard_input_relays_for_its_caller() {
    let host = Host::new();
    let dialogue =
        "EHLO client.test\r\nMAIL FROM:<jane@example.org>\r\nRCPT TO:<a@taken.test>\r\nDATA\r\nSubject: x\r\n\r\nhello\r\n.\r\nQUIT\r\n";
    let replies = feed(host.command(host.link("sendmail")).args(["-bs", "-oi"]), dialogue);
    assert!(replies.lines().any(|line| line.starts_with("250 ") && line.contains(" ok ")), "{replies}");
    assert!(text_of(&host.arrived()).ends_with("\r\n\r\nhello\r\n"));
}

#[test]
fn mailq_shows_the_queue_to_those_who_may_see_it() {
    let host = Host::new();
    host.site.control("holdremote", "1\n");
    feed(host.command(host.link("sendmail")).arg("a@taken.test"), "Subject: held\n\n");
    let mut mailq = Command::new(host.link("mailq"));
    let listed = run(mailq.env("STAFETT", host.site.root()));
    assert!(listed.contains("a@taken.test") && listed.contains("jane@relay.test"), "{listed}");
}
