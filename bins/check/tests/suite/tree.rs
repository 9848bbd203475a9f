//! Owners, modes, programs, what is missing; the command line; who may see what.

use crate::ground::{Ground, NOBODY, answer, as_nobody, runs_as_root};
use std::fs;
use std::os::unix::fs::{PermissionsExt, chown};
use std::process::Command;

#[test]
fn owners_modes_and_what_is_missing_are_named() {
    for ground in Ground::all() {
        let root = ground.root.display().to_string();
        fs::set_permissions(ground.root.join("queue/new"), fs::Permissions::from_mode(0o777)).unwrap();
        fs::remove_dir(ground.root.join("queue/cur/7f")).unwrap();
        ground.write("run/stray", "");
        if ground.is_root {
            chown(ground.root.join("control/me"), Some(NOBODY), Some(NOBODY)).unwrap();
        }
        let answer = ground.check(&[]);
        assert_eq!(answer.code, 100);
        let mends = format!("\n    stafett-setup {root} mends it\n");
        for words in [
            format!("queue/new: error: has mode 0777, should have 0755{mends}"),
            format!("queue/cur/7f: error: is missing{mends}"),
            "queue/new: error: is writable by everybody (mode 0777)\n".to_owned(),
            "run/stray: warning: is no part of the instance\n".to_owned(),
        ] {
            assert!(answer.out.contains(&words), "{words}: {}", answer.out);
        }
        assert_eq!(
            answer.out.contains("control/me: error: belongs to nobody:nogroup, should belong to root:root\n"),
            ground.is_root,
            "{}",
            answer.out
        );
        // --quiet leaves the warning away, not the code.
        let quiet = ground.check(&["--quiet"]);
        assert!(quiet.code == 100 && !quiet.out.contains("stray") && quiet.out.contains("queue/cur/7f"), "{quiet:?}");
    }
}

#[test]
fn missing_programs_and_settings_are_errors() {
    for ground in Ground::all() {
        let bin = ground.bin.display().to_string();
        fs::remove_file(ground.bin.join("stafett-send")).unwrap();
        let missing = format!(
            "{bin}/stafett-send: error: is missing or cannot be executed\n    build and install it, or name where it is: stafett-setup {} --bin BINDIR\n",
            ground.root.display()
        );
        assert_eq!((ground.check(&[]).code, ground.check(&[]).out), (100, missing));
        ground.remove("setup");
        let answer = ground.check(&[]);
        assert!(
            answer.code == 100
                && answer.out.starts_with("setup: error: ")
                && answer.out.contains("is no instance: its file \"setup\" is missing"),
            "{answer:?}"
        );
    }
}

#[test]
fn an_edited_script_is_fine_and_notes_are_told_when_asked_for() {
    for ground in Ground::all() {
        ground.write("service/send/run", "#!/bin/sh\nexec false\n");
        fs::set_permissions(ground.root.join("service/send/run"), fs::Permissions::from_mode(0o755)).unwrap();
        let answer = ground.check(&["--verbose"]);
        assert_eq!(answer.code, 0, "{answer:?}");
        assert!(answer.out.contains("queue: note: it lies on ") && !answer.out.contains("warning"), "{answer:?}");
    }
}

#[test]
fn an_ordinary_user_is_told_what_was_not_looked_at() {
    if !runs_as_root() {
        return;
    }
    let ground = Ground::new(true);
    let mut command = as_nobody(&ground.bin.join("stafett-check"));
    command.arg(&ground.root);
    let seen = answer(command);
    assert_eq!(seen.code, 1, "{seen:?}");
    assert!(
        seen.out.contains(
            ": warning: unable to look at it: Permission denied (os error 13)\n    run this as root or as the owner of the instance\n"
        ),
        "{seen:?}"
    );
}

#[test]
fn what_is_no_instance_and_wrong_options_end_with_100() {
    for ground in Ground::all() {
        for (arguments, words) in [
            (&["/nonexistent"][..], "unable to use the instance /nonexistent"),
            (&["/etc/default"], "/etc/default is no instance: it has no directory control/"),
            (&["--chekc"], "--chekc"),
            (
                &["--service", "sned", ground.root.to_str().unwrap()],
                "--service sned: there is no such service; these are: tcpserver, smtpd, queued, send, remote, ",
            ),
        ] {
            let mut command = ground.command(&ground.bin.join("stafett-check"));
            command.args(arguments);
            let answer = answer(command);
            assert!(
                answer.code == 100
                    && answer.out.is_empty()
                    && answer.err.starts_with("stafett-check: fatal: ")
                    && answer.err.contains(words),
                "{arguments:?} {answer:?}"
            );
        }
        let mut by_variable = ground.command(&ground.bin.join("stafett-check"));
        by_variable.env("STAFETT", &ground.root);
        assert_eq!((answer(by_variable)).code, 0);
    }
}

#[test]
fn a_service_is_refused_for_its_own_files_alone() {
    for ground in Ground::all() {
        for service in ["tcpserver", "tcpserver2", "smtpd", "queued", "send", "remote"] {
            let fine = ground.check(&["--service", service]);
            assert_eq!((fine.code, fine.out.as_str(), fine.err.as_str()), (0, "", ""));
        }
        ground.control("databytes", "10M\n");
        ground.control("smtproutes", "# ours\nexample.org\nexample.org:h:0\n");
        ground.control("rcpthost", "");
        let smtpd = ground.check(&["--service", "smtpd"]);
        let err = "stafett-check: error: control/databytes:1: \"10M\" is not a number of bytes from 0 to 18446744073709551615; write digits only\nstafett-check: fatal: smtpd is not started until this is put right\n";
        assert_eq!((smtpd.code, smtpd.out.as_str(), smtpd.err.as_str()), (100, "", err));
        let send = ground.check(&["--service", "send"]);
        assert!(
            send.code == 100
                && send.err.contains("control/smtproutes:2: ")
                && send.err.contains("control/smtproutes:3: ")
                && !send.err.contains("databytes"),
            "{send:?}"
        );
        for service in ["tcpserver", "queued", "remote"] {
            assert_eq!(ground.check(&["--service", service]).code, 0, "{service}");
        }
    }
}

#[test]
fn run_scripts_ask_first() {
    for ground in Ground::all() {
        ground.control("me", "\n");
        for service in ["tcpserver", "smtpd", "queued", "send", "remote"] {
            let mut script = Command::new("sh");
            script.arg("run").current_dir(ground.root.join("service").join(service));
            let refused = answer(script);
            let words = format!(
                "stafett-check: error: control/me: the file is missing or empty; write the full name of this host on its first line\nstafett-check: fatal: {service} is not started until this is put right\n"
            );
            assert_eq!((refused.code, refused.out, refused.err.as_str()), (100, words, ""), "{service}");
        }
    }
}
