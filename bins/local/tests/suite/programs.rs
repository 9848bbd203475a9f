use crate::common::{Home, MESSAGE, wait_until};
use std::time::{Duration, Instant};

#[test]
fn a_program_has_the_message_and_its_variables_alone() {
    let home = Home::new();
    home.write(".qmail-a-b-c-d", "|cat >message; env >variables; cat - <&0 >again; exit 0\n");
    home.deliver("a-b-c-d").must(0, "did 0+0+1");
    assert_eq!(home.read("message"), MESSAGE);
    let text = home.read("variables");
    let has = |line: &str| assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    for line in [
        "SENDER=a@example.net",
        "NEWSENDER=a@example.net",
        "RECIPIENT=joe-a-b-c-d@mail.example.org",
        "USER=joe",
        "LOCAL=joe-a-b-c-d",
        "HOST=mail.example.org",
        "HOST2=mail.example",
        "HOST3=mail",
        "HOST4=mail",
        "EXT=a-b-c-d",
        "EXT2=b-c-d",
        "EXT3=c-d",
        "EXT4=d",
        "DTLINE=Delivered-To: joe-a-b-c-d@mail.example.org",
        "RPLINE=Return-Path: <a@example.net>",
    ] {
        has(line);
    }
    assert!(text.contains("\nUFLINE=From a@example.net ") || text.starts_with("UFLINE="), "{text}");
    let path = text.lines().find_map(|line| line.strip_prefix("PATH=")).unwrap();
    assert!(path.starts_with('/') && path.ends_with("/dot:/usr/local/bin:/usr/bin:/bin"), "{path}");
    assert!(!text.contains("LD_LIBRARY_PATH"), "nothing of the service reaches a program");
}

#[test]
fn exit_codes_mean_what_qmail_says() {
    let home = Home::new();
    home.maildir("Maildir");
    for (code, wanted) in [(0, 0), (99, 0), (100, 100), (111, 111), (1, 111), (71, 111), (74, 111), (75, 111), (64, 100), (65, 100)] {
        home.write(".qmail", &format!("|exit {code}\n"));
        home.deliver("").must(wanted, "");
    }
    for code in [70, 76, 77, 78, 112] {
        home.write(".qmail", &format!("|echo no, because; exit {code}\n"));
        home.deliver("").must(100, "no, because");
    }
    home.write(".qmail", "|exit 99\n./Maildir/\n");
    home.deliver("").must(0, "did 0+0+1");
    assert!(home.files("Maildir/new").is_empty());
    home.write(".qmail", "|kill -9 $$\n");
    home.deliver("").must(111, "child crashed");
}

#[test]
fn text_of_strangers_is_no_command() {
    let home = Home::new();
    home.write(".qmail-default", "|echo \"$SENDER $DEFAULT\"\n");
    home.deliver_from("$(touch pwned);`touch pwned`", "\"; touch pwned #@x", "\n")
        .must(0, "\"; touch pwned #@x $(touch pwned);`touch pwned`\n");
    assert!(!home.path("pwned").exists());
    home.deliver_from("x", "() { :;}; touch pwned", "\n").must(100, "SENDER begins like a function");
}

#[test]
fn a_program_that_prints_without_end_is_cut_short() {
    let home = Home::new();
    home.write(".qmail", "|yes | head -c 5000000\n");
    let delivered = home.deliver("").must(0, "y\ny\n");
    assert!(delivered.text.len() < 1000);
}

#[test]
fn what_a_program_leaves_behind_is_not_waited_for() {
    let home = Home::new();
    home.write(".qmail", "|(sleep 300 & echo $! >pid)\n");
    let begin = Instant::now();
    home.deliver("").must(0, "did 0+0+1");
    assert!(begin.elapsed() < Duration::from_secs(200));
    let pid = home.read("pid").trim().parse().unwrap();
    stafett_sys::process::kill(stafett_sys::process::Pid(pid), stafett_sys::signal::Signal::Kill).unwrap();
    wait_until(|| !std::path::Path::new(&format!("/proc/{pid}/status")).exists() || is_dead(pid));
}

fn is_dead(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat")).map_or(true, |stat| stat.contains(") Z "))
}

#[test]
fn a_large_message_reaches_a_program_whole() {
    let home = Home::new();
    home.write(".qmail", "|wc -c\n");
    let message = format!("Subject: x\n\n{}", "0123456789abcde\n".repeat(100_000));
    home.deliver_from("", "", &message).must(0, &format!("{}\n", message.len()));
}
