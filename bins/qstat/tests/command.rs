//! The real qstat on queues of the test's making.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use stafett_envelope::{Envelope, Recipient};
use stafett_queue_store::journal::{Event, Line};
use stafett_queue_store::{Id, Place, Store};
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

const FUTURE: u64 = 4_102_444_800;

struct Site {
    directory: tempfile::TempDir,
    store: Store,
}

impl Site {
    fn new() -> Site {
        let directory = tempfile::tempdir().unwrap();
        for name in ["tmp", "new", "cur/0f", "hold", "bad"] {
            fs::create_dir_all(directory.path().join("queue").join(name)).unwrap();
        }
        let store = Store::open(&directory.path().join("queue")).unwrap();
        Site { directory, store }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// A message of 3 bytes in queue/new.
    fn put(&self, id: u64, sender: &str, recipients: &[&str]) {
        let recipients = recipients.iter().map(|address| Recipient::new(*address)).collect();
        let envelope = Envelope { sender: sender.into(), recipients, ..Envelope::default() };
        let mut draft = self.store.draft(Id(id)).unwrap();
        draft.write(b"x\r\n").unwrap();
        draft.commit(&envelope, false).unwrap();
    }

    fn journal(&self, id: u64, recipient: usize, event: Event, text: &str) {
        let mut line = String::new();
        Line { time: 1_763_758_060, recipient, event, text: text.into() }.write(&mut line);
        self.store.append(Id(id), 3, Place::New, &line).unwrap();
    }

    fn wait(&self, id: u64, due: u64) {
        self.store.wait_until(Id(id), 3, Place::New, due).unwrap();
    }

    fn qstat(&self, options: &[&str]) -> Output {
        run(Command::new(env!("CARGO_BIN_EXE_qstat")).args(options).env("STAFETT", self.directory.path()))
    }
}

fn run(command: &mut Command) -> Output {
    command.output().unwrap()
}

fn words(output: &Output) -> (Option<i32>, String, String) {
    let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).unwrap();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

const ID: u64 = 1_763_758_000_123_456;

/// One message of each kind.
fn mixed() -> Site {
    let site = Site::new();
    site.put(ID + 3, "", &["late@example.net"]);
    site.put(ID, "s@example.org", &["a@example.net", "b@example.net", "c@example.net", "d@example.net"]);
    site.journal(ID, 0, Event::Delivered, "127.0.0.1 accepted message.");
    site.journal(ID, 1, Event::Deferred, "450 4.2.0 later");
    site.journal(ID, 1, Event::Deferred, "450 4.2.0 much later");
    site.journal(ID, 2, Event::Failed, "550 5.1.1 no");
    site.journal(ID, 2, Event::Bounced, "told");
    site.wait(ID, FUTURE);
    site.put(ID + 1, "due@example.org", &["a@example.net"]);
    site.wait(ID + 1, 1_763_758_060);
    site.put(ID + 2, "held@example.org", &["a@example.net"]);
    fs::rename(site.path(&format!("queue/new/{},S=3", ID + 2)), site.path(&format!("queue/hold/{},S=3", ID + 2))).unwrap();
    site
}

#[test]
fn the_lines_of_qmail_come_first_then_the_states() {
    let site = mixed();
    let expected =
        "messages in queue: 4\nmessages in queue but not yet preprocessed: 1\nnew: 1\nwaiting: 2 (1 due now)\nheld: 1\ndamaged: 0\n";
    assert_eq!(words(&site.qstat(&[])), (Some(0), expected.to_owned(), String::new()));
    let elsewhere = run(Command::new(env!("CARGO_BIN_EXE_qstat")).arg(site.directory.path()).env_remove("STAFETT"));
    assert_eq!(words(&elsewhere).1, expected);
}

#[test]
fn an_empty_queue_is_empty() {
    let site = Site::new();
    let expected =
        "messages in queue: 0\nmessages in queue but not yet preprocessed: 0\nnew: 0\nwaiting: 0 (0 due now)\nheld: 0\ndamaged: 0\n";
    assert_eq!(words(&site.qstat(&[])), (Some(0), expected.to_owned(), String::new()));
    assert_eq!(words(&site.qstat(&["-l"])), (Some(0), String::new(), String::new()));
}

#[test]
fn the_list_tells_where_each_recipient_stands() {
    let expected = "\
2025-11-21T20:46:40Z 1763758000123456 3 <s@example.org> waiting next 2100-01-01T00:00:00Z
  done a@example.net (2025-11-21T20:47:40Z): 127.0.0.1 accepted message.
  waiting b@example.net (deferred 2 times, last 2025-11-21T20:47:40Z): 450 4.2.0 much later
  failed c@example.net (2025-11-21T20:47:40Z): 550 5.1.1 no
  waiting d@example.net
2025-11-21T20:46:40Z 1763758000123457 3 <due@example.org> waiting next now
  waiting a@example.net
2025-11-21T20:46:40Z 1763758000123458 3 <held@example.org> held
  waiting a@example.net
2025-11-21T20:46:40Z 1763758000123459 3 <> new next now
  waiting late@example.net
";
    assert_eq!(words(&mixed().qstat(&["-l"])), (Some(0), expected.to_owned(), String::new()));
}

#[test]
fn damage_is_named_and_the_rest_is_shown() {
    let site = mixed();
    let path = site.path(&format!("queue/new/{},S=3", ID + 3));
    let whole = fs::read(&path).unwrap();
    fs::write(&path, &whole[..whole.len() - 4]).unwrap();
    fs::write(site.path("queue/bad/1763758000000000,S=3"), "x").unwrap();
    fs::write(site.path("queue/cur/stray"), "x").unwrap();
    fs::write(site.path("queue/cur/0f/1763758000000000"), "x").unwrap();
    let (code, stdout, stderr) = words(&site.qstat(&["-l"]));
    assert_eq!(code, Some(1));
    assert_eq!(stdout.matches('\n').count(), 9, "{stdout}");
    for name in
        [&*path, Path::new("queue/bad/1763758000000000,S=3"), Path::new("queue/cur/stray"), Path::new("queue/cur/0f/1763758000000000")]
    {
        let name = name.to_str().unwrap();
        assert!(stderr.lines().any(|line| line.starts_with("qstat: error: ") && line.contains(name)), "{name}: {stderr}");
    }
    let (code, stdout, stderr) = words(&site.qstat(&[]));
    assert_eq!(code, Some(1));
    assert!(stdout.ends_with("damaged: 1\n"), "{stdout}");
    assert!(stderr.contains("2 files in "), "{stderr}");
}

#[test]
fn words_of_peers_cannot_drive_the_terminal() {
    let site = Site::new();
    site.put(ID, "s\u{9b}31m\u{202e}@example.org", &["a@example.net"]);
    site.journal(ID, 0, Event::Deferred, "450 \u{1b}[2Jgone\u{200f}\u{9b}0m");
    let (code, stdout, _) = words(&site.qstat(&["-l"]));
    assert_eq!(code, Some(0));
    assert!(stdout.contains("<s_31m_@example.org>"), "{stdout:?}");
    assert!(!stdout.contains(|c: char| c != '\n' && c.is_control()), "{stdout:?}");
}

#[test]
fn a_wrong_command_line_is_told_from_a_broken_queue() {
    let site = Site::new();
    for wrong in
        [&["-x"][..], &["--long"], &["a", "b"], &["-l=3"], &["--older"], &["--older", "soon"], &["--state", "odd"], &["--larger", "-1"]]
    {
        let (code, stdout, stderr) = words(&site.qstat(wrong));
        assert_eq!((code, stdout.as_str()), (Some(100), ""), "{wrong:?}");
        assert!(stderr.starts_with("qstat: fatal: ") && stderr.contains("usage: qstat [-l | -v | -d] "), "{stderr}");
    }
    fs::remove_dir(site.path("queue/hold")).unwrap();
    let (code, _, stderr) = words(&site.qstat(&[]));
    assert_eq!(code, Some(111));
    assert!(stderr.contains("queue/hold"), "{stderr}");
    let (code, _, stderr) = words(&site.qstat(&["/nonexistent/instance"]));
    assert_eq!(code, Some(111));
    assert!(stderr.contains("/nonexistent/instance"), "{stderr}");
}

#[test]
fn who_may_not_read_is_told_what_to_be() {
    let site = Site::new();
    fs::set_permissions(site.directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
    fs::set_permissions(site.path("queue"), fs::Permissions::from_mode(0o700)).unwrap();
    let program = site.path("qstat");
    // By a process of its own: what another test's thread forks would hold a file that is written here, and it could not be run.
    assert!(Command::new("install").args(["-m", "755"]).arg(env!("CARGO_BIN_EXE_qstat")).arg(&program).status().unwrap().success());
    let output = if stafett_sys::user::Uid::effective().is_root() {
        run(Command::new("setpriv").args(["--reuid=65534", "--regid=65534", "--clear-groups"]).arg(program).arg(site.directory.path()))
    } else {
        fs::set_permissions(site.path("queue"), fs::Permissions::from_mode(0o000)).unwrap();
        let output = run(Command::new(program).arg(site.directory.path()));
        fs::set_permissions(site.path("queue"), fs::Permissions::from_mode(0o700)).unwrap();
        output
    };
    let (code, _, stderr) = words(&output);
    assert_eq!(code, Some(111));
    assert!(stderr.contains("be root or in the group of that directory"), "{stderr}");
}

#[test]
fn a_reader_that_has_seen_enough_is_no_fault() {
    let site = Site::new();
    (0..2000).for_each(|n| site.put(ID + n, "s@example.org", &["a@example.net"]));
    let line = format!("{} -l {} | head -1", env!("CARGO_BIN_EXE_qstat"), site.directory.path().display());
    let output = run(Command::new("sh").arg("-c").arg(line));
    assert_eq!(output.stdout.iter().filter(|byte| **byte == b'\n').count(), 1);
    assert_eq!(words(&output).2, "");
}

#[test]
fn a_queue_at_work_is_shown_without_complaint() {
    let site = Site::new();
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for n in 0..3000 {
                let id = ID + n;
                site.put(id, "s@example.org", &["a@example.net"]);
                site.journal(id, 0, Event::Deferred, "450 later");
                site.wait(id, FUTURE);
                if n >= 20 {
                    site.store.remove(Id(id - 20), 3, Place::Waiting).unwrap();
                }
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        let mut rounds = 0;
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            for options in [&["-l"][..], &[]] {
                let (code, _, stderr) = words(&site.qstat(options));
                assert_eq!((code, stderr.as_str()), (Some(0), ""));
            }
            rounds += 1;
        }
        assert!(rounds > 2);
    });
}

