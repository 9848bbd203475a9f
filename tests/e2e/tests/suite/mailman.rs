//! Mailman 3 of Debian, laid out by tests/run: it takes posts by LMTP and sends them out through our smtpd.

use crate::local::Town;
use stafett_test_e2e::{Client, Signal, Supervisor, free_port, is_root, run, scratch, signal, skip, wait_until};
use std::fs;
use std::net::TcpStream;
use std::os::unix::fs::chown;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const NOBODY: u32 = 65_534;

/// A Mailman with its files in a directory of its own; ended with the test.
struct Mailman {
    laid_out: PathBuf,
    place: tempfile::TempDir,
    port: u16,
    master: Option<Child>,
}

impl Mailman {
    fn new(laid_out: PathBuf, smtp_port: u16) -> Mailman {
        let mailman = Mailman { laid_out, place: scratch(), port: free_port(), master: None };
        let (place, bin) = (mailman.place.path(), mailman.laid_out.join("usr/lib/mailman3/bin"));
        // As dot-qmail(5) has it, with those runners alone that a post passes.
        let mut settings = format!(
            "[mailman]\nlayout: here\nsite_owner: postmaster@relay.test\n[paths.here]\nvar_dir: {0}\nbin_dir: {1}\netc_dir: {0}\n\
             template_dir: {0}/templates\n[mta]\nincoming: mailman.mta.null.NullMTA\nlmtp_host: 127.0.0.1\nlmtp_port: {2}\n\
             smtp_host: 127.0.0.1\nsmtp_port: {smtp_port}\n",
            place.display(),
            bin.display(),
            mailman.port
        );
        for idle in ["archive", "bounces", "command", "digest", "nntp", "rest", "retry", "virgin"] {
            settings.push_str(&format!("[runner.{idle}]\nstart: no\n"));
        }
        fs::write(place.join("mailman.cfg"), settings).unwrap();
        if is_root() {
            chown(place, Some(NOBODY), Some(NOBODY)).unwrap();
        }
        mailman
    }

    fn command(&self, program: &str) -> Command {
        let mut command = Command::new("setpriv");
        if is_root() {
            command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups"]);
        }
        command.arg("/usr/bin/python3").arg(self.laid_out.join("usr/lib/mailman3/bin").join(program));
        command.arg("-C").arg(self.place.path().join("mailman.cfg")).current_dir(self.place.path()).stdin(Stdio::null());
        command.env("PYTHONPATH", self.laid_out.join("usr/lib/python3/dist-packages")).env("HOME", self.place.path());
        command
    }

    fn starts(&mut self) {
        let log = fs::File::create(self.place.path().join("said")).unwrap();
        self.master = Some(self.command("master").stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap());
        let listens = wait_until(120, || TcpStream::connect(("127.0.0.1", self.port)).is_ok());
        assert!(listens, "{}", self.said());
    }

    fn said(&self) -> String {
        fs::read_to_string(self.place.path().join("said")).unwrap_or_default()
    }
}

impl Drop for Mailman {
    fn drop(&mut self) {
        if let Some(mut master) = self.master.take() {
            // It ends its runners, and waits for them.
            signal(i32::try_from(master.id()).unwrap(), Signal::SIGTERM);
            let _ = master.wait();
        }
    }
}

#[test]
fn mailman_takes_a_post_by_lmtp_and_sends_it_to_those_on_the_list() {
    let laid_out = std::env::var_os("STAFETT_TEST_PEERS").map(|peers| PathBuf::from(peers).join("mailman"));
    let Some(laid_out) = laid_out.filter(|place| place.join("usr/lib/mailman3/bin/master").exists()) else {
        return skip("mailman_takes_a_post_by_lmtp_and_sends_it_to_those_on_the_list", "Mailman 3 is not laid out");
    };
    let mut town = Town::new();
    let mut mailman = Mailman::new(laid_out, town.site.port());
    run(mailman.command("mailman").args(["create", "list@lists.test"]));
    fs::write(mailman.place.path().join("members"), "joe@relay.test\nann@relay.test\n").unwrap();
    run(mailman.command("mailman").args(["addmembers", "--no-welcome-msg", "members", "list@lists.test"]));
    mailman.starts();
    town.site.control("rcpthosts", "relay.test\nlists.test\n");
    town.site.control("smtproutes", &format!("lists.test:lmtp:127.0.0.1:{}\n", mailman.port));
    town.site.start(Supervisor::Runit);
    let post = |subject: &str| {
        format!(
            "From: Ann <ann@relay.test>\r\nTo: list@lists.test\r\nMessage-ID: <{subject}@relay.test>\r\nSubject: {subject}\r\n\r\n.hello\r\n"
        )
    };
    let mut client = Client::greeted(town.site.port());
    client.deliver("ann@relay.test", &["list@lists.test"], post("news").as_bytes()).must(250);
    let came = wait_until(120, || !town.mail("joe").is_empty() && !town.mail("ann").is_empty());
    assert!(came, "{}\n{}", town.site.logs(), mailman.said());
    for user in ["joe", "ann"] {
        town.has_mail(user, 1);
        let letter = fs::read_to_string(&town.mail(user)[0]).unwrap();
        assert!(
            letter.starts_with("Return-Path: <list-bounces") && letter.contains(&format!("Delivered-To: {user}@relay.test\n")),
            "{letter}"
        );
        assert!(letter.contains("\nSubject: [List] news\n") && letter.contains("\nList-Id: <list.lists.test>\n"), "{letter}");
        assert!(letter.contains("\n\n.hello\n"), "{letter}");
    }
    // A list that is not there is refused by Mailman, and its sender told.
    client.deliver("ann@relay.test", &["nolist@lists.test"], post("lost").as_bytes()).must(250);
    town.has_mail("ann", 2);
    let bounce = town.mail("ann").iter().map(|path| fs::read_to_string(path).unwrap()).find(|text| text.starts_with("Return-Path: <>\n"));
    assert!(bounce.is_some_and(|text| text.contains("<nolist@lists.test>:") && text.contains("Action: failed")));
    town.site.drained(60);
}
