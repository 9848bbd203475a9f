//! The program as smtpd meets it: a process of its own, whose signatures dkimpy, opendkim and openssl judge.

#![allow(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing)] // a test that cannot go on has failed

#[allow(dead_code, reason = "it serves the tests of several services")]
#[path = "../../../lib/ask/tests/support/resident.rs"]
mod resident;

use resident::{Kind, Resident as Program};
use stafett_ask::{Answer, Verdict};
use stafett_sys::user::Uid;
use std::fs::{self, File};
use std::io::Write;
use std::os::fd::AsFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;
use std::process::{Command, Output, Stdio};
use std::sync::OnceLock;

const PROGRAM: &str = env!("CARGO_BIN_EXE_stafett-dkim");
const JUDGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/judge.py");
/// Whom it runs as when the tests run as root.
const NOBODY: u32 = 65534;
/// Whom stafett-remote runs as there.
const REMOTE: u32 = 65533;

const SIGN: &str = "*one.example:one.example:rsa,ed\n*:-\n";
const SEAL: &str = "*members.example:two.example:arc\n";
const HEADER: &str = "From: Anna <anna@mail.one.example>\r\nTo: b@x.example\r\nSubject: signed\r\nDate: Sat, 21 Nov 2026 10:00:00 +0000\r\n\
                      Message-ID: <1@one.example>\r\n";
const RESULTS: [&str; 3] = ["Authentication-Results: relay.example;", "\tdkim=pass header.d=one.example;", "\tarc=none"];

static KEYS: OnceLock<Program> = OnceLock::new();

const KIND: Kind = Kind {
    service: "dkim",
    caller: "smtpd",
    program: PROGRAM,
    hello: &["hello"],
    complete: |command, _| {
        command.arg("--resident");
    },
};

impl Program {
    fn make(files: &[(&str, &str)]) -> Program {
        let program = Program::prepare(KIND, &[&[("me", "relay.example\n")], files].concat());
        for caller in ["run/send", "run/remote"] {
            fs::create_dir(program.path(caller)).unwrap();
        }
        if Uid::effective().is_root() {
            chown(program.path("run/remote"), Some(REMOTE), None).unwrap();
        }
        program
    }

    /// With keys for what SIGN and SEAL name.
    fn start(files: &[(&str, &str)]) -> Program {
        let mut program = Program::make(files);
        // made once for all tests: the primes take their time
        let made = KEYS.get_or_init(|| {
            let made = Program::make(&[]);
            for (options, domain, selector) in
                [(&[][..], "one.example", "rsa"), (&["--ed25519"], "one.example", "ed"), (&[], "two.example", "arc")]
            {
                made.genkey(options, domain, selector);
            }
            made
        });
        for part in ["control/dkim", "records"] {
            let mut copy = Command::new("cp");
            assert!(copy.arg("-a").arg(made.path(part)).arg(program.path(part)).status().unwrap().success());
        }
        program.run();
        program
    }

    /// Calls the tool, and keeps the record that it prints.
    fn genkey(&self, options: &[&str], domain: &str, selector: &str) -> Output {
        let output = self.tool("genkey", options, domain, selector);
        if output.status.success() {
            let text = String::from_utf8(output.stdout.clone()).unwrap();
            let (name, rest) = text.split_once(" IN TXT ( ").unwrap();
            let value = rest.trim_end().trim_end_matches(" )").replace("\" \"", "").replace('"', "");
            let mut records = File::options().create(true).append(true).open(self.path("records")).unwrap();
            writeln!(records, "{name} {value}").unwrap();
        }
        output
    }

    fn tool(&self, what: &str, options: &[&str], domain: &str, selector: &str) -> Output {
        Command::new(PROGRAM).arg(what).args(options).arg(self.directory.path()).args([domain, selector]).output().unwrap()
    }

    fn ask(&self, question: &[&str], message: Option<&str>) -> Answer {
        let file = message.map(|message| {
            let mut file = tempfile::tempfile().unwrap();
            file.write_all(message.as_bytes()).unwrap();
            file
        });
        self.asked_with(question, file.as_ref().map(AsFd::as_fd)).unwrap()
    }

