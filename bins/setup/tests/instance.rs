//! stafett-setup as an admin uses it, as root (with users of a prefix of its own, removed again)
//! or as an ordinary user; as root the tests of an ordinary user run too, as nobody.
#![allow(clippy::unwrap_used, reason = "a test fails by panic")]

mod common;

use common::Ground;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};

#[test]
fn a_fresh_instance_is_complete_and_a_second_run_says_nothing() {
    for ground in Ground::all() {
        let root = ground.root.display().to_string();
        let made = ground.setup(&["--me", "relay.example", "--port", "2525"]);
        assert_eq!(made.code, 0, "{made:?}");
        assert!(made.out.contains(&format!("made {root}\n")), "{made:?}");
        for path in
            ["control/me", "queue/cur/ff", "queue/tmp", "run/queue", "log/send", "service/remote/log/run", "service/tcpserver/env/HANDOFF"]
        {
            assert!(ground.root.join(path).exists(), "{path}");
        }
        assert_eq!(fs::read_to_string(ground.root.join("service/send/env/STAFETT")).unwrap(), format!("{root}\n"));
        let again = ground.setup(&[]);
        assert_eq!((again.code, again.out.as_str(), again.err.as_str()), (0, "", ""));
        let check = ground.setup(&["--check"]);
        assert_eq!((check.code, check.err.as_str()), (0, ""));
    }
}

#[test]
fn damage_is_found_and_mended() {
    for ground in Ground::all() {
        ground.make();
        fs::set_permissions(ground.root.join("queue/new"), fs::Permissions::from_mode(0o777)).unwrap();
        fs::set_permissions(ground.root.join("service/send/run"), fs::Permissions::from_mode(0o4755)).unwrap();
        fs::remove_dir(ground.root.join("queue/cur/7f")).unwrap();
        if ground.is_root {
            std::os::unix::fs::chown(ground.root.join("control/me"), Some(65534), Some(65534)).unwrap();
            std::os::unix::fs::chown(ground.root.join("run/remote"), Some(0), Some(0)).unwrap();
        }
        let passwords = ground.root.join("control/smtpauth");
        fs::write(&passwords, "isp:user:password\n").unwrap();
        let admin = fs::metadata(ground.root.join("control")).unwrap();
        std::os::unix::fs::chown(&passwords, Some(admin.uid()), Some(admin.gid())).unwrap();
        let check = ground.setup(&["--check"]);
        assert_eq!(check.code, 100);
        for words in
            ["queue/new: has mode 0777", "queue/new: is writable by everybody", "service/send/run: is setuid", "queue/cur/7f: is missing"]
        {
            assert!(check.err.contains(words), "{words}: {}", check.err);
        }
        assert_eq!(check.err.contains("control/me: belongs to nobody:nogroup"), ground.is_root, "{}", check.err);
        let mended = ground.setup(&[]);
        assert_eq!(mended.code, 0, "{mended:?}");
        assert!(mended.out.contains("made queue/cur/7f\n") && mended.out.contains("mended queue/new: it has mode 0777"), "{}", mended.out);
        let (owner, seen) = (fs::metadata(ground.root.join("run/remote")).unwrap().uid(), fs::metadata(passwords).unwrap());
        assert_eq!((seen.uid(), seen.mode() & 0o7777), (owner, 0o400));
        assert_eq!(ground.setup(&["--check"]).code, 0);
        assert_eq!(ground.setup(&[]).out, "");
    }
}

#[test]
fn supervisors_may_write_elsewhere() {
    for ground in Ground::all() {
        ground.make();
        let (own, other) = (ground.root.join("service/send/supervise"), ground.root.with_file_name("supervise.send"));
        assert_eq!(fs::metadata(&own).unwrap().mode() & 0o7777, 0o755);
        fs::rename(&own, &other).unwrap();
        std::os::unix::fs::symlink(&other, &own).unwrap();
        assert_eq!((ground.setup(&[]).out.as_str(), ground.setup(&["--check"]).code), ("", 0));
    }
}