#[test]
fn an_id_tells_every_attempt_and_that_nobody_schedules() {
    let site = mixed();
    let (code, stdout, stderr) = words(&site.qstat(&["1763758000123456"]));
    assert_eq!((code, stderr.as_str()), (Some(0), "qstat: warning: stafett-send is not running; showing what the disk tells\n"));
    let expected = "\
2025-11-21T20:46:40Z 1763758000123456 3 <s@example.org> waiting next 2100-01-01T00:00:00Z
  came by unknown, uid unknown
  done a@example.net
    2025-11-21T20:47:40Z delivered: 127.0.0.1 accepted message.
  waiting b@example.net
    2025-11-21T20:47:40Z deferred: 450 4.2.0 later
    2025-11-21T20:47:40Z deferred: 450 4.2.0 much later
    goes to example.net
    waits (stopped): stafett-send is not running, it is tried when that has started; was deferred; waits for its next attempt
    next 2100-01-01T00:00:00Z
    is tried until 2025-11-28T20:46:40Z
  failed c@example.net
    2025-11-21T20:47:40Z failed: 550 5.1.1 no
    2025-11-21T20:47:40Z bounced: told
  waiting d@example.net
    goes to example.net
    waits (stopped): stafett-send is not running, it is tried when that has started
    next 2100-01-01T00:00:00Z
    is tried until 2025-11-28T20:46:40Z
";
    assert_eq!(stdout, expected);
    fs::create_dir(site.path("control")).unwrap();
    fs::write(site.path("control/queuelifetime"), "60\n").unwrap();
    fs::write(site.path("control/holdlifetime"), "example.net:120\n").unwrap();
    let stdout = words(&site.qstat(&["1763758000123456"])).1;
    assert_eq!(stdout.matches("    is tried until 2025-11-21T20:48:40Z\n").count(), 2, "{stdout}");
    let (code, stdout, stderr) = words(&site.qstat(&["-l", "1763758000123458,S=3", "1763758000999999"]));
    assert_eq!((code, stdout.lines().count()), (Some(1), 2), "{stdout}");
    assert!(stderr.contains("1763758000999999 is not in the queue"), "{stderr}");
}