    /// The message with its signatures.
    #[track_caller]
    fn sign(&self, message: &str) -> String {
        let answer = self.ask(&["sign"], Some(message));
        assert_eq!(answer.verdict, Verdict::Ok, "{answer:?}\n{}", self.log());
        in_front(&answer, &[], message)
    }

    /// The message with these results and their seal.
    #[track_caller]
    fn seal(&self, results: &[&str], message: &str) -> String {
        let question = [&["seal", "a.members.example"], results].concat();
        let answer = self.ask(&question, Some(message));
        assert_eq!(answer.verdict, Verdict::Ok, "{answer:?}\n{}", self.log());
        in_front(&answer, results, message)
    }

    fn judge(&self, message: &str) -> String {
        through(Command::new("/usr/bin/python3").arg(JUDGE).arg(self.path("records")), message)
    }

    fn address(&self, verb: &str, address: &str) -> Answer {
        self.ask(&[verb, address], None)
    }
}

fn in_front(answer: &Answer, results: &[&str], message: &str) -> String {
    let lines = (0..answer.fields.len()).map(|index| answer.field(index).unwrap());
    let lines = lines.chain(results.iter().map(|line| (*line).to_owned())).map(|line| line + "\r\n");
    lines.collect::<String>() + message
}

fn through(command: &mut Command, input: &str) -> String {
    let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let input = input.to_owned();
    let writer = std::thread::spawn(move || stdin.write_all(input.as_bytes()));
    let output = child.wait_with_output().unwrap();
    let _ = writer.join().unwrap();
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}

fn lacks_dkimpy() -> bool {
    let there = Command::new("/usr/bin/python3").args(["-c", "import dkim, nacl.signing"]).output();
    let lacks = !there.is_ok_and(|output| output.status.success());
    if lacks {
        eprintln!("left out: python3-dkim or python3-nacl is not installed");
    }
    lacks
}

#[test]
fn dkimpy_believes_both_signatures_whatever_the_message_is_like() {
    if lacks_dkimpy() {
        return;
    }
    let program = Program::start(&[("dkimsign", SIGN)]);
    let large = "A line that is repeated.  \t\r\n".repeat(20_000);
    let bodies = [
        "",
        "\r\n",
        "plain\r\n",
        " lead \t and trail  \r\n\r\n\r\n",
        ".dot\r\n..\r\n",
        "no end",
        "\r\n\r\nlate\r\n",
        "\u{e4}\u{f6}\r\n",
        &large,
    ];
    for body in bodies {
        let signed = program.sign(&format!("{HEADER}\r\n{body}"));
        assert_eq!(signed.matches("DKIM-Signature: v=1; a=").count(), 2);
        let said = program.judge(&signed);
        assert!(said.starts_with("dkim=pass\ndkim=pass\narc=none"), "{body:.80}: {said}");
    }
    let folded = "FROM:\r\n anna\t@one.example\r\n\t(x)\r\nX: y\r\nTo: a@b,\r\n  c@d  \r\nTo: again\r\nSubject:\r\nMIME-Version: 1.0\r\n\r\ntext\r\n";
    let said = program.judge(&program.sign(folded));
    assert!(said.starts_with("dkim=pass\ndkim=pass\n"), "{said}");
}

#[test]
fn what_is_changed_or_added_afterwards_is_found() {
    if lacks_dkimpy() {
        return;
    }
    let program = Program::start(&[("dkimsign", SIGN)]);
    let signed = program.sign(&format!("{HEADER}\r\ntext\r\n"));
    let changed = [
        signed.replace("\r\ntext", "\r\ntexts"),
        signed.replace("Subject: signed", "Subject: signs"),
        format!("From: other@one.example\r\n{signed}"),
        format!("Subject: another\r\n{signed}"),
        format!("Reply-To: other@one.example\r\n{signed}"),
        signed.replace("d=one.example", "d=two.example"),
    ];
    for message in changed {
        let said = program.judge(&message);
        assert!(!said.contains("dkim=pass") && said.matches("dkim=").count() == 2, "{message}{said}");
    }
    // what a relay may do
    let relayed = format!("Received: from x\r\n\tby y\r\nX-Spam: no\r\n{}", signed.replace("\tb=", "  b=").replace("To: b", "To:  b"));
    assert!(program.judge(&relayed).starts_with("dkim=pass\ndkim=pass\n"));
}

