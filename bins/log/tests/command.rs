//! The real stafett-log on logs that a relay wrote, once under runit and once under daemontools
//! (tests/logs/), and on copies of them that something happened to.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panic")]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

/// A message with three recipients: one took it, one refused it, one deferred it.
const MIXED: &str = "1795299494454926";
const ITS_BOUNCE: &str = "1795299494484800";

fn logs(supervisor: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/logs").join(supervisor)
}

fn log(directory: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_stafett-log")).arg(directory).args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

/// What was printed, when all went well.
fn shown(directory: &Path, arguments: &[&str]) -> String {
    let output = log(directory, arguments);
    assert_eq!((output.status.code(), text(&output.stderr)), (Some(0), ""), "{arguments:?}");
    text(&output.stdout).to_owned()
}

/// A copy that may be spoiled.
fn copy(supervisor: &str) -> tempfile::TempDir {
    let place = tempfile::tempdir().unwrap();
    for service in fs::read_dir(logs(supervisor).join("log")).unwrap().flatten() {
        let target = place.path().join("log").join(service.file_name());
        fs::create_dir_all(&target).unwrap();
        for file in fs::read_dir(service.path()).unwrap().flatten() {
            fs::copy(file.path(), target.join(file.file_name())).unwrap();
        }
    }
    place
}

/// The figure of a row of the summary.
fn figure(summary: &str, row: &str) -> u64 {
    let line = summary.lines().find_map(|line| line.strip_prefix(row)).unwrap_or_else(|| panic!("no {row} in:\n{summary}"));
    line.split_whitespace().next().unwrap().parse().unwrap()
}

#[test]
fn the_summary_counts_what_both_supervisors_wrote() {
    for (supervisor, deferrals) in [("svlogd", 4), ("multilog", 2)] {
        let summary = shown(&logs(supervisor), &[]);
        for (row, wanted) in [
            ("connections", 11),
            ("sessions", 11),
            ("refusals ", 2),
            ("accepted by smtpd", 6),
            ("queued", 8),
            ("done", 6),
            ("deliveries", 6),
            ("deferrals ", deferrals),
            ("failures ", 2),
            ("bounces", 2),
            ("possible duplicates", 0),
        ] {
            assert_eq!(figure(&summary, row), wanted, "{row} of {supervisor}:\n{summary}");
        }
        for part in [
            "1  control/badmailfrom:1",
            "1  control/rcpthosts",
            "2  550 5.1.1 <ADDRESS>: Recipient address rejected: User unknown",
            "  example.net",
        ] {
            assert!(summary.contains(part), "{part} in:\n{summary}");
        }
        // Every line of a real relay is understood.
        assert!(!summary.contains("other lines"), "{summary}");
    }
}

#[test]
fn a_span_is_summed_up_alone() {
    let site = logs("svlogd");
    let later = shown(&site, &["--since", "2026-11-21 22:18:18", "--until", "2026-11-21 22:19"]);
    assert_eq!((figure(&later, "connections"), figure(&later, "deliveries"), figure(&later, "deferrals ")), (2, 2, 0));
    let day = shown(&site, &["--since", "2026-11-21", "--until", "2026-11-21", "-n", "1"]);
    assert_eq!(figure(&day, "connections"), 11);
    assert!(day.contains("refusals by rule (1 of 2)"), "{day}");
    let nothing = log(&site, &["--until", "2026-11-20"]);
    assert_eq!((nothing.status.code(), text(&nothing.stderr)), (Some(1), "stafett-log: note: nothing was found\n"));
}

#[test]
fn one_message_is_followed_from_the_connection_to_its_bounce() {
    let story = shown(&logs("svlogd"), &[MIXED]);
    let mut rest = story.as_str();
    for part in [
        &format!("message {ITS_BOUNCE}, born 2026-11-21 22:18:14.484, the bounce of {MIXED}\n"),
        "queued: 1904 bytes from <>",
        "delivery 5 to alice@example.org: success after 0.054 s: 127.0.0.1 accepted message. Remote host said: 250",
        "done, 0.057 s after it was born",
        &format!("message {MIXED}, born 2026-11-21 22:18:14.454\n"),
        "connection from 127.0.0.1 port 58230",
        "accepted by smtpd: client 127.0.0.1, helo client.example.org, 298 bytes from <alice@example.org> to <bob@example.net> and 2 more",
        "queued: 298 bytes",
        "delivery 2 to bob@example.net: success",
        "delivery 3 to fail.me@example.net: failure",
        "delivery 4 to defer@example.net: deferral",
        &format!("its failures are told by message {ITS_BOUNCE}"),
        // After a restart of the scheduler, whose numbers began again.
        "2026-11-21 22:24:54.428  delivery 1 to defer@example.net: deferral",
        "its end is not in these logs",
    ] {
        let at = rest.find(part).unwrap_or_else(|| panic!("{part} comes next in:\n{story}"));
        rest = rest.get(at + part.len()..).unwrap();
    }
    assert!(!story.contains("delivery 1 to bob"), "of another message:\n{story}");
}

#[test]
fn raw_lines_come_as_they_stand_in_the_order_of_time() {
    for (supervisor, sender) in [("svlogd", "dave@example.org"), ("multilog", "dave@example.org")] {
        let raw = shown(&logs(supervisor), &["--raw", "-s", sender]);
        let lines: Vec<&str> = raw.lines().map(|line| line.split_once(' ').unwrap().1).collect();
        let at = |part: &str| lines.iter().position(|line| line.contains(part)).unwrap_or_else(|| panic!("{part} in:\n{raw}"));
        assert!(
            at("stafett-smtpd: accept ") < lines.len()
                && at("new msg ") < at("starting delivery 6")
                && at("starting delivery 6") < at("delivery 6: deferral")
        );
        let stamps: Vec<&str> = raw.lines().map(|line| line.split(' ').next().unwrap()).collect();
        assert!(stamps.is_sorted(), "{raw}");
    }
    // Everything.
    assert_eq!(shown(&logs("multilog"), &["--raw"]).lines().count(), 141);
}

#[test]
fn messages_are_found_by_sender_recipient_and_client() {
    let site = logs("multilog");
    let found = |arguments: &[&str]| shown(&site, arguments).lines().filter(|line| line.starts_with("message ")).count();
    assert_eq!(found(&["-s", "alice@example.org"]), 5, "four and a bounce");
    assert_eq!(found(&["-s", "ALICE"]), 5);
    assert_eq!(found(&["-s", "<>"]), 3, "a message, a bounce, and the double bounce of the former");
    assert_eq!(found(&["-r", "@example.com"]), 1);
    assert_eq!(found(&["-r", "gina@example.net"]), 1);
    assert_eq!(found(&["-s", "alice@example.org", "-r", "frank@example.net"]), 1);
    assert_eq!(found(&["-c", "127.0.0.1"]), 8);
    assert_eq!(found(&["-c", "127.0."]), 8);
    let client = shown(&site, &["-c", "127.0.0.1"]);
    assert!(client.contains("refused by control/rcpthosts: client 127.0.0.1"), "{client}");
    assert!(client.contains("session of 127.0.0.1 (helo probe) without a message: closed"), "{client}");
    for nobody in [["-s", "nobody@example.org"], ["-c", "192.0.2.1"], ["-r", "@net"]] {
        assert_eq!(log(&site, &nobody).status.code(), Some(1), "{nobody:?}");
    }
}

#[test]
fn wrong_words_and_missing_logs_are_told_apart() {
    let site = logs("svlogd");
    for words in [&["--since", "soon"][..], &["-x"], &["--raw=3"], &["another"], &[MIXED, "-s", "a"]] {
        let output = log(&site, words);
        assert_eq!(output.status.code(), Some(100), "{words:?}");
        assert!(text(&output.stderr).contains("usage: stafett-log"), "{words:?}");
    }
    let empty = tempfile::tempdir().unwrap();
    let output = log(empty.path(), &[]);
    assert_eq!(output.status.code(), Some(111));
    assert!(text(&output.stderr).starts_with("stafett-log: fatal: unable to read "), "{}", text(&output.stderr));
    let mut by_variable = Command::new(env!("CARGO_BIN_EXE_stafett-log"));
    let output = by_variable.env("STAFETT", &site).output().unwrap();
    assert_eq!(output.status.code(), Some(0));
}

#[test]
fn what_cannot_be_read_is_named_and_the_rest_is_used() {
    let place = copy("svlogd");
    let current = place.path().join("log/send/current");
    fs::remove_file(&current).unwrap();
    // Not a file; as root a mode would not keep us out.
    fs::create_dir(&current).unwrap();
    fs::write(place.path().join("log/send/@400000006b0218b430faeecd.gz"), b"x").unwrap();
    let output = log(place.path(), &[]);
    assert_eq!(output.status.code(), Some(111));
    let complaint = text(&output.stderr);
    assert!(complaint.contains(&format!("stafett-log: error: unable to read {}: not a regular file\n", current.display())), "{complaint}");
    assert!(complaint.contains("@400000006b0218b430faeecd.gz is left out"), "{complaint}");
    assert_eq!(figure(text(&output.stdout), "connections"), 11);
}

#[test]
fn hostile_bytes_in_a_log_reach_no_terminal_and_stop_nothing() {
    let place = copy("svlogd");
    let mut bytes = b"2026-11-21_22:18:14.30000 delivery 2: success: \x1b[2J\xff\xfe\r\n\0\0\0 no stamp\n@4000 ".to_vec();
    bytes.extend(vec![b'x'; 200_000]);
    bytes.extend(
        b"\n2026-11-21_22:18:14.30001 stafett-smtpd: refuse \x1b]0;x\x07 from <a> client 1 helo x pid 1: no\n2026-11-21_22:18:15.00000 half a li",
    );
    fs::write(place.path().join("log/queued/@400000006b0218b530febb74.u"), &bytes).unwrap();
    let summary = shown(place.path(), &[]);
    assert_eq!(figure(&summary, "refusals "), 3);
    for arguments in [&["--raw"][..], &[], &["-s", "a"]] {
        let output = log(place.path(), arguments);
        assert!(!output.stdout.iter().any(|byte| *byte < b' ' && *byte != b'\n'), "{arguments:?}");
    }
}

#[test]
fn a_killed_scheduler_and_the_orders_of_the_admin_are_told() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("log/send");
    fs::create_dir_all(&directory).unwrap();
    let id = 1_795_299_494_000_000_u64;
    let lines = [
        format!("starting delivery 1: msg {id} to remote b@example.net"),
        "stafett-send: status: ready".to_owned(),
        format!("possible duplicate: msg {id}: an earlier attempt had no known outcome"),
        format!("admin uid 0: route relay.example:26 msg {id}"),
        format!("stafett-send: error: unable to read msg {id}: Input/output error; trying again in 60 seconds"),
        format!("starting delivery 1: msg {id} to remote b@example.net"),
    ];
    let text: Vec<String> =
        lines.iter().enumerate().map(|(second, line)| format!("2026-11-21_22:18:{:02}.00000 {line}\n", second + 14)).collect();
    fs::write(directory.join("current"), text.concat()).unwrap();
    let story = shown(place.path(), &[&id.to_string()]);
    for part in [
        "22:18:15.000  delivery 1 to b@example.net was interrupted: stafett-send ended",
        "22:18:16.000  possible duplicate: an earlier attempt had no known outcome",
        "22:18:17.000  the admin (user 0) says: route relay.example:26",
        "22:18:18.000  stafett-send: error: unable to read msg",
        "22:18:19.000  delivery 1 to b@example.net began; its outcome is not in these logs",
    ] {
        assert!(story.contains(part), "{part} in:\n{story}");
    }
    let summary = shown(place.path(), &[]);
    assert_eq!(
        (figure(&summary, "possible duplicates"), figure(&summary, "orders of the admin"), figure(&summary, "complaints")),
        (1, 1, 1)
    );
    assert!(summary.contains(&format!("2026-11-21 22:18:16.000  {id}  an earlier attempt")), "{summary}");
}

