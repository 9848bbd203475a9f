//! Logs replayed against other control files.

use crate::common::Ground;
use std::fs;

const LOG: &str = "\
@400000006740b0c000000000 stafett-smtpd: accept 1763758000123456 bytes 5 from <a@b.test> to <x@old.test> recipients 1 client 198.51.100.1 helo c.test pid 9
2026-11-21_10:00:00.00000 stafett-smtpd: accept 1763758000123457 bytes 5 from <a@b.test> to <x@old.test> recipients 1 client 198.51.100.1 helo c.test pid 9
@400000006740b0c000000000 stafett-smtpd: accept 1763758000123458 bytes 5 from <a@b.test> to <x@both.test> recipients 1 client 198.51.100.1 helo c.test pid 9
@400000006740b0c000000000 stafett-smtpd: refuse control/rcpthosts from <a@b.test> to <x@new.test> client 2001:db8::1 helo c.test pid 9: 553 5.7.1 sorry
@400000006740b0c000000000 stafett-smtpd: end quit client 198.51.100.1 helo c.test pid 9 host unknown accepted 1 refused 0 commands 5 errors 0 seconds 0.1
@400000006740b0c000000000 stafett-smtpd: refuse control/rcpthosts from <a@b.test> to
rubbish
";

fn ground() -> Ground {
    let ground = Ground::new(&[("rcpthosts", "old.test\nboth.test\n")]);
    fs::create_dir(ground.path("other")).unwrap();
    ground.write("other/me", "relay.test\n");
    ground.write("other/rcpthosts", "new.test\nboth.test\n");
    ground.write("log", LOG);
    ground
}

#[test]
fn what_would_differ_is_listed_once_with_its_number() {
    let ground = ground();
    let (other, log) = (ground.path("other"), ground.path("log"));
    let ended = ground.explain(&["--against", other.to_str().unwrap(), log.to_str().unwrap()]);
    assert_eq!(ended.code, 1, "{}", ended.err);
    let lines: Vec<&str> = ended.out.lines().collect();
    let [first, second, sums] = lines[..] else { panic!("{}", ended.out) };
    assert!(
        first.starts_with(
            "client 198.51.100.1 from <a@b.test> to <x@old.test>: was accept; accept -> refuse by control/rcpthosts with 553 "
        )
    );
    assert!(first.ends_with(" (2 times)"), "{first}");
    assert!(
        second.starts_with("client 2001:db8::1 from <a@b.test> to <x@new.test>: was refuse by control/rcpthosts; refuse by "),
        "{second}"
    );
    assert!(second.ends_with(" -> accept"), "{second}");
    assert_eq!(sums, "4 decisions, 3 would differ, 0 depend on services and were not judged");
}

#[test]
fn other_rules_of_the_listener_count() {
    let ground = ground();
    ground.write("other/rcpthosts", "old.test\nboth.test\n");
    ground.write("other/tcp.smtp", "198.51.100.:deny\n");
    ground.compile_rules("other");
    let (other, log) = (ground.path("other"), ground.path("log"));
    let ended = ground.explain(&["--against", other.to_str().unwrap(), log.to_str().unwrap()]);
    assert!(ended.out.contains("accept -> refuse by control/tcp.smtp:1 with a closed connection (2 times)"), "{}", ended.out);
    assert!(ended.out.ends_with("4 decisions, 3 would differ, 0 depend on services and were not judged\n"), "{}", ended.out);
}

/// Limits ask about each connection; that must not hide what other files would change.
#[test]
fn what_services_said_is_taken_from_the_log() {
    let ground = ground();
    let checks =
        [("limits", "connections per address 9/hour\n"), ("dnsbllist", "list.test\n"), ("spfbehavior", "3\n"), ("reversedns", "confirm\n")];
    for (name, text) in checks {
        ground.write(&format!("control/{name}"), text);
        ground.write(&format!("other/{name}"), text);
    }
    ground.write("other/rcpthosts", "old.test\nboth.test\nnew.test\n");
    ground.write("other/badmailfrom", "a@b.test\n");
    let listed = "stafett-smtpd: refuse control/dnsbllist:1 from <c@d.test> to <x@both.test> client 198.51.100.2 helo c.test pid 9: 451 4.7.1 listed\n\
        stafett-smtpd: refuse control/rcpthosts from <c@d.test> to <x@new.test> client 198.51.100.2 helo c.test pid 9: 553 5.7.1 sorry\n\
        stafett-smtpd: refuse control/rcpthosts from <c@d.test> to <x@no.test> client 198.51.100.2 helo c.test pid 9: 553 5.7.1 sorry\n\
        stafett-smtpd: accept 1763758000123459 bytes 5 from <c@d.test> to <x@both.test> recipients 1 client 198.51.100.1 helo c.test pid 9\n";
    ground.write("log", &format!("{LOG}{listed}"));
    let (other, log) = (ground.path("other"), ground.path("log"));
    let ended = ground.explain(&["--against", other.to_str().unwrap(), log.to_str().unwrap()]);
    let has = |text: &str| assert!(ended.out.contains(text), "{text} is missing in {}", ended.out);
    has("to <x@old.test>: was accept; accept unless a service objects -> refuse by control/badmailfrom:1 with 553 ");
    has("to <x@new.test>: was refuse by control/rcpthosts; refuse by control/rcpthosts with 553 ");
    has(" -> accept unless a service objects\n");
    assert!(!ended.out.contains("x@no.test"), "{}", ended.out);
    assert!(ended.out.ends_with("8 decisions, 5 would differ, 2 depend on services and were not judged\n"), "{}", ended.out);
}

#[test]
fn equal_files_differ_in_nothing_and_a_missing_log_is_told() {
    let ground = ground();
    let (control, log) = (ground.path("control"), ground.path("log"));
    let same = ground.explain(&["--against", control.to_str().unwrap(), log.to_str().unwrap()]);
    assert_eq!((same.code, same.out.as_str()), (0, "4 decisions, 0 would differ, 0 depend on services and were not judged\n"));
    let missing = ground.explain(&["--against", control.to_str().unwrap(), "nowhere"]);
    assert_eq!(missing.code, 111);
    assert!(missing.err.contains("unable to read nowhere"), "{}", missing.err);
}