#[test]
fn opendkim_believes_the_rsa_signature() {
    let opendkim = ["/usr/sbin/opendkim", "/usr/bin/opendkim"].into_iter().find(|path| Path::new(path).exists());
    let Some(opendkim) = opendkim else {
        eprintln!("left out: opendkim is not installed");
        return;
    };
    let program = Program::start(&[("dkimsign", "one.example:-\n*mail.one.example::rsa\n"), ("me", "relay.example\n")]);
    let keys = program.path("control/dkim");
    assert!(Command::new("cp").arg("-a").arg(keys.join("one.example")).arg(keys.join("mail.one.example")).status().unwrap().success());
    let signed = program.sign(&format!("{HEADER}\r\n text \t of  blanks \r\n\r\n\r\n"));
    let records = fs::read_to_string(program.path("records")).unwrap().replace(". v=", " v=").replace("one.example", "mail.one.example");
    fs::write(program.path("keys"), records).unwrap();
    let conf = format!("TestPublicKeys {}\nMode v\nSyslog no\n", program.path("keys").display());
    fs::write(program.path("conf"), conf).unwrap();
    let judge = |message: &str| {
        fs::write(program.path("message"), message).unwrap();
        let mut command = Command::new(opendkim);
        command.arg("-x").arg(program.path("conf")).arg("-t").arg(program.path("message"));
        through(&mut command, "")
    };
    let said = judge(&signed);
    assert!(said.contains("verification (s=rsa, d=mail.one.example, 2048-bit key"), "{said}");
    assert!(said.contains("succeeded"), "{said}");
    let said = judge(&signed.replace("text", "texts"));
    assert!(!said.contains("succeeded"), "{said}");
}

#[test]
fn a_chain_grows_by_our_seal() {
    if lacks_dkimpy() {
        return;
    }
    let program = Program::start(&[("dkimsign", SIGN), ("arcseal", SEAL)]);
    let message = program.sign(&format!("{HEADER}\r\ntext\r\n"));
    let once = program.seal(&RESULTS, &message);
    let said = program.judge(&once);
    assert!(said.starts_with("dkim=pass\ndkim=pass\narc=pass"), "{once}{said}");
    // a list breaks the signature, and whoever believes the first station believes the mail
    let listed = once.replace("\r\ntext", "\r\ntext and footer").replace("Authentication-Results: relay", "X: relay");
    assert!(program.judge(&listed).contains("arc=fail"));
    let passed = [RESULTS[0], "\tdkim=pass;", "\tarc=pass"];
    let twice = program.seal(&passed, &once);
    assert!(twice.starts_with("ARC-Seal: i=2; a=rsa-sha256;") && twice.contains("cv=pass"), "{twice}");
    let said = program.judge(&twice);
    assert!(said.contains("arc=pass"), "{twice}{said}");
    let failed = [RESULTS[0], "\tdkim=fail;", "\tarc=fail (the header has changed)"];
    let broken = program.seal(&failed, &listed);
    assert!(broken.starts_with("ARC-Seal: i=2; a=rsa-sha256;") && broken.contains("cv=fail"), "{broken}");
    let said = program.judge(&broken);
    assert!(said.contains("arc=fail"), "{broken}{said}");
}