#[test]
fn a_half_written_line_is_left_for_later() {
    let place = copy("multilog");
    let current = place.path().join("log/send/current");
    fs::OpenOptions::new().append(true).open(&current).unwrap().write_all(b"@400000006b021b3402ecb5ec end msg 179530013").unwrap();
    assert!(!shown(place.path(), &["--raw"]).contains("end msg 179530013\n"));
}

#[test]
fn new_lines_are_followed_through_a_rotation() {
    let place = copy("multilog");
    let directory = place.path().join("log/send");
    let current = directory.join("current");
    let mut command = Command::new(env!("CARGO_BIN_EXE_stafett-log"));
    let mut child = command.arg(place.path()).args(["-f", "-r", "new@example.net"]).stdout(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(500));
    let append = |text: &str| {
        let mut file = fs::OpenOptions::new().create(true).append(true).open(&current).unwrap();
        file.write_all(text.as_bytes()).unwrap();
    };
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let stamp = |nanoseconds: u32| format!("@{:016x}{nanoseconds:08x}", 0x4000_0000_0000_000a_u64 + now);
    let id = "1795399494454926";
    append(&format!("{} new msg {id}\n{} info msg {id}: bytes 3 from <a@b> qp {id} uid 1\n", stamp(1), stamp(2)));
    append(&format!("{} starting delivery 90: msg {id} to remote new@exam", stamp(3)));
    append(&format!("ple.net\n{} starting delivery 91: msg {MIXED} to remote other@example.net\n", stamp(4)));
    // Two rotations before anybody looks.
    fs::rename(&current, directory.join("@400000007b021b302f261374.s")).unwrap();
    append(&format!("{} delivery 90: deferral: not_yet\n", stamp(5)));
    fs::rename(&current, directory.join("@400000007b021b302f261375.s")).unwrap();
    append(&format!("{} delivery 91: success: other\n{} end msg {id}\n", stamp(6), stamp(7)));
    let lines: Vec<String> = BufReader::new(child.stdout.take().unwrap()).lines().take(3).map(Result::unwrap).collect();
    child.kill().unwrap();
    child.wait().unwrap();
    for (line, words) in lines.iter().zip(["queued: 3 bytes from <a@b>", "delivery 90 to new@example.net: deferral", "done, "]) {
        assert!(line.contains(id) && line.contains(words), "{words} in {line}");
    }
}