#[test]
fn filters_apply_to_every_form() {
    let site = mixed();
    let first = |options: &[&str]| words(&site.qstat(options)).1.lines().next().unwrap_or_default().to_owned();
    for (options, count) in [
        (&["--from", "@example.org"][..], 3),
        (&["--from", "<>"], 1),
        (&["--to", "a@example.net", "--state", "waiting"], 2),
        (&["--dest", "EXAMPLE.net", "--state", "held,new"], 2),
        (&["--older", "1d"], 4),
        (&["--younger", "1d"], 0),
        (&["--larger", "3"], 0),
        (&["--smaller", "1k"], 4),
        (&["1763758000123456"], 1),
    ] {
        let all = [&["-l"][..], options].concat();
        let lines = words(&site.qstat(&all)).1.lines().filter(|line| !line.starts_with(' ')).count();
        assert_eq!(lines, count, "{options:?}");
        if options.len() > 1 {
            assert_eq!(first(options), format!("messages in queue: {count}"), "{options:?}");
        }
    }
}

#[test]
fn destinations_are_summed_up_from_the_disk() {
    let site = mixed();
    fs::create_dir(site.path("control")).unwrap();
    fs::write(site.path("control/smtproutes"), "example.com:hub.example:2525\n").unwrap();
    site.put(ID + 4, "s@example.org", &["x@example.com", "y@example.com"]);
    let expected = "\
example.net waiting 4 held 1 oldest 2025-11-21T20:46:40Z 1763758000123456
  last error: 450 4.2.0 much later
hub.example:2525 waiting 2 oldest 2025-11-21T20:46:40Z 1763758000123460
";
    assert_eq!(words(&site.qstat(&["-d"])).1, expected);
    assert_eq!(words(&site.qstat(&["-d", "--to", "x@*"])).1, "hub.example:2525 waiting 1 oldest 2025-11-21T20:46:40Z 1763758000123460\n");
    fs::write(site.path("control/smtproutes"), "nonsense\n").unwrap();
    let (code, stdout, stderr) = words(&site.qstat(&["-d"]));
    assert!(code == Some(0) && stdout.contains("example.com waiting 2") && stderr.contains("control/smtproutes:1"), "{stdout}{stderr}");
}

