//! One service by itself.

use crate::running::Running;
use stafett_ask::Verdict;
use stafett_sys::descriptor::pipe;
use std::fs;
use std::os::fd::AsFd;

const MESSAGE: &[&str] = &["message", "ip=192.0.2.1", "sender=a@example.net", "number=1"];
const GREY: &[&str] =
    &["recipient", "ip=192.0.2.1", "sender=a@example.net", "recipient=b@example.org", "number=1", "recipients=1", "grey=1"];

#[test]
fn counts_and_greylist_survive_the_end_and_a_crash() {
    let mut running = Running::new(&[("limits", "messages per address 5/hour\n"), ("greylist", "wait 1h\n")]);
    assert_eq!(running.passing(MESSAGE, 3), 3);
    assert!(running.asked(GREY).unwrap().text.starts_with("451 4.7.1 greylisted, try again in 3600 seconds"));
    running.until("not all is written", || written(&running) == 3 && running.path("state/limit/greylist").exists());
    running.crash();
    running.run();
    assert_eq!(running.passing(MESSAGE, 1), 1);
    running.restart(|_| {});
    assert_eq!(running.passing(MESSAGE, 9), 1, "five in all, over three lives");
    let left = running.asked(GREY).unwrap().text;
    assert!(left.contains("try again in 3") && !left.contains("3600"), "the same triplet still waits: {left}");
}

/// How many are in the file, over all steps of the period.
fn written(running: &Running) -> u32 {
    let text = fs::read_to_string(running.path("state/limit/counters")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix(" 192.0.2.1 ")).unwrap_or_default();
    line.split(' ').filter_map(|step| step.split_once(':')?.1.parse::<u32>().ok()).sum()
}

#[test]
fn a_torn_file_is_set_aside_and_the_service_serves() {
    let mut running = Running::new(&[("limits", "messages per address 5/hour\n")]);
    assert_eq!(running.passing(MESSAGE, 5), 5);
    running.stop();
    let path = running.path("state/limit/counters");
    let text = fs::read(&path).unwrap();
    fs::write(&path, &text[..text.len() - 5]).unwrap();
    running.run();
    assert!(running.log().contains("the file counters was damaged and lies in "), "{}", running.log());
    assert!(running.path("state/limit/counters.damaged").exists());
    assert_eq!(running.passing(MESSAGE, 6), 5);
}

#[test]
fn rules_change_while_it_runs_and_broken_ones_do_not() {
    let running = Running::new(&[("limits", "messages per address 2/hour\n")]);
    assert_eq!(running.passing(MESSAGE, 3), 2);
    running.control("limits", "# more\nmessages per address 4/hour then refuse say enough\n");
    assert_eq!(running.passing(MESSAGE, 3), 2);
    let answer = running.asked(MESSAGE).unwrap();
    assert_eq!((answer.verdict, answer.text.as_str()), (Verdict::Permanent, "550 5.7.1 enough"));
    assert_eq!(answer.field(0).as_deref(), Some("control/limits:2"));
    running.control("limits", "messages per address lots\n");
    assert!(!running.passes(MESSAGE));
    assert!(running.log().contains("error: control/limits:1: \"lots\" is not a count"), "{}", running.log());
}

#[test]
fn an_open_connection_ends_with_whoever_holds_it() {
    let running = Running::new(&[("limits", "connections per address 1 at once\n")]);
    let connection = ["connection", "ip=192.0.2.1"];
    let (read, write) = pipe().unwrap();
    assert_eq!(running.asked_with(&connection, Some(read.as_fd())).unwrap().verdict, Verdict::Ok);
    drop(read);
    assert_eq!(running.asked(&connection).unwrap().text, "421 4.7.0 too many connections from this address, try again later");
    let (_, shown) = running.tool(&["--only", "open"]);
    assert_eq!(shown, "open connections per address at once: 192.0.2.1 1 of 1\n");
    drop(write);
    running.until("the connection is not over", || running.passes(&connection));
}

#[test]
fn the_admin_sees_and_forgets() {
    let running = Running::new(&[("limits", "messages per account 2/hour then lock\nmessages per address 9/hour\n")]);
    let message = ["message", "ip=192.0.2.1", "account=alice"];
    assert_eq!(running.passing(&message, 3), 2);
    let (code, shown) = running.tool(&[]);
    let lines: Vec<&str> = shown.lines().collect();
    assert_eq!(code, 0);
    assert_eq!(lines[0], "count messages per account hour: alice 2 of 2");
    assert_eq!(lines[1], "count messages per address hour: 192.0.2.1 2 of 9");
    assert_eq!(lines[2], "grey triplets: 0 passed, 0 wait");
    assert!(lines[3].starts_with("lock alice: since 20") && lines[3].ends_with(" UTC by control/limits:1"), "{shown}");
    assert_eq!(running.tool(&["--reached"]).1.lines().count(), 2);
    assert_eq!(running.tool(&["--only", "192.0.2.1"]).1.lines().count(), 1);
    assert_eq!(running.tool(&["--reset", "alice"]), (0, "alice: forgotten\n".into()));
    assert!(!running.passes(&message), "still locked");
    assert_eq!(running.tool(&["--unlock", "alice"]), (0, "alice: unlocked\n".into()));
    assert!(running.passes(&message));
    assert_eq!(running.tool(&["--unlock", "alice"]), (1, "alice: that account is not locked\n".into()));
    assert_eq!(running.tool(&["--reset", "nobody"]), (1, "nobody: nothing is counted for that key\n".into()));
    assert_eq!(running.tool(&["--lock", "bob"]), (0, "bob: locked\n".into()));
    assert!(running.asked(&["message", "account=bob"]).unwrap().text.contains("this account is locked"));
    assert!(running.log().contains("lock alice by control/limits:1") && running.log().contains("unlock alice"), "{}", running.log());
}

#[test]
fn nonsense_is_never_a_yes() {
    let running = Running::new(&[("limits", "messages per address 2/hour\n")]);
    for question in
        [&["message", "ip=nowhere"][..], &["message", "number=x"], &["message", "bare"], &["show"], &["reset"], &["what"], &[""]]
    {
        let answer = running.asked(question).unwrap();
        assert_ne!(answer.verdict, Verdict::Ok, "{question:?}");
        assert_eq!(answer.fields.len(), 0, "{question:?} names no rule");
    }
    assert_eq!(running.tool(&["--what"]).0, 100);
}