#[test]
fn nothing_goes_out_unsigned_that_should_be_signed() {
    let program = Program::start(&[
        ("dkimsign", "*one.example:one.example:rsa,none\nlost.example::none\n"),
        ("arcseal", "x.example:one.example:ed\n"),
    ]);
    program.wait_for_log("unable to read");
    let message = format!("{HEADER}\r\ntext\r\n");
    let answer = program.ask(&["sign"], Some(&message));
    // one of two is there
    assert_eq!((answer.verdict, answer.text.as_str()), (Verdict::Ok, "one.example/rsa"));
    let answer = program.ask(&["sign"], Some(&message.replace("mail.one", "lost")));
    assert_eq!((answer.verdict, answer.fields.len()), (Verdict::Temporary, 0));
    let answer = program.ask(&["sign"], Some(&message.replace("mail.one", "other")));
    assert_eq!((answer.verdict, answer.fields.len()), (Verdict::Ok, 0));
    assert_eq!(program.ask(&["sign"], Some(&format!("From: x@one.example\r\n{message}"))).verdict, Verdict::Permanent);
    assert_eq!(program.ask(&["sign"], None).verdict, Verdict::Permanent);
    // what a program of this host only passes on
    let passed_on = format!("Received: from elsewhere\r\n{message}");
    assert_eq!(program.ask(&["local"], Some(&message)).text, "one.example/rsa");
    assert_eq!(
        (program.ask(&["local"], Some(&passed_on)).fields.len(), program.ask(&["sign"], Some(&passed_on)).text.as_str()),
        (0, "one.example/rsa")
    );
    // Ed25519 is no key for a seal
    assert_eq!(program.ask(&["seal", "x.example", RESULTS[0]], Some(&message)).verdict, Verdict::Temporary);
    let key = program.path("control/dkim/one.example/rsa");
    let good = fs::read(&key).unwrap();
    let owner = fs::metadata(&key).unwrap().uid();
    let replace = |text: &[u8], mode: u32| {
        let new = program.path("control/dkim/one.example/.other");
        fs::write(&new, text).unwrap();
        fs::set_permissions(&new, fs::Permissions::from_mode(mode)).unwrap();
        chown(&new, Some(owner), None).unwrap();
        fs::rename(&new, &key).unwrap();
    };
    replace(b"rubbish", 0o400);
    assert_eq!(program.ask(&["sign"], Some(&message)).fields.len(), answer_lines(&program, &message));
    program.wait_for_log("it is no PEM text (the last good copy stays in force)");
    replace(&good, 0o444);
    assert_eq!(program.ask(&["sign"], Some(&message)).verdict, Verdict::Ok);
    program.wait_for_log("may be read by others than its owner");
    fs::remove_file(&key).unwrap();
    assert_eq!(program.ask(&["sign"], Some(&message)).verdict, Verdict::Temporary);
    replace(&good, 0o400);
    assert_eq!(program.ask(&["sign"], Some(&message)).verdict, Verdict::Ok);
    // a control file that does not parse
    program.control("dkimsign", "*one.example\n");
    assert_eq!(program.ask(&["sign"], Some(&message)).text, "one.example/rsa");
    program.wait_for_log("control/dkimsign:1: ");
    assert!(!program.log().contains("PRIVATE") && !program.log().contains(&String::from_utf8_lossy(&good[40..80]).into_owned()));
}

fn answer_lines(program: &Program, message: &str) -> usize {
    program.ask(&["sign"], Some(message)).fields.len().max(1)
}

#[test]
fn senders_are_rewritten_and_taken_back() {
    let secrets = "the first of the secrets\n";
    let mut program = Program::make(&[("srsdomain", "srs.example\n")]);
    program.run();
    program.wait_for_log("holds no secret");
    assert_eq!(program.address("forward", "a@b.example").verdict, Verdict::Temporary);
    program.control("srssecrets", secrets);
    let rewritten = program.address("forward", "a@b.example").field(0).unwrap();
    assert!(rewritten.starts_with("SRS0=") && rewritten.ends_with("=b.example=a@srs.example"), "{rewritten}");
    assert_eq!(program.address("reverse", &rewritten).field(0).as_deref(), Some("a@b.example"));
    assert_eq!(program.address("forward", &rewritten).field(0), Some(rewritten.clone()));
    let quoted = program.address("forward", "\"a b\"@b.example").field(0).unwrap();
    assert_eq!(program.address("reverse", &quoted).field(0).as_deref(), Some("\"a b\"@b.example"));
    program.control("srssecrets", &format!("a second that is new\n{secrets}"));
    assert_eq!(program.address("reverse", &rewritten).verdict, Verdict::Ok);
    program.control("srssecrets", "a second that is new\n");
    for address in [
        rewritten.as_str(),
        "SRS0=aaaaaaaa=AA=b.example=a@srs.example",
        "SRS1=x=y@srs.example",
        "a@srs.example",
        "SRS0=a=b=c=d@other.example",
        "rubbish",
    ] {
        assert_eq!(program.address("reverse", address).verdict, Verdict::Permanent, "{address}");
    }
}