#[test]
fn json_is_read_by_others_whatever_the_queue_holds() {
    if run(Command::new("sh").args(["-c", "command -v python3"])).stdout.is_empty() {
        eprintln!("left out: python3 is not installed");
        return;
    }
    let site = mixed();
    let sender = "\"\\\u{9b}\u{202e}\u{1f600}\u{7f}@example.org";
    site.put(ID + 5, &sender.replace('\u{7f}', ""), &["a\"},{\"x@example.net", "\\u0041@example.net"]);
    site.journal(ID + 5, 0, Event::Deferred, "450 \u{1b}[2J \"quoted\" \\ back\u{2028}\u{0}");
    fs::write(site.path("queue/bad/1763758000000000,S=3"), "x").unwrap();
    let script = "\
import json, subprocess, sys
def lines(*options):
    text = subprocess.run([sys.argv[1], '--json', *options, sys.argv[2]], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL).stdout.decode('utf-8')
    assert not any(ord(c) < 32 and c != '\\n' or 127 <= ord(c) < 160 or c in '\\u202e\\u2028' for c in text), text
    return [json.loads(line) for line in text.splitlines()]
[counts] = lines()
assert counts == {'messages': 5, 'new': 2, 'waiting': 2, 'due_now': 1, 'held': 1, 'damaged': 1}, counts
for form in ('-l', '-v'):
    *_, last = lines(form)
    assert last['from'] == '\"\\\\\\u009b\\u202e\\U0001f600@example.org', last
    assert [r['to'] for r in last['recipients']] == ['a\"},{\"x@example.net', '\\\\u0041@example.net'], last
    assert last['recipients'][0]['until'] == last['born'] + 604800, last
    assert last['recipients'][0]['text'].startswith('450 /[2J \"quoted\" \\\\ back'), last
assert last['recipients'][0]['waits'] == 'stopped' and last['recipients'][0]['attempts'][0]['event'] == 'deferred', last
[held] = lines('-l', '--state', 'held')
assert held['state'] == 'held' and held['next'] is None, held
[bad] = lines('-l', '--state', 'damaged')
assert bad['state'] == 'damaged' and bad['file'].endswith('/bad/1763758000000000,S=3'), bad
[one] = lines('-d')
assert one['destination'] == 'example.net' and one['held'] == 1 and one['window'] is None and one['oldest'] == '1763758000123456', one
print('fine')
";
    let output = run(Command::new("python3").arg("-c").arg(script).arg(env!("CARGO_BIN_EXE_qstat")).arg(site.directory.path()));
    assert_eq!(words(&output), (Some(0), "fine\n".to_owned(), String::new()));
}
