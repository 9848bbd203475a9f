//! Users of this host: the sources of nsswitch.conf(5), the assignments, whom programs write to, and the postmaster.

use crate::ground::{Answer, Ground, answer, runs_as_root};
use stafett_alias_table::{Source, Table};
use std::fs;
use std::process::Command;
use std::time::{Duration, SystemTime};

#[test]
fn a_host_with_users_has_a_postmaster() {
    let nobody = "alias/.qmail-postmaster: warning: postmaster@relay.example.org is neither a user nor an alias, so smtpd refuses mail for the postmaster of this host\n    write a line such as &name@example.org into that file, or postmaster into a file of control/aliases\n";
    for ground in Ground::all_with(&["local"]) {
        ground.says(&[], 1, nobody);
        let host = ("defaulthost", Some("other.example\n"));
        ground.says(&[("locals", Some("other.example\n")), host], 1, &nobody.replace("relay.example.org", "other.example"));
        ground.says(&[("locals", Some("# none\n")), host], 0, "");
        ground.write("alias/.qmail-postmaster", "&admin@example.org\n");
        ground.says(&[], 0, "");
        ground.remove("alias/.qmail-postmaster");
        ground.write("alias/.qmail-default", "|fastforward -d /etc/aliases.cdb\n./Maildir/\n");
        let text = ground.root.parent().unwrap().join("names");
        for (names, out) in [("root: a@b.example\n", nobody), ("Postmaster: a@b.example\n", ""), ("@relay.example.org: a@b.example\n", "")]
        {
            fs::write(&text, names).unwrap();
            let source = Source::parse(names, &|_| {}).unwrap();
            Table::write(&source.instructions, &text.with_extension("cdb"), &text.with_extension("tmp")).unwrap();
            ground.says(&[("aliases", Some(&format!("{}\n", text.display())))], i32::from(!out.is_empty()), out);
        }
    }
}

#[test]
fn mail_of_programs_reaches_users_of_this_host() {
    let out = "control/locals: warning: relay.example.org is not in it, so mail that programs of this host send to bare names, such as root, is returned\n    add relay.example.org, or write a domain that has those users to defaulthost\n";
    for ground in Ground::all_with(&["local"]) {
        ground.write("alias/.qmail-postmaster", "&admin@example.org\n");
        let locals = ("locals", Some("example.org\n"));
        ground.says(&[locals], 1, out);
        ground.says(&[locals, ("defaulthost", Some("example.org\n"))], 0, "");
        ground.says(&[("locals", Some("example.org\nRelay.example.org\n"))], 0, "");
    }
}

#[test]
fn assignments_that_do_not_count_are_told() {
    for ground in Ground::all_with(&["local"]) {
        ground.write("alias/.qmail-postmaster", "&admin@example.org\n");
        ground.write("users/assign", ".\n");
        let remedy = format!("    run stafett-users {}\n", ground.root.display());
        ground.says(&[], 1, &format!("users/assign: warning: does not count, because it was never compiled\n{remedy}"));
        ground.write("users/cdb", "");
        stafett_local_users::write(&[], &ground.root.join("users/cdb"), &ground.root.join("users/tmp")).unwrap();
        let age = |name: &str, seconds| {
            let file = fs::File::options().append(true).open(ground.root.join(name)).unwrap();
            file.set_modified(SystemTime::now() - Duration::from_secs(seconds)).unwrap();
        };
        age("users/assign", 20);
        age("users/cdb", 10);
        ground.says(&[], 0, "");
        age("users/assign", 5);
        ground.says(&[], 1, &format!("users/assign: warning: was changed after users/cdb was made, which counts\n{remedy}"));
    }
}

/// Where the system looks for users cannot be changed without its leave.
#[test]
fn sources_of_users_that_lose_mail_are_told() {
    if !runs_as_root() {
        return;
    }
    let ground = Ground::with(true, &["local"]);
    ground.write("alias/.qmail-postmaster", "&admin@example.org\n");
    let other = Ground::with(true, &[]);
    let file = ground.root.parent().unwrap().join("conf");
    let judged = |ground: &Ground, line: &str| -> Answer {
        fs::write(&file, format!("# people\n{line}\n")).unwrap();
        let script = "mount --bind \"$1\" /etc/nsswitch.conf && exec \"$2\" \"$3\"";
        let mut command = Command::new("unshare");
        command.args(["-m", "sh", "-c", script, "sh"]).arg(&file).arg(ground.bin.join("stafett-check")).arg(&ground.root);
        answer(command)
    };
    let fine = judged(&ground, "passwd: files sss systemd\ngroup: files");
    assert_eq!((fine.code, fine.out.as_str()), (0, ""), "{fine:?}");
    let passed = judged(&ground, "passwd: sss [NOTFOUND=continue UNAVAIL=continue] files\ngroup: files");
    let out = "/etc/nsswitch.conf:2: warning: sss is passed over while it is away, because it is written so: mail for its users is returned then\n    let UNAVAIL and TRYAGAIN return behind sss, or say nothing of them: mail waits then\n";
    assert_eq!((passed.code, passed.out.as_str()), (1, out), "{passed:?}");
    assert_eq!(judged(&other, "passwd: sss [UNAVAIL=continue] files\ngroup: files").out, "");
    for (line, out) in [
        ("passwd: files [NOTFOUND=", "/etc/nsswitch.conf:2: error: \"[NOTFOUND=\" has no end, so the system finds no user at all"),
        ("passwd: flies\ngroup: files", "/etc/nsswitch.conf: error: the system "),
    ] {
        let broken = judged(&ground, line);
        assert!(broken.code >= 100 && broken.out.contains(out), "{line}: {broken:?}");
    }
}
