//! The tool as its user calls it.

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

use stafett_control::form::account::Account;
use stafett_verifiers::{Verifier, Workplace};
use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use std::process::{Command, Output, Stdio};

struct Instance(tempfile::TempDir);

impl Instance {
    fn new() -> Instance {
        let directory = tempfile::tempdir().unwrap();
        for name in ["control", "run", "state/auth"] {
            fs::create_dir_all(directory.path().join(name)).unwrap();
        }
        Instance(directory)
    }

    fn path(&self) -> PathBuf {
        self.0.path().join("control/accounts")
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path()).unwrap_or_default()
    }

    /// Exit code and output of a call with this on standard input.
    fn call(&self, arguments: &str, input: &[u8]) -> (i32, String) {
        self.call_with(&arguments.split(' ').filter(|word| !word.is_empty()).collect::<Vec<_>>(), input)
    }

    fn call_with(&self, arguments: &[&str], input: &[u8]) -> (i32, String) {
        let mut command = Command::new(env!("CARGO_BIN_EXE_stafett-passwd"));
        command.env_clear().arg(self.0.path()).args(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        // a call that wants none ends without reading it
        let _ = child.stdin.take().unwrap().write_all(input);
        let Output { status, stdout, stderr } = child.wait_with_output().unwrap();
        (status.code().unwrap(), String::from_utf8([stdout, stderr].concat()).unwrap())
    }

    #[track_caller]
    fn done(&self, arguments: &str, input: &[u8]) -> String {
        let (code, said) = self.call(arguments, input);
        assert_eq!(code, 0, "{arguments}: {said}");
        said
    }
}

fn fits(account: &Account, password: &str) -> Vec<bool> {
    let fits = |word: &String| match Verifier::parse(word).unwrap() {
        Verifier::Argon2id(argon) => argon.fits(password, &mut Workplace::default()),
        Verifier::Scram(scram) => scram.fits(password),
    };
    account.verifiers.iter().map(fits).collect()
}

#[test]
fn accounts_are_added_changed_and_removed() {
    let instance = Instance::new();
    assert_eq!(instance.done("add Alice senders=alice@example.org", b"open sesame\nrest\n"), "");
    assert_eq!(fs::metadata(instance.path()).unwrap().permissions().mode() & 0o777, 0o640);
    let read = |line: usize| Account::parse(instance.text().lines().nth(line).unwrap()).unwrap();
    assert_eq!((read(0).name.as_str(), fits(&read(0), "open sesame")), ("alice", vec![true, true]));
    assert_eq!(fits(&read(0), "open sesam"), [false, false]);
    fs::write(instance.path(), format!("# ours\n{}\n# the end\n", instance.text())).unwrap();
    fs::set_permissions(instance.path(), fs::Permissions::from_mode(0o600)).unwrap();
    instance.done("add --only scram printer role=robot networks=192.0.2.0/24", b"x\r\n");
    instance.done("add elsewhere --without-password", b"");
    assert_eq!(fs::metadata(instance.path()).unwrap().permissions().mode() & 0o777, 0o600, "the mode stays");
    instance.done("change alice --only argon2id", b"new");
    instance.done("set alice rewrite=a@example.org senders=", b"");
    instance.done("lock printer", b"");
    let text = instance.text();
    assert!(text.starts_with("# ours\nalice:$argon2id$") && text.contains("\n# the end\nprinter:$scram-sha-256$"), "{text}");
    assert!(text.contains(":role=robot status=locked networks=192.0.2.0/24\n") && text.ends_with("elsewhere::role=person\n"), "{text}");
    let listed = instance.done("list", b"");
    let expected = "alice:argon2id:role=person rewrite=a@example.org\n\
                    printer:scram-sha-256:role=robot status=locked networks=192.0.2.0/24\n\
                    elsewhere::role=person\n";
    assert_eq!(listed, expected);
    assert_eq!(instance.done("show printer", b""), expected.lines().nth(1).unwrap().to_owned() + "\n");
    instance.done("unlock printer", b"");
    assert!(!instance.text().contains("locked"));
    instance.done("remove alice", b"");
    assert!(!instance.text().contains("alice"));
    assert!(instance.0.path().join("control").read_dir().unwrap().count() == 1, "nothing is left beside the file");
}

#[test]
fn what_cannot_be_done_leaves_the_file_as_it_was() {
    let instance = Instance::new();
    instance.done("add alice", b"secret");
    let before = instance.text();
    for (arguments, input, code) in [
        ("add ALICE", &b"other"[..], 1),
        ("change bob", b"other", 1),
        ("lock bob", b"", 1),
        ("unlock alice", b"", 1),
        ("remove bob", b"", 1),
        ("show bob", b"", 1),
        ("add bob", b"", 100),
        ("add bob", b"\xff", 100),
        ("add bob", &[b'x'; 2000], 100),
        ("add b:b", b"x", 100),
        ("add bob role=king", b"x", 100),
        ("set alice networks=192.0.2.1/24", b"", 100),
        ("change alice hunter2", b"", 100),
    ] {
        let (found, said) = instance.call(arguments, input);
        assert_eq!(found, code, "{arguments}: {said}");
        assert!(said.starts_with("stafett-passwd: fatal: ") && !said.contains("hunter2"), "{said}");
        assert_eq!(instance.text(), before);
    }
    fs::write(instance.path(), "alice\n").unwrap();
    let (code, said) = instance.call("lock alice", b"");
    assert_eq!(code, 100);
    assert!(said.contains("control/accounts:1: "), "{said}");
}

#[test]
fn several_at_once_lose_nothing() {
    let instance = Instance::new();
    std::thread::scope(|scope| {
        for number in 0..8 {
            let instance = &instance;
            scope.spawn(move || instance.done(&format!("add a{number} --without-password"), b""));
        }
    });
    assert_eq!(instance.text().lines().count(), 8);
}

#[test]
fn nothing_is_written_that_could_not_be_read() {
    let instance = Instance::new();
    instance.done("add alice --without-password", b"");
    let before = instance.text();
    for value in ["senders=a b@x.example", "senders=a@x.example\nb::", "rewrite=a b@x.example", "senders=a\tb@x.example", "limits=a\rb"] {
        let (code, said) = instance.call_with(&["set", "alice", value], b"");
        assert_eq!((code, instance.text()), (100, before.clone()), "{value:?}: {said}");
    }
    assert_eq!(instance.done("list", b""), "alice::role=person\n");
}
