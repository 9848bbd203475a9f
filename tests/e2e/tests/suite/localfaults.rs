//! What goes wrong in local deliveries, and other programs that have a part in them.

use crate::local::{Dovecot, JOE, Town, files, give, insist, text};
use stafett_test_e2e::{Arrived, Client, Process, Sink, Supervisor, has, is_root, kill, message, run, scratch, skip, transfer, wait_until};
use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// The numbers of a program of joe's, of its delivery, and of the process that keeps the delivery's time.
fn chain(town: &Town) -> [i32; 3] {
    let written = town.home("joe").join("pid");
    let pid = || fs::read_to_string(&written).ok().and_then(|text| text.trim().parse::<i32>().ok());
    assert!(wait_until(60, || pid().is_some_and(|pid| Process::at(pid).is_some())), "{}", town.site.log("send"));
    let program = pid().unwrap();
    fs::remove_file(&written).unwrap();
    let delivery = Process::at(program).unwrap().parent();
    [program, delivery, Process::at(delivery).unwrap().parent()]
}

#[test]
fn whichever_process_of_a_delivery_is_killed_its_program_ends_and_the_message_comes_later() {
    let mut town = Town::new();
    let hang = "|echo $$ >pid.new; mv pid.new pid; exec sleep 300\n./Maildir/\n";
    town.site.start(Supervisor::Runit);
    for victim in 0..4 {
        town.write("joe/.qmail-x", JOE, hang);
        insist(&town.site, "joe-x@relay.test", &message(&format!("victim {victim}")));
        let chain = chain(&town);
        assert_eq!(town.mail("joe").len(), victim);
        town.write("joe/.qmail-x", JOE, "./Maildir/\n");
        // The last one is the scheduler: what it had given out is ended, and comes once it is back.
        let pid = chain.get(victim).copied().unwrap_or_else(|| town.site.resident("stafett-send").pid);
        kill(pid);
        assert!(wait_until(60, || Process::at(chain[0]).is_none()), "the program of victim {victim} runs on");
        let arrived = wait_until(90, || {
            let _ = town.site.command("qtool").arg("flush").output();
            town.mail("joe").len() > victim
        });
        assert!(arrived, "victim {victim}: {}", town.site.log("send"));
    }
    town.site.drained(60);
    assert_eq!(town.mail("joe").len(), 4);
    let log = town.site.log("send");
    for reason in ["Aack,_child_crashed:_signal_9", "The_delivery_was_ended_by_signal_9", "stafett-local_ended_without_a_report"] {
        assert!(log.contains(&format!("deferral: {reason}")), "{reason}: {log}");
    }
}

/// A file system of a user's own that can stop.
pub struct Disk(PathBuf);

impl Disk {
    fn at(directory: &Path, image: &Path) -> Option<Disk> {
        Disk::made(directory, image, "32M", Command::new("mkfs.ext4").args(["-q", "-F"]))
    }

    /// One of this size by this command of a mkfs; none where it cannot be mounted.
    pub fn made(directory: &Path, image: &Path, size: &str, mkfs: &mut Command) -> Option<Disk> {
        run(Command::new("truncate").args(["-s", size]).arg(image));
        run(mkfs.arg(image));
        let mounted = Command::new("mount").args(["-o", "loop"]).arg(image).arg(directory).output().unwrap();
        mounted.status.success().then(|| Disk(directory.to_owned()))
    }

    fn freeze(&self, how: &str) {
        run(Command::new("fsfreeze").arg(how).arg(&self.0));
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = Command::new("fsfreeze").arg("-u").arg(&self.0).output();
        let _ = Command::new("umount").arg("-l").arg(&self.0).output();
    }
}

