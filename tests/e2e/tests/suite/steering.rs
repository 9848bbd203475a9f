//! qtool and qstat on a relay that runs, and on one that is stopped.

use stafett_test_e2e::{Act, Sink, Site, Supervisor, has, message, program, run, skip, transfer, wait_until};
use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::process::{Command, Output, Stdio};

fn call(site: &Site, name: &str, arguments: &[&str]) -> Output {
    Command::new(program(name)).arg(site.root()).args(arguments).stdin(Stdio::null()).output().unwrap()
}

fn out(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

fn err(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[track_caller]
fn qtool(site: &Site, arguments: &[&str], code: i32) -> String {
    let output = call(site, "qtool", arguments);
    assert_eq!(output.status.code(), Some(code), "{arguments:?}: {}{}", out(&output), err(&output));
    out(&output)
}

fn qstat(site: &Site, arguments: &[&str]) -> String {
    out(&call(site, "qstat", arguments))
}

/// The ids of what is queued and fits.
fn ids(site: &Site, arguments: &[&str]) -> Vec<String> {
    let lines = qstat(site, &[&["-l"], arguments].concat());
    lines.lines().filter(|line| !line.starts_with(' ')).filter_map(|line| line.split(' ').nth(1).map(str::to_owned)).collect()
}

fn closed() -> Sink {
    Sink::scripted(|_, _| Act::Last("421 4.3.2 come back".to_owned()))
}

/// A relay with three messages that wait: from a to x, from b to y, from b to z.
fn relay(sink: &Sink) -> Site {
    let site = Site::relaying_to(sink);
    for (from, to) in [("a@sender.test", "x@taken.test"), ("b@sender.test", "y@taken.test"), ("b@sender.test", "z@sub.taken.test")] {
        transfer(site.port(), from, to, &message(to));
    }
    assert!(wait_until(20, || ids(&site, &["--state", "waiting"]).len() == 3), "{}", qstat(&site, &["-l"]));
    site
}

#[test]
fn the_admin_sees_and_steers_every_message() {
    let sink = closed();
    let site = relay(&sink);
    let [first, second, third] = &ids(&site, &[])[..] else { panic!("three messages") };

    let detail = qstat(&site, &[first]);
    assert!(
        detail.contains("deferred: ") && detail.contains("421 4.3.2 come back") && detail.contains("    goes to 127.0.0.1:"),
        "{detail}"
    );
    assert!(detail.contains("    waits (") && detail.contains("    next "), "{detail}");
    let destinations = qstat(&site, &["-d"]);
    assert!(
        destinations.starts_with("127.0.0.1:") && destinations.contains(" waiting 3 ") && destinations.contains(" oldest 2"),
        "{destinations}"
    );

    // Shown first, and nothing done.
    let shown = qtool(&site, &["-n", "hold", "--from", "@sender.test"], 0);
    assert!(shown.lines().count() == 3 && shown.starts_with(&format!("would hold {first} ")), "{shown}");
    assert_eq!(ids(&site, &["--state", "held"]).len(), 0);
    qtool(&site, &["hold", "--from", "b@sender.test"], 0);
    assert_eq!(ids(&site, &["--state", "held"]), [second.clone(), third.clone()]);
    assert!(qstat(&site, &[second]).contains("waits (hold): held by the admin"));
    qtool(&site, &["release", second], 0);
    assert_eq!(ids(&site, &["--state", "held"]), [third.as_str()]);

    // What cannot be taken back asks once more.
    let refused = call(&site, "qtool", &["delete", "--all"]);
    assert_eq!(refused.status.code(), Some(1));
    assert!(err(&refused).contains("say -y") && out(&refused).lines().count() == 3, "{}", err(&refused));
    assert_eq!(ids(&site, &[]).len(), 3);
    qtool(&site, &["delete", third], 0);
    qtool(&site, &["delete", third], 1);
    qtool(&site, &["hold", "0000000000000001"], 1);
    qtool(&site, &["delete"], 100);

    let printed = qtool(&site, &["print", first], 0);
    assert!(printed.starts_with("Received: ") && printed.contains("Subject: x@taken.test\r\n"), "{printed}");
    let whole = qtool(&site, &["print", "--envelope", first], 0);
    assert!(whole.starts_with("stafett-queue 1\nid ") && whole.contains("\nto x@taken.test\n") && whole.ends_with(&printed), "{whole}");

    sink.now(|_, _| Act::Accept);
    qtool(&site, &["flush", "taken.test"], 0);
    let arrived = sink.messages(2, 20);
    assert!(arrived.iter().any(|one| one.data == printed.as_bytes()), "what was printed is what arrives");
    site.drained(10);
    let uid = fs::metadata("/proc/self").unwrap().uid();
    for words in [
        format!("admin uid {uid}: hold msg {second}"),
        format!("admin uid {uid}: delete msg {third}"),
        format!("admin uid {uid}: flush taken.test"),
    ] {
        site.logged("send", &words);
    }
}

#[test]
fn another_route_and_a_bounce() {
    let (sink, other) = (closed(), Sink::new());
    let site = relay(&sink);
    let route = format!("127.0.0.1:{}", other.port());
    qtool(&site, &["route", &route, "--to", "x@taken.test"], 0);
    assert_eq!(other.messages(1, 20)[0].rcpts.len(), 1);
    assert_eq!(call(&site, "qtool", &["route", "a b", "--all"]).status.code(), Some(100));
    // The bounces wait for their own way: sender.test goes to the sink, too.
    sink.now(|_, _| Act::Accept);
    qtool(&site, &["-y", "bounce", "--from", "b@sender.test"], 0);
    let bounces = sink.messages(2, 20);
    assert!(bounces.iter().all(|one| one.data.windows(26).any(|part| part == b"Returned by the administra")), "two bounces");
    site.drained(10);
}

/// Puts a copy of a message that waits into queue/new.
fn restore_copy(site: &Site, id: &str) {
    let files = site.queue_files();
    let file = files.iter().find(|file| file.to_string_lossy().contains(id)).unwrap();
    let copy = site.path("queue/new").join(file.file_name().unwrap());
    fs::copy(file, &copy).unwrap();
    let owner = fs::metadata(file).unwrap();
    std::os::unix::fs::chown(copy, Some(owner.uid()), Some(owner.gid())).unwrap();
}

#[test]
fn a_stopped_relay_can_be_cleaned_up() {
    let sink = closed();
    let mut site = relay(&sink);
    let all = ids(&site, &[]);
    site.stop();
    let detail = call(&site, "qstat", &[&all[0]]);
    assert!(
        err(&detail).contains("stafett-send is not running") && out(&detail).contains("waits (stopped): "),
        "{}{}",
        out(&detail),
        err(&detail)
    );
    qtool(&site, &["bounce", &all[0]], 111);
    qtool(&site, &["route", "other.test", &all[0]], 111);
    qtool(&site, &["flush"], 111);
    qtool(&site, &["hold", &all[0]], 0);
    restore_copy(&site, &all[1]);
    qtool(&site, &["delete", &all[1]], 0);
    qtool(&site, &["retry", &all[2]], 0);
    qtool(&site, &["retry", &all[0]], 1);
    assert_eq!(ids(&site, &["--state", "held"]), [all[0].clone()]);
    let owner = fs::metadata(site.path("queue/cur")).unwrap().uid();
    for file in site.queue_files().iter().chain([&site.path("queue/admin")]) {
        assert_eq!(fs::metadata(file).unwrap().uid(), owner, "{}", file.display());
    }
    let check = site.setup(&["--check"]);
    assert!(!String::from_utf8_lossy(&check.stdout).contains("queue/admin"), "{}", String::from_utf8_lossy(&check.stdout));
    sink.now(|_, _| Act::Accept);
    site.start(Supervisor::Runit);
    assert_eq!(sink.messages(1, 20).len(), 1);
    for (verb, id) in [("hold", &all[0]), ("delete", &all[1]), ("retry", &all[2])] {
        site.logged("send", &format!(": {verb} msg {id} at "));
    }
    assert!(wait_until(10, || ids(&site, &[]) == [all[0].clone()]), "{:?}", ids(&site, &[]));
    assert!(!site.path("queue/admin").exists());
    qtool(&site, &["release", "--all"], 0);
    site.drained(20);
}

#[test]
fn messages_that_vanish_meanwhile_do_no_harm() {
    let sink = Sink::new();
    let site = Site::relaying_to(&sink);
    let done = std::sync::atomic::AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            for number in 0..200 {
                transfer(site.port(), "a@sender.test", "b@taken.test", &message(&format!("race-{number}")));
            }
            done.store(true, std::sync::atomic::Ordering::SeqCst);
        });
        while !done.load(std::sync::atomic::Ordering::SeqCst) {
            for arguments in [&["hold", "--all"][..], &["retry", "--all"], &["release", "--all"]] {
                let code = call(&site, "qtool", arguments).status.code();
                assert!(matches!(code, Some(0 | 1)), "{arguments:?} {code:?}");
            }
            assert_eq!(call(&site, "qstat", &["-v", "--json"]).status.code(), Some(0));
            assert_eq!(call(&site, "qstat", &["-d"]).status.code(), Some(0));
        }
    });
    assert!(
        wait_until(20, || {
            let _ = call(&site, "qtool", &["release", "--all"]);
            site.queue_files().is_empty()
        }),
        "{:?}",
        site.queue_files()
    );
    let arrived = sink.messages(200, 1);
    let subjects: BTreeSet<String> = arrived.iter().filter_map(|one| one.field("Subject")).collect();
    assert_eq!((arrived.len(), subjects.len()), (200, 200), "each once");
}

#[test]
fn programs_can_read_what_qstat_says() {
    if has("python3").is_none() {
        skip("programs_can_read_what_qstat_says", "python3 is not installed");
        return;
    }
    let sink = closed();
    let site = relay(&sink);
    let script = "\
import json, subprocess, sys
qstat, root = sys.argv[1:]
def lines(*options): return [json.loads(line) for line in subprocess.run([qstat, *options, '--json', root], stdout=subprocess.PIPE, check=True).stdout.decode().splitlines()]
[counts] = lines()
assert counts['messages'] == 3 and counts['held'] == 0, counts
for form in ('-l', '-v'):
    messages = lines(form)
    assert [m['from'] for m in messages] == ['a@sender.test', 'b@sender.test', 'b@sender.test'], messages
    assert all(m['recipients'][0]['destination'].startswith('127.0.0.1:') for m in messages), messages
assert all(r['attempts'] and r['waits'] and 'next' in r for m in messages for r in m['recipients']), messages
[destination] = lines('-d')
assert destination['waiting'] == 3 and destination['window'] >= 1, destination
print('fine')
";
    assert_eq!(run(Command::new("python3").arg("-c").arg(script).arg(program("qstat")).arg(site.root())), "fine\n");
}