#[test]
fn many_kinds_take_bounded_memory() {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().join("log/send");
    fs::create_dir_all(&directory).unwrap();
    let mut file = std::io::BufWriter::new(fs::File::create(directory.join("current")).unwrap());
    for number in 0..60_000_u64 {
        let id = 1_795_299_494_000_000 + number;
        let at = format!("2026-11-21_22:18:{:02}.{:05}", 14 + number / 100_000, number % 100_000);
        writeln!(file, "{at} new msg {id}\n{at} starting delivery {number}: msg {id} to remote x@d{number}.example").unwrap();
        writeln!(file, "{at} delivery {number}: {}: reason_of_its_own_{id}x", if number % 2 == 0 { "success" } else { "deferral" })
            .unwrap();
        writeln!(file, "{at} stafett-smtpd: refuse rule_{number} from <a> client 1 helo x pid 1: no").unwrap();
        writeln!(file, "{at} end msg {id}").unwrap();
    }
    file.flush().unwrap();
    fs::set_permissions(&directory, fs::Permissions::from_mode(0o755)).unwrap();
    let script = format!("ulimit -v 120000; exec {} {}", env!("CARGO_BIN_EXE_stafett-log"), place.path().display());
    let output = Command::new("sh").args(["-c", &script]).output().unwrap();
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    let summary = text(&output.stdout);
    assert_eq!((figure(summary, "deliveries"), figure(summary, "deferrals "), figure(summary, "refusals ")), (30_000, 30_000, 60_000));
}