#[test]
fn a_home_on_a_disk_that_hangs_or_is_full_delays_its_user_alone() {
    if !is_root() {
        return skip("a_home_on_a_disk_that_hangs_or_is_full_delays_its_user_alone", "needs root");
    }
    let mut town = Town::new();
    let place = scratch();
    let home = town.home("joe");
    let Some(disk) = Disk::at(&home, &place.path().join("image")) else {
        return skip("a_home_on_a_disk_that_hangs_or_is_full_delays_its_user_alone", "needs loop devices");
    };
    fs::set_permissions(&home, PermissionsExt::from_mode(0o755)).unwrap();
    for part in ["", "Maildir", "Maildir/tmp", "Maildir/new", "Maildir/cur"] {
        let _ = fs::create_dir(home.join(part));
        give(&home.join(part), JOE);
    }
    town.site.control("timeoutlocal", "2\n");
    town.site.control("concurrencyuser", "1\n");
    town.site.start(Supervisor::Runit);
    disk.freeze("-f");
    let mut client = Client::greeted(town.site.port());
    client.deliver("a@sender.test", &["joe@relay.test", "ann@relay.test"], &message("frozen")).must(250);
    town.has_mail("ann", 1);
    town.site.logged("send", "deferral: The_delivery_took_too_long,_and_does_not_even_end:_control/timeoutlocal.");
    disk.freeze("-u");
    let flushed = |count: usize| {
        wait_until(60, || {
            let _ = town.site.command("qtool").arg("flush").output();
            town.mail("joe").len() == count
        })
    };
    assert!(flushed(1), "{}", town.site.log("send"));
    assert_eq!(text(&town.mail("joe")).matches("Subject: frozen").count(), 1);
    // Full in the middle of a message: nothing is left of it, and it comes when there is room.
    let rest = [0; 65_536];
    let mut filler = fs::File::create(home.join("filler")).unwrap();
    while filler.write(&rest).is_ok() {}
    drop(filler);
    let long = [message("long"), b"0123456789 and so on, for many lines of one message\r\n".repeat(4000)].concat();
    client.deliver("a@sender.test", &["joe@relay.test"], &long).must(250);
    town.site.logged("send", "No_space_left_on_device");
    let is_clean = || {
        town.mail("joe").len() == 1
            && files(&home.join("Maildir/tmp")).iter().all(|left| !fs::read_to_string(left).unwrap().contains("long"))
    };
    assert!(is_clean(), "{:?}", files(&home.join("Maildir/tmp")));
    fs::remove_file(home.join("filler")).unwrap();
    assert!(flushed(2), "{}", town.site.log("send"));
    town.site.stop();
}

#[test]
fn a_thousand_forwards_go_out_once_each() {
    let sink = Sink::new();
    let mut town = Town::new();
    town.site.control("smtproutes", &format!("taken.test:{}", sink.route().trim_start_matches(':')));
    let lines: String = (0..1000).map(|number| format!("&u{number}@taken.test\n")).collect();
    town.write("joe/.qmail-many", JOE, &lines);
    town.site.start(Supervisor::Runit);
    transfer(town.site.port(), "a@sender.test", "joe-many@relay.test", &message("many"));
    let count = |arrived: &[Arrived]| arrived.iter().map(|one| one.rcpts.len()).sum::<usize>();
    assert!(sink.wait(60, |seen| count(&seen.arrived) >= 1000), "{}", town.site.log("send"));
    town.site.drained(60);
    assert_eq!(count(&sink.seen().arrived), 1000);
    town.site.logged("send", "did_0+1000+0/");
}