#[test]
fn files_that_may_hold_a_password_belong_to_their_readers_alone() {
    for ground in Ground::all() {
        ground.make();
        ground.setup(&["--with", "limit,dkim"]);
        for (name, reader) in [("limitstore", "limit"), ("srssecrets", "dkim")] {
            let path = ground.root.join("control").join(name);
            fs::write(&path, "redis://relay:secret@127.0.0.1:6379\n").unwrap();
            let admin = fs::metadata(ground.root.join("control")).unwrap();
            std::os::unix::fs::chown(&path, Some(admin.uid()), Some(admin.gid())).unwrap();
            fs::set_permissions(&path, fs::Permissions::from_mode(0o444)).unwrap();
            let check = ground.setup(&["--check"]);
            assert!(check.err.contains(&format!("control/{name}: has mode 0444, should have 0400")), "{}", check.err);
            let mended = ground.setup(&[]);
            assert_eq!(mended.code, 0, "{mended:?}");
            let (seen, owner) = (fs::metadata(&path).unwrap(), fs::metadata(ground.root.join("run").join(reader)).unwrap().uid());
            assert_eq!((seen.uid(), seen.mode() & 0o7777), (owner, 0o400));
            assert_eq!(ground.setup(&["--check"]).code, 0);
        }
    }
}

#[test]
fn edited_files_are_kept() {
    for ground in Ground::all() {
        ground.make();
        let (me, rules, script) =
            (ground.root.join("control/me"), ground.root.join("control/tcp.smtp"), ground.root.join("service/smtpd/run"));
        fs::write(&me, "other.example\n").unwrap();
        fs::write(&rules, ":deny\n").unwrap();
        fs::write(&script, "#!/bin/sh\nexec false\n").unwrap();
        let untouched = ground.setup(&[]);
        assert_eq!((untouched.code, untouched.out.as_str(), untouched.err.as_str()), (0, "", ""));
        // New programs change every script that was not edited; the edited one is named once.
        let other = ground.programs("other");
        let moved = ground.setup(&["--bin", other.to_str().unwrap(), "--me", "relay.example"]);
        assert_eq!(moved.code, 0);
        assert!(moved.out.contains("wrote service/send/run\n"), "{moved:?}");
        assert!(
            moved.err.contains("kept service/smtpd/run, which was edited")
                && moved.err.contains("control/me says other.example and is kept"),
            "{}",
            moved.err
        );
        assert_eq!(fs::read_to_string(&me).unwrap(), "other.example\n");
        assert_eq!(fs::read_to_string(&rules).unwrap(), ":deny\n");
        assert_eq!(fs::read_to_string(&script).unwrap(), "#!/bin/sh\nexec false\n");
        assert_eq!(ground.setup(&[]).err, "");
        assert!(ground.setup(&["--print", "service/smtpd/run"]).out.contains("stafett-smtpd"));
    }
}

#[test]
fn what_does_not_belong_there_and_what_is_missing_is_named() {
    for ground in Ground::all() {
        ground.make();
        ground.write(&ground.root.join("queue/stray"), "");
        assert!(ground.setup(&["--check"]).err.contains("queue/stray: is no part of the instance"));
        fs::remove_file(ground.bin.join("stafett-send")).unwrap();
        assert!(ground.setup(&["--check"]).err.contains("stafett-send: is missing"));
    }
}

#[test]
fn bad_requests_change_nothing_and_say_what_to_do() {
    for ground in Ground::all() {
        let parent = ground.root.parent().unwrap().to_path_buf();
        let file = parent.join("file");
        fs::write(&file, "").unwrap();
        fs::create_dir(parent.join("full")).unwrap();
        fs::write(parent.join("full/something"), "").unwrap();
        let empty = parent.join("nothing");
        fs::create_dir(&empty).unwrap();
        let long = parent.join("l".repeat(100));
        for (directory, arguments, words) in [
            (file.join("x"), &["--me", "a.example"][..], "is a file"),
            (file.clone(), &["--me", "a.example"], "is a file, not a directory"),
            (parent.join("full"), &["--me", "a.example"], "is not empty and is no instance"),
            (parent.join("a/b/c"), &["--me", "a.example"], "does not exist; make it first"),
            (long, &["--me", "a.example"], "bytes at most"),
            (parent.join("x\ny"), &["--me", "a.example"], "control character"),
            (parent.join("fresh"), &[], "--me relay.example.org"),
            (parent.join("fresh"), &["--me", "a example"], "full name of this host"),
            (parent.join("fresh"), &["--me", "a.example", "--bin", "/nonexistent/bin"], "--bin /nonexistent/bin"),
            (parent.join("fresh"), &["--me", "a.example", "--bin", empty.to_str().unwrap()], "lacks stafett-tcpserver, stafett-smtpd"),
            (parent.join("fresh"), &["--check"], "is no instance"),
        ] {
            let answer = ground.setup_at(&directory, arguments);
            assert_eq!(answer.code, 100, "{arguments:?} {answer:?}");
            assert!(answer.err.starts_with("stafett-setup: fatal: ") && answer.err.contains(words), "{words}: {}", answer.err);
        }
        assert!(!parent.join("fresh").exists());
        if !ground.is_root {
            assert!(ground.setup(&["--me", "a.example", "--user-prefix", "x"]).err.contains("only root can"));
            assert_eq!(ground.setup_at(std::path::Path::new("/usr/stafett-test"), &["--me", "a.example"]).code, 100);
        }
    }
}