#[test]
fn one_key_of_several_is_enough_and_none_is_too_few() {
    let program = Program::start(&[("dkimsign", SIGN)]);
    let message = format!("{HEADER}\r\nbody\r\n");
    assert_eq!(program.ask(&["sign"], Some(&message)).text, "one.example/rsa one.example/ed");
    fs::remove_file(program.path("control/dkim/one.example/rsa")).unwrap();
    assert_eq!(program.ask(&["sign"], Some(&message)).text, "one.example/ed");
    program.wait_for_log("dkim/one.example/rsa: ");
    fs::remove_file(program.path("control/dkim/one.example/ed")).unwrap();
    let answer = program.ask(&["sign"], Some(&message));
    assert_eq!((answer.verdict, answer.fields.len()), (Verdict::Temporary, 0), "{answer:?}");
    assert!(answer.text.contains("cannot be used"), "{answer:?}");
}

/// What a user's program hears; nothing where it is hung up on.
fn asked_by(user: u32, program: &Program, question: &str) -> String {
    let script = "import socket, sys; s = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET); s.connect(sys.argv[1]); \
                  s.send(sys.argv[2].encode()); print(s.recv(9999).decode())";
    let mut command = Command::new("setpriv");
    command.args([&format!("--reuid={user}"), &format!("--regid={user}"), "--clear-groups", "/usr/bin/python3", "-c", script]);
    let output = command.arg(program.path("run/dkim/socket")).arg(question).output().unwrap();
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

#[test]
fn remote_may_have_senders_rewritten_and_nothing_else() {
    if !Uid::effective().is_root() {
        return;
    }
    let mut program = Program::make(&[("srsdomain", "srs.example\n"), ("srssecrets", "the first of the secrets\n")]);
    program.run();
    let said = asked_by(REMOTE, &program, "7:forward,11:a@b.example,");
    assert!(said.contains("=b.example=a@srs.example"), "{said}");
    for question in ["7:reverse,13:a@srs.example,", "4:sign,", "5:local,", "4:seal,11:a@b.example,"] {
        let said = asked_by(REMOTE, &program, question);
        assert!(said.contains("not a question of this service"), "{question}: {said}");
    }
    assert!(!asked_by(65_532, &program, "7:forward,11:a@b.example,").contains("srs.example"));
    program.wait_for_log("who may not ask here");
}

#[test]
fn the_tool_makes_keys_that_openssl_reads_and_writes_over_none() {
    let program = Program::make(&[]);
    for (options, kind) in [(&["--ed25519"][..], "ed25519"), (&["--bits", "3072"], "rsa")] {
        let made = program.genkey(options, "One.Example", kind);
        assert!(made.status.success(), "{made:?}");
        let path = program.path("control/dkim/one.example").join(kind);
        let found = fs::metadata(&path).unwrap();
        assert_eq!(found.mode() & 0o7777, 0o400);
        if Uid::effective().is_root() {
            assert_eq!(found.uid(), NOBODY);
        }
        let public = Command::new("openssl").args(["pkey", "-pubout", "-in"]).arg(&path).output().unwrap();
        let text: String = String::from_utf8(public.stdout).unwrap().lines().filter(|line| !line.starts_with('-')).collect();
        let record = fs::read_to_string(program.path("records")).unwrap().lines().last().unwrap().to_owned();
        let published = record.split("p=").nth(1).unwrap();
        // openssl prints more around the 32 bytes of Ed25519 than is published
        assert!(if kind == "rsa" { text == published } else { !text.is_empty() && published.len() == 44 }, "{text}\n{published}");
        assert!(record.starts_with(&format!("{kind}._domainkey.one.example. v=DKIM1; k={kind}; p=")), "{record}");
        let before = fs::read(&path).unwrap();
        assert!(!program.genkey(options, "one.example", kind).status.success());
        assert_eq!(fs::read(&path).unwrap(), before);
        assert_eq!(program.tool("record", &[], "one.example", kind).stdout, made.stdout);
    }
    for (domain, selector) in [("../x", "s"), ("x", "../s"), ("", "s"), ("x", ""), ("x..y", "s"), ("x", ".s"), ("b\u{fc}cher.example", "s")]
    {
        assert!(!program.genkey(&["--ed25519"], domain, selector).status.success(), "{domain} {selector}");
    }
    assert_eq!(Command::new(PROGRAM).output().unwrap().status.code(), Some(100));
}