#[test]
fn bogofilter_and_an_autoresponder_are_programs_as_others() {
    if has("bogofilter").is_none() {
        return skip("bogofilter_and_an_autoresponder_are_programs_as_others", "needs bogofilter");
    }
    let mut town = Town::new();
    let words = town.home("joe").join("words");
    fs::create_dir(&words).unwrap();
    for (what, sign) in [("-s", "cheap pills casino winner lottery"), ("-n", "meeting minutes agenda colleagues report")] {
        for number in 0..20 {
            let path = town.homes.path().join("sample");
            fs::write(&path, format!("From: a@b\nSubject: {sign} {number}\n\n{sign}\n")).unwrap();
            run(Command::new("bogofilter").arg("-d").arg(&words).arg(what).arg("-I").arg(&path));
        }
    }
    files(&words).iter().chain([&words]).for_each(|path| give(path, JOE));
    let refuse = "|bogofilter -d ./words; case $? in 0) echo no spam please; exit 100;; 1|2) exit 0;; *) exit 111;; esac\n";
    let mark = "|bogofilter -d ./words -u -e -p >marked\n";
    let answer = format!(
        "|test -n \"$SENDER\" && printf 'Subject: away\\n\\nback soon\\n' | {} -f '' -- \"$SENDER\"\n",
        town.site.command("stafett-inject").get_program().display()
    );
    town.write("joe/.qmail", JOE, &format!("{refuse}{mark}{answer}./Maildir/\n"));
    town.site.start(Supervisor::Runit);
    let letter = |words: &str| format!("From: <ann@relay.test>\r\nSubject: {words}\r\n\r\n{words}\r\n").into_bytes();
    transfer(town.site.port(), "ann@relay.test", "joe@relay.test", &letter("cheap pills casino winner lottery"));
    town.has_mail("ann", 1);
    assert!(text(&town.mail("ann")).contains("no spam please"));
    transfer(town.site.port(), "ann@relay.test", "joe@relay.test", &letter("meeting minutes agenda colleagues report"));
    town.has_mail("joe", 1);
    town.has_mail("ann", 2);
    assert!(town.mail("ann").iter().any(|path| fs::read_to_string(path).unwrap().contains("\nback soon\n")));
    let marked = fs::read_to_string(town.home("joe").join("marked")).unwrap();
    assert!(marked.contains("\nX-Bogosity: Ham"), "{marked}");
}

/// A session of POP3.
struct Pop3(BufReader<TcpStream>);

impl Pop3 {
    fn of_joe(port: u16) -> Pop3 {
        let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
        let mut session = Pop3(BufReader::new(stream));
        session.line();
        session.ask("USER joe");
        session.ask("PASS x");
        session
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.0.read_line(&mut line).unwrap();
        line
    }

    fn ask(&mut self, command: &str) -> String {
        self.0.get_mut().write_all(format!("{command}\r\n").as_bytes()).unwrap();
        let line = self.line();
        assert!(line.starts_with("+OK"), "{command}: {line}");
        line
    }

    /// Takes all that is there away; the lines of the subjects.
    fn empty(mut self) -> Vec<String> {
        let count: usize = self.ask("STAT").split(' ').nth(1).unwrap().parse().unwrap();
        let mut subjects = Vec::new();
        for number in 1..=count {
            self.ask(&format!("RETR {number}"));
            loop {
                match self.line() {
                    line if line == ".\r\n" => break,
                    line if line.starts_with("Subject: ") => subjects.push(line.trim_end().to_owned()),
                    _ => {}
                }
            }
            self.ask(&format!("DELE {number}"));
        }
        self.ask("QUIT");
        subjects
    }
}

#[test]
fn dovecot_gives_mail_over_pop3_while_more_arrives() {
    if !is_root() || has("dovecot").is_none() || !Path::new("/usr/lib/dovecot/pop3").exists() {
        return skip("dovecot_gives_mail_over_pop3_while_more_arrives", "needs root and Dovecot's POP3");
    }
    let mut town = Town::new();
    town.site.start(Supervisor::Runit);
    let dovecot = Dovecot::over(&town, "pop3");
    dovecot.is_up();
    let port = town.site.port();
    let sending = std::thread::spawn(move || {
        let mut client = Client::greeted(port);
        for number in 0..40 {
            client.deliver("a@sender.test", &["joe@relay.test"], &message(&format!("letter {number}."))).must(250);
        }
    });
    let mut taken = Vec::new();
    let all = wait_until(90, || {
        taken.extend(Pop3::of_joe(dovecot.port).empty());
        taken.len() >= 40
    });
    sending.join().unwrap();
    assert!(all, "{taken:?}\n{}", dovecot.log());
    taken.extend(Pop3::of_joe(dovecot.port).empty());
    taken.sort();
    taken.dedup();
    assert_eq!(taken.len(), 40, "each of them once");
    assert!(!dovecot.log().contains("Error"), "{}", dovecot.log());
}