#[test]
fn a_path_with_blanks_and_quotes_works() {
    for ground in Ground::all() {
        let root = ground.root.with_file_name("it's a relay");
        let made = ground.setup_at(&root, &["--me", "a.example"]);
        assert_eq!(made.code, 0, "{made:?}");
        let script = root.join("service/send/log/run");
        let status = std::process::Command::new("sh").arg("-n").arg(&script).status().unwrap();
        assert!(status.success());
        assert!(fs::read_to_string(script).unwrap().contains(r"/it'\''s a relay/log/send'"));
    }
}

#[test]
fn several_addresses_give_several_listeners() {
    for ground in Ground::all() {
        let made = ground.setup(&["--me", "a.example", "--port", "2526", "--address", "127.0.0.1", "--address", "::1"]);
        assert_eq!(made.code, 0, "{made:?}");
        let script = fs::read_to_string(ground.root.join("service/tcpserver2/run")).unwrap();
        assert!(script.contains("address=::1\n") && script.contains("port=2526\n"));
        assert!(ground.root.join("log/tcpserver2").is_dir());
        let fewer = ground.setup(&["--address", "127.0.0.1"]);
        assert!(fewer.err.contains("service/tcpserver2 is not needed any more"), "{fewer:?}");
        assert!(ground.setup(&["--check"]).err.contains("does not have any more"));
    }
}

#[test]
fn optional_services_come_and_go() {
    for ground in Ground::all() {
        ground.make();
        assert!(!ground.root.join("service/metrics").exists() && ground.setup(&["--check", "--without", "metrics"]).code == 0);
        let asked = ground.setup(&["--check", "--with", "metrics"]);
        assert!(
            asked.code == 100 && asked.err.contains("--with metrics: the instance in ") && asked.err.contains("does not have"),
            "{asked:?}"
        );
        let with = ground.setup(&["--with", "metrics"]);
        assert!(with.code == 0 && with.out.contains("made service/metrics\n") && with.out.contains("made run/metrics\n"), "{with:?}");
        let script = fs::read_to_string(ground.root.join("service/metrics/run")).unwrap();
        assert!(script.contains("/stafett-metrics'") && script.contains("--service metrics"), "{script}");
        assert_eq!(fs::metadata(ground.root.join("run/metrics")).unwrap().mode() & 0o7777, 0o750);
        if ground.is_root {
            // Its group is the admins', or it could not look into the queue.
            let user = format!("{}x", *common::PREFIX);
            let group = |path: &str| fs::metadata(ground.root.join(path)).unwrap().gid();
            assert!(
                with.out.contains(&format!("made the user {user} (metrics)")) && script.contains(&format!("setuidgid {user}")),
                "{with:?}"
            );
            assert_eq!(group("run/metrics"), group("queue"));
            assert_ne!(fs::metadata(ground.root.join("run/metrics")).unwrap().uid(), 0);
        }
        // It is remembered, and nothing more is to do.
        assert_eq!((ground.setup(&[]).out, ground.setup(&["--with", "metrics,metrics"]).out), (String::new(), String::new()));
        let check = ground.setup(&["--check", "--with", "metrics"]);
        assert_eq!((check.code, check.err.as_str()), (0, ""));
        fs::write(ground.root.join("log/metrics/current"), "kept\n").unwrap();
        let without = ground.setup(&["--without", "metrics"]);
        assert!(
            without.code == 0
                && without.err.contains("service/metrics is not needed any more; stop it")
                && without.err.ends_with("/run/metrics\n"),
            "{without:?}"
        );
        let check = ground.setup(&["--check"]);
        assert!(
            check.code == 1 && check.err.contains("service/metrics: is a service that the instance does not have any more"),
            "{check:?}"
        );
        assert!(check.err.contains("run/metrics: is no part of the instance"), "{check:?}");
        fs::remove_dir_all(ground.root.join("service/metrics")).unwrap();
        fs::remove_dir_all(ground.root.join("run/metrics")).unwrap();
        assert_eq!((ground.setup(&[]).err, ground.setup(&["--check"]).code), (String::new(), 0));
        assert_eq!(fs::read_to_string(ground.root.join("log/metrics/current")).unwrap(), "kept\n");
    }
}

