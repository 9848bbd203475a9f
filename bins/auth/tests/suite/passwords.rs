//! Accounts of control/accounts.

use crate::running::{Running, SESAME, field, word};
use stafett_ask::Verdict;
use std::fs;

const IP: &str = "192.0.2.1";

fn accounts(lines: &[&str]) -> String {
    lines.iter().map(|line| format!("{}\n", line.replace("SESAME", SESAME))).collect()
}

#[test]
fn a_password_is_right_or_wrong_and_an_account_may_what_its_line_says() {
    let text = accounts(&[
        "# people",
        "alice:SESAME:senders=alice@example.org,@alice.example rewrite=alice@example.org limits=staff",
        "bob@example.org:SESAME:",
        "locked:SESAME:status=locked",
        "robot:SESAME:role=robot networks=192.0.2.0/24",
    ]);
    let running = Running::new(&[("accounts", &text)]);
    let password = |name: &str, password: &str| running.password(name, password, IP);
    assert_eq!(password("alice", "sesame"), "yes");
    assert_eq!(password("ALICE", "sesame"), "yes");
    assert_eq!(password("alice", "s\u{ad}esame"), "yes", "SASLprep");
    assert_eq!(password("alice", "Sesame"), "wrong");
    assert_eq!(password("alice", ""), "wrong");
    assert_eq!(password("nobody", "sesame"), "unknown");
    assert_eq!(password("al ice", "sesame"), "unknown");
    assert_eq!(password("locked", "sesame"), "locked");
    assert_eq!(password("locked", "sesam"), "wrong", "a stranger does not learn that it is locked");
    assert_eq!(password("robot", "sesame"), "yes");
    assert_eq!(running.password("robot", "sesame", "198.51.100.1"), "network");
    let of = |name: &str| running.asked(&["password", &format!("name={name}"), "password=sesame", "ip=192.0.2.1"]).unwrap();
    let alice = of("alice");
    assert_eq!(alice.text, "");
    let fields: Vec<String> = (0..alice.fields.len()).filter_map(|index| alice.field(index)).collect();
    let expected = [
        "rule=control/accounts:2",
        "account=alice",
        "role=person",
        "sender=alice@example.org",
        "sender=@alice.example",
        "class=staff",
        "rewrite=alice@example.org",
    ];
    assert_eq!(fields, expected);
    assert_eq!(field(&of("bob@example.org"), "sender"), "bob@example.org");
    assert_eq!((field(&of("robot"), "sender"), field(&of("robot"), "role")), ("robot@relay.example".to_owned(), "robot".to_owned()));
    let (unknown, wrong) = (of("nobody"), running.asked(&["password", "name=alice", "password=x", "ip=192.0.2.1"]).unwrap());
    assert_eq!((unknown.text, unknown.verdict), (wrong.text.clone(), wrong.verdict));
    assert!(wrong.text.starts_with("535 5.7.8 "));
    assert!(!running.log().contains("sesame"));
}

#[test]
fn a_password_in_the_clear_fits_a_verifier_of_scram_too() {
    let scram = stafett_verifiers::Scram::with("sesame", b"12345678".to_vec(), 4096.try_into().unwrap());
    let running = Running::new(&[("accounts", &format!("alice:{scram}:\n"))]);
    assert_eq!(running.password("alice", "sesame", IP), "yes");
    assert_eq!(running.password("alice", "sesam", IP), "wrong");
}

#[test]
fn a_change_counts_at_once_and_a_slip_changes_nothing() {
    let running = Running::new(&[("accounts", &accounts(&["alice:SESAME:"]))]);
    assert_eq!(running.password("alice", "sesame", IP), "yes");
    running.control("accounts", &accounts(&["alice:SESAME:status=locked"]));
    assert_eq!(running.password("alice", "sesame", IP), "locked");
    running.control("accounts", &accounts(&["alice:SESAME:", "bob:SESAME:statsu=locked"]));
    assert_eq!(running.password("alice", "sesame", IP), "locked", "the last good copy");
    assert_eq!(running.password("bob", "sesame", IP), "unknown");
    running.until("the slip is not logged", || running.log().contains("control/accounts:2: \"statsu=locked\" is not known"));
    assert!(!running.log().contains("argon2id"), "no verifier is shown");
    fs::remove_file(running.path("control/accounts")).unwrap();
    assert_eq!(running.password("alice", "sesame", IP), "unknown");
}