#[test]
fn as_root_each_program_has_its_own_user_and_nothing_follows_links() {
    for ground in Ground::all().into_iter().filter(|ground| ground.is_root) {
        ground.make();
        let owner = |path: &str| fs::metadata(ground.root.join(path)).unwrap().uid();
        let users = [owner("run/smtpd"), owner("run/queue"), owner("run/remote"), owner("log/send")];
        for (index, user) in users.iter().enumerate() {
            assert!(*user != 0 && !users[..index].contains(user), "{users:?}");
        }
        assert_eq!(owner("run/send"), owner("run/queue"));
        assert_eq!(owner("control/me"), 0);
        // What the queue's user could do to have root give away a directory of its own.
        let target = ground.root.with_file_name("victim");
        fs::create_dir(&target).unwrap();
        fs::remove_dir(ground.root.join("queue/hold")).unwrap();
        std::os::unix::fs::symlink(&target, ground.root.join("queue/hold")).unwrap();
        let refused = ground.setup(&[]);
        assert_eq!(refused.code, 111);
        assert!(refused.err.contains("queue/hold: is not a directory"), "{refused:?}");
        assert_eq!(fs::metadata(&target).unwrap().uid(), 0);
    }
}

#[test]
fn programs_that_others_cannot_reach_are_copied() {
    for ground in Ground::all().into_iter().filter(|ground| ground.is_root) {
        let hidden = ground.programs("hidden");
        fs::set_permissions(&hidden, fs::Permissions::from_mode(0o700)).unwrap();
        let made = ground.setup(&["--me", "a.example", "--bin", hidden.to_str().unwrap()]);
        assert_eq!(made.code, 0, "{made:?}");
        assert!(made.out.contains("because other users cannot get through"), "{}", made.out);
        assert!(fs::read_to_string(ground.root.join("service/send/run")).unwrap().contains("/bin/stafett-send"));
        assert_eq!(fs::metadata(ground.root.join("bin/stafett-send")).unwrap().mode() & 0o7777, 0o755);
        assert_eq!(ground.setup(&[]).out, "");
        fs::write(hidden.join("stafett-send"), "#!/bin/sh\nexit 7\n").unwrap();
        assert!(ground.setup(&[]).out.contains("copied 1 programs"));
        assert_eq!(fs::read_to_string(ground.root.join("bin/stafett-send")).unwrap(), "#!/bin/sh\nexit 7\n");
        fs::remove_dir_all(&hidden).unwrap();
        assert_eq!(ground.setup(&["--check"]).code, 0);
    }
}

#[test]
fn submission_has_listeners_of_its_own() {
    for ground in Ground::all() {
        ground.make();
        let made = ground.setup(&["--submission=5587,5465"]);
        assert_eq!(made.code, 0, "{made:?}");
        let read = |path: &str| fs::read_to_string(ground.root.join("service").join(path)).unwrap_or_default();
        assert!(read("tcpserver-submission/run").contains("port=5587\n") && read("tcpserver-submissions/run").contains("port=5465\n"));
        assert_eq!(read("tcpserver-submission/env/SUBMISSION"), "1\n");
        assert_eq!((read("tcpserver-submission/env/FORCETLS"), read("tcpserver-submissions/env/SMTPS")), ("1\n".into(), "1\n".into()));
        assert!(read("tcpserver-submissions/run").contains("tcpserver-submissions"));
        for needed in ["service/tls/run", "service/tlskeys/run", "log/tcpserver-submission/config"] {
            assert!(ground.root.join(needed).exists(), "{needed}");
        }
        assert_eq!((ground.setup(&[]).out.as_str(), ground.setup(&["--check", "--submission=5587,5465"]).code), ("", 0));
        assert!(
            ground.setup(&["--check", "--submission"]).err.contains("--submission 587,465: the instance in"),
            "{:?}",
            ground.setup(&["--check", "--submission"])
        );
        // one of the two alone, and neither
        let less = ground.setup(&["--submission=,5465"]);
        assert!(less.err.contains("service/tcpserver-submission is not needed any more"), "{less:?}");
        fs::remove_dir_all(ground.root.join("service/tcpserver-submission")).unwrap();
        assert_eq!(ground.setup(&["--check"]).code, 0);
        assert!(ground.setup(&["--no-submission"]).err.contains("service/tcpserver-submissions is not needed any more"));
        for wrong in ["--submission=", "--submission=,", "--submission=0", "--submission=587,465,25", "--submission=smtp"] {
            assert_eq!(ground.setup(&[wrong]).code, 100, "{wrong}");
        }
    }
}