#[test]
fn wrong_passwords_from_one_address_are_not_looked_at_for_ever() {
    let running = Running::new(&[("accounts", &accounts(&["alice:SESAME:", "bob:SESAME:"])), ("authfailures", "3\n")]);
    assert_eq!(running.password("bob", "sesame", IP), "yes");
    for _ in 0..3 {
        assert_eq!(running.password("alice", "guess", IP), "wrong");
    }
    let answer = running.asked(&["password", "name=alice", "password=sesame", "ip=192.0.2.1"]).unwrap();
    assert_eq!((word(&answer).as_str(), answer.verdict), ("throttled", Verdict::Temporary));
    assert!(answer.text.starts_with("454 4.7.0 "));
    assert_eq!(field(&answer, "rule"), "control/authfailures");
    assert_eq!(running.password("bob", "sesame", IP), "yes", "who was right there before goes on");
    assert_eq!(running.password("alice", "sesame", "192.0.2.2"), "yes");
    let first = running.asked(&["first", "message=n,,n=alice,r=abc", "ip=192.0.2.1"]).unwrap();
    let state = first.fields.iter().find_map(|field| field.strip_prefix(b"state=")).unwrap();
    let state = [b"state=", state].concat();
    let proof: [&[u8]; 4] = [b"proof", b"message=c=biws,r=abc,p=AAAA", &state, b"ip=192.0.2.1"];
    let answer = stafett_ask::ask(&running.path("run/auth/socket"), &proof, None, std::time::Duration::from_secs(30)).unwrap();
    assert_eq!(word(&answer), "throttled", "proofs count too");
}

#[test]
fn wrong_passwords_are_counted_over_a_restart() {
    let mut running = Running::new(&[("accounts", &accounts(&["alice:SESAME:", "bob:SESAME:"])), ("authfailures", "3\n")]);
    assert_eq!(running.password("bob", "sesame", IP), "yes");
    (0..3).for_each(|_| assert_eq!(running.password("alice", "guess", IP), "wrong"));
    running.restart(|_| {});
    assert_eq!(running.password("alice", "sesame", IP), "throttled");
    assert_eq!(running.password("bob", "sesame", IP), "yes", "who was right there before goes on");
    running.stop();
    assert!(!running.log().contains("failures"), "{}", running.log());
    fs::write(running.path("state/auth/failures"), "not mine\n").unwrap();
    running.run();
    assert!(running.log().contains("state/auth/failures: line 1 is not understood; it is put aside"), "{}", running.log());
    assert_eq!(running.password("alice", "sesame", IP), "yes");
}

#[test]
fn many_at_once_take_bounded_memory_and_all_are_answered() {
    let running = Running::new(&[("authfailures", "0\n")]);
    std::thread::scope(|scope| {
        let running = &running;
        let asked = (0..12).map(|number| scope.spawn(move || running.password("nobody", "guess", &format!("192.0.2.{number}"))));
        let asked: Vec<_> = asked.collect();
        asked.into_iter().for_each(|thread| assert!(["unknown", "busy"].contains(&thread.join().unwrap().as_str())));
    });
    let status = fs::read_to_string(format!("/proc/{}/status", running.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.trim().strip_suffix(" kB")?.parse::<u64>().ok()).unwrap();
    assert!(peak < 120_000, "{peak} KiB");
}

#[test]
fn who_does_not_exist_has_the_same_salt_after_a_restart() {
    let mut running = Running::new(&[]);
    let salt = |running: &Running| {
        let answer = running.asked(&["first", "message=n,,n=nobody,r=abc"]).unwrap();
        field(&answer, "challenge").split(',').nth(1).unwrap().to_owned()
    };
    let before = salt(&running);
    running.stop();
    assert!(running.log().ends_with("stafett-auth: status: exiting\n"), "{}", running.log());
    running.run();
    assert_eq!(salt(&running), before);
}

#[test]
fn who_does_not_exist_is_like_most_accounts() {
    let scram = |name: &str, salt: &[u8]| {
        format!("{name}:{} {SESAME}:\n", stafett_verifiers::Scram::with("x", salt.to_vec(), 4096.try_into().unwrap()))
    };
    let running = Running::new(&[("accounts", &format!("{}{}", scram("a", b"123456789012"), scram("b", b"abcdefghijkl")))]);
    let challenge = |name: &str| field(&running.asked(&["first", &format!("message=n,,n={name},r=abc")]).unwrap(), "challenge");
    let (there, not_there) = (challenge("a"), challenge("nobody"));
    let shape = |challenge: &str| (challenge.len(), challenge.rsplit(',').next().map(str::to_owned));
    assert_eq!(shape(&not_there), shape(&there), "{there} {not_there}");
    assert!(there.ends_with(",i=4096") && !there.contains(not_there.split(',').nth(1).unwrap()));
    // the cheap verifiers of this test take next to nothing; the usual ones would be half a second
    let before = running.processor_time();
    (0..20).for_each(|number| assert_eq!(running.password("nobody", "guess", &format!("192.0.2.{number}")), "unknown"));
    let took = running.processor_time() - before;
    assert!(took < 20, "{took} ticks");
}

#[test]
fn questions_that_make_no_sense_are_never_a_yes() {
    let running = Running::new(&[("accounts", &accounts(&["alice:SESAME:"]))]);
    for question in
        [&[][..], &["dance"], &["password"], &["password", "name=alice"], &["password", "x"], &["password", "ip=x"], &["proof"], &["first"]]
    {
        if let Ok(answer) = running.asked(question) {
            assert_ne!(answer.verdict, Verdict::Ok, "{question:?}");
        }
    }
    assert_eq!(running.password("alice", "sesame", IP), "yes", "and it goes on");
}
