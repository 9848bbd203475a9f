//! Mail filters of others: opendkim, clamav-milter, and a filter on Sendmail's own libmilter that does whatever a subject asks for;
//! and copies of mail.

use stafett_test_e2e::{
    Act, Client, Sink, Site, Step, Supervisor, free_port, has, message, program, run, scratch, skip, transfer, wait_until,
};
use std::fs;
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A filter that does what the subject says.
const FILTER: &str = r#"
import sys, Milter

class Filter(Milter.Base):
    def envrcpt(self, to, *parameters):
        if to.startswith('<refused@'):
            self.setreply('550', '5.1.1', 'not at home', 'nor anywhere')
            return Milter.REJECT
        return Milter.CONTINUE
    def header(self, name, value):
        if name == 'Subject':
            self.subject = value
        return Milter.CONTINUE
    def body(self, piece):
        self.last = piece
        return Milter.CONTINUE
    def eom(self):
        do = self.subject
        if do == 'discard': return Milter.DISCARD
        if do == 'tempfail': return Milter.TEMPFAIL
        if do == 'quarantine': self.quarantine('looks odd')
        if do == 'change':
            self.chgheader('Subject', 1, 'changed')
            self.addheader('X-Last', 'one\n\ttwo')
            self.addheader('X-First', '1', 0)
            self.addrcpt('<more@taken.test>')
            self.delrcpt('<gone@taken.test>')
            self.chgfrom('<new@sender.test>')
            self.replacebody(b'another body\r\n.\r\nwith a dot\r\n')
        self.addheader('X-Seen-By', self.getsymval('j') + ' ' + self.getsymval('{client_addr}'))
        known = ['{auth_type}', '{auth_authen}', '{auth_author}', '{tls_version}', '{cipher}', '{cipher_bits}', '{cert_subject}', '{cert_issuer}']
        if self.getsymval('{auth_authen}'):
            self.addheader('X-Knows', ' '.join(self.getsymval(name) or '-' for name in known))
        return Milter.ACCEPT

Milter.factory = Filter
Milter.set_flags(Milter.ADDHDRS | Milter.CHGHDRS | Milter.CHGBODY | Milter.ADDRCPT | Milter.DELRCPT | Milter.CHGFROM | Milter.QUARANTINE)
Milter.runmilter('filter', sys.argv[1], 60)
"#;

/// Says whether the DKIM signature on top of a message is right: simple canonicalization, key in a file.
const VERIFY: &str = r"
import base64, hashlib, re, subprocess, sys
message, key = open(sys.argv[1], 'rb').read(), sys.argv[2]
head, body = message.split(b'\r\n\r\n', 1)
fields = re.split(rb'\r\n(?![ \t])', head)
own = [f for f in fields if f.lower().startswith(b'dkim-signature:')][0]
tags = dict(t.strip().split(b'=', 1) for t in re.sub(rb'\s+', b' ', own.split(b':', 1)[1]).split(b';') if t.strip())
assert tags[b'c'].strip() == b'simple/simple' and tags[b'd'] == b'sender.test' and tags[b's'] == b'sel', tags
bh = base64.b64encode(hashlib.sha256(body).digest())
assert bh == tags[b'bh'].replace(b' ', b''), (bh, tags)
signed, left = b'', list(fields)
for name in tags[b'h'].replace(b' ', b'').split(b':'):
    for f in reversed(left):
        if f.split(b':', 1)[0].strip().lower() == name.lower():
            signed += f + b'\r\n'
            left.remove(f)
            break
signed += re.sub(rb'([;\s]b=)[^;]*', rb'\1', own)
open(sys.argv[1] + '.signed', 'wb').write(signed)
open(sys.argv[1] + '.sig', 'wb').write(base64.b64decode(re.sub(rb'\s', b'', tags[b'b'])))
subprocess.run(['openssl', 'rsa', '-in', key, '-pubout', '-out', key + '.pub'], check=True, capture_output=True)
subprocess.run(['openssl', 'dgst', '-sha256', '-verify', key + '.pub', '-signature', sys.argv[1] + '.sig', sys.argv[1] + '.signed'], check=True)
";

/// A filter that runs until its test ends.
pub struct Peer(Child);

impl Peer {
    fn start(command: &mut Command, port: u16) -> Peer {
        let peer = Peer(command.stdin(Stdio::null()).stdout(Stdio::null()).spawn().unwrap());
        assert!(wait_until(30, || TcpStream::connect(("127.0.0.1", port)).is_ok()), "{command:?} does not listen");
        peer
    }

    /// The filter above, if Debian's python3-milter is there.
    pub fn scripted(directory: &Path) -> Option<(Peer, u16)> {
        let there = Command::new("/usr/bin/python3").args(["-c", "import Milter"]).stderr(Stdio::null()).status();
        if !there.is_ok_and(|status| status.success()) {
            return None;
        }
        let (script, port) = (directory.join("filter.py"), free_port());
        fs::write(&script, FILTER).unwrap();
        let mut command = Command::new("/usr/bin/python3");
        Some((Peer::start(command.arg(&script).arg(format!("inet:{port}@127.0.0.1")), port), port))
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A relay with these filters.
fn filtering(sink: &Sink, milters: &str) -> Site {
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("milters", milters);
    let made = site.setup(&["--with", "milter"]);
    assert!(made.status.success(), "{made:?}");
    site.start(Supervisor::Runit);
    site.logged("milter", "status: ready");
    site
}

#[test]
fn opendkim_signs_what_the_relay_sends() {
    let (Some(opendkim), true) = (has("opendkim"), has("openssl").is_some()) else {
        return skip("opendkim", "opendkim or openssl is not installed");
    };
    let (place, port, sink) = (scratch(), free_port(), Sink::new());
    let key = place.path().join("key");
    run(Command::new("openssl").args(["genrsa", "-out"]).arg(&key).arg("2048"));
    let configuration = place.path().join("opendkim.conf");
    let text = format!(
        "Domain sender.test\nSelector sel\nKeyFile {}\nMode s\nCanonicalization simple/simple\nInternalHosts 127.0.0.1\n\
         Socket inet:{port}@127.0.0.1\nRequireSafeKeys no\nSyslog no\nBackground no\n",
        key.display()
    );
    fs::write(&configuration, text).unwrap();
    let _peer = Peer::start(Command::new(opendkim).args(["-f", "-x"]).arg(&configuration), port);
    let site = filtering(&sink, &format!("inet:127.0.0.1:{port} name=dkim\n"));
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("to be signed"));
    let arrived = &sink.messages(1, 30)[0];
    assert!(arrived.field("DKIM-Signature").is_some(), "{}\n{}", String::from_utf8_lossy(&arrived.data), site.logs());
    let file = place.path().join("message");
    fs::write(&file, &arrived.data).unwrap();
    run(Command::new("/usr/bin/python3").args(["-c", VERIFY]).arg(&file).arg(&key));
}

/// What the test's own signature finds, in base64 as it stands in an attachment.
const VIRUS: &str = "stafett-test-signature-not-a-virus";
const ATTACHED: &str = "Subject: infected\r\nMIME-Version: 1.0\r\nContent-Type: application/octet-stream\r\n\
    Content-Transfer-Encoding: base64\r\n\r\nc3RhZmV0dC10ZXN0LXNpZ25hdHVyZS1ub3QtYS12aXJ1cw==\r\n";

/// Debian's clamd and clamav-milter, as tests/run lays them out, and the port of the filter.
fn clamav(place: &Path) -> Option<([Peer; 2], u16)> {
    let root = PathBuf::from(std::env::var_os("STAFETT_TEST_PEERS")?);
    let libraries: Vec<PathBuf> = fs::read_dir(root.join("usr/lib")).ok()?.filter_map(|entry| Some(entry.ok()?.path())).collect();
    let libraries = libraries.into_iter().find(|directory| directory.join("libclamav.so.12").exists())?;
    let (port, socket) = (free_port(), place.join("clamd"));
    let signature: String = VIRUS.bytes().map(|byte| format!("{byte:02x}")).collect();
    fs::create_dir(place.join("database")).unwrap();
    fs::write(place.join("database/own.ndb"), format!("Stafett.Test:0:*:{signature}\n")).unwrap();
    let clamd = format!("Foreground yes\nDatabaseDirectory {}\nLocalSocket {}\n", place.join("database").display(), socket.display());
    let milter = format!(
        "Foreground yes\nMilterSocket inet:{port}@127.0.0.1\nClamdSocket unix:{}\nOnInfected Reject\nRejectMsg %v was found\nAddHeader Add\n",
        socket.display()
    );
    let spawn = |name: &str, text: String| {
        let configuration = place.join(format!("{name}.conf"));
        fs::write(&configuration, text).unwrap();
        let mut command = Command::new(root.join("usr/sbin").join(name));
        command.env("LD_LIBRARY_PATH", &libraries).arg("-c").arg(configuration);
        Peer(command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap())
    };
    let scanner = spawn("clamd", clamd);
    assert!(wait_until(60, || UnixStream::connect(&socket).is_ok()), "clamd does not listen");
    let filter = spawn("clamav-milter", milter);
    assert!(wait_until(60, || TcpStream::connect(("127.0.0.1", port)).is_ok()), "clamav-milter does not listen");
    Some(([scanner, filter], port))
}

#[test]
fn clamav_refuses_what_its_signature_finds() {
    let (place, sink) = (scratch(), Sink::new());
    let Some(([scanner, _filter], port)) = clamav(place.path()) else { return skip("clamav-milter", "tests/run has not laid it out") };
    let site = filtering(&sink, &format!("inet:127.0.0.1:{port} name=clamav\n"));
    let mut client = Client::greeted(site.port());
    let mut send = |text: &[u8]| {
        client.command("MAIL FROM:<a@sender.test>").must(250);
        client.command("RCPT TO:<b@taken.test>").must(250);
        client.data(text)
    };
    send(ATTACHED.as_bytes()).saying("550").saying("Stafett.Test");
    site.logged("smtpd", "refuse control/milters:1 from <a@sender.test> to <b@taken.test>");
    send(&message("clean")).must(250);
    assert_eq!(sink.messages(1, 60)[0].field("X-Virus-Status").as_deref(), Some("Clean"));
    drop(scanner);
    let away = send(&message("nobody looks"));
    assert!((400..500).contains(&away.code), "{away:?}");
    site.drained(60);
    assert_eq!(sink.seen().arrived.len(), 1);
}

#[test]
fn a_filter_on_libmilter_has_its_way() {
    let (place, sink) = (scratch(), Sink::new());
    let Some((_peer, port)) = Peer::scripted(place.path()) else { return skip("libmilter", "python3-milter is not installed") };
    let site = filtering(&sink, &format!("inet:127.0.0.1:{port} name=filter\n"));
    let mut client = Client::greeted(site.port());
    let mut send = |subject: &str| {
        client.command("MAIL FROM:<a@sender.test>").must(250);
        client.command("RCPT TO:<b@taken.test>").must(250);
        client.command("RCPT TO:<gone@taken.test>").must(250);
        client.command("RCPT TO:<refused@taken.test>").saying("550-5.1.1 not at home");
        client.data(&message(subject))
    };
    send("change").must(250);
    let changed = &sink.messages(1, 30)[0];
    assert_eq!(changed.field("Subject").as_deref(), Some("changed"));
    assert_eq!(changed.field("X-Last").as_deref(), Some("one two"));
    assert_eq!(changed.field("X-Seen-By").as_deref(), Some("relay.test 127.0.0.1"));
    assert!(changed.without_trace().starts_with(b"X-First: 1\r\n"), "{}", String::from_utf8_lossy(&changed.data));
    assert!(changed.data.ends_with(b"\r\n\r\nanother body\r\n.\r\nwith a dot\r\n"), "{}", String::from_utf8_lossy(&changed.data));
    assert!(changed.mail.starts_with("<new@sender.test>"), "{}", changed.mail);
    let recipients: Vec<_> = changed.rcpts.iter().map(|one| one.split('>').next().unwrap().to_owned()).collect();
    assert_eq!(recipients, ["<b@taken.test", "<more@taken.test"]);

    send("discard").must(250);
    site.logged("smtpd", "stafett-smtpd: discard control/milters:1 bytes ");
    assert!((400..500).contains(&send("tempfail").code));
    send("quarantine").must(250);
    site.logged("queued", "control/milters:1 looks odd; qtool release");
    assert_eq!(fs::read_dir(site.path("queue/hold")).unwrap().count(), 1);
    run(site.command("qtool").arg(site.root()).args(["release", "--all"]));
    assert_eq!(sink.messages(2, 30)[1].field("Subject").as_deref(), Some("quarantine"));
    site.drained(30);
    assert_eq!(sink.seen().arrived.len(), 2);
}

#[test]
fn a_filter_that_is_away_is_what_its_line_says_from_the_next_connection_on() {
    let (port, sink) = (free_port(), Sink::new());
    let site = filtering(&sink, &format!("inet:127.0.0.1:{port} away=accept\n"));
    site.control("milters", &format!("inet:127.0.0.1:{port}\n"));
    assert!(wait_until(30, || Client::connect(site.port()).reply().code == 421), "{}", site.logs());
    site.control("milters", &format!("inet:127.0.0.1:{port} away=accept\n"));
    assert!(wait_until(30, || Client::connect(site.port()).reply().code == 220), "{}", site.logs());
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("unfiltered"));
    sink.messages(1, 30);
    site.logged("milter", "mail passes without it");
    let judged = site.command("stafett-check").arg(site.root()).output().unwrap();
    assert!(!String::from_utf8_lossy(&judged.stdout).contains("milter"), "{judged:?}");
}

#[test]
fn copies_reach_their_address_and_their_failures_reach_nobody() {
    let sink = Sink::new();
    let log = Sink::scripted(|step, _| match step {
        Step::Rcpt(_) => Act::Say("550 5.1.1 no log here".to_owned()),
        _ => Act::Accept,
    });
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &format!("log.test:127.0.0.1:{}\n{}", log.port(), sink.route()));
    site.control("taps", "A:.*:log@log.test\nF:^a@sender:copy@elsewhere.test\n");
    site.start(Supervisor::Runit);
    let inject = |envelope: &str| {
        let command = format!("printf 'Subject: of a program\\n\\nx\\n' | {} 1<{envelope}", program("stafett-queue").display());
        run(Command::new("sh").args(["-c", &command]).env("STAFETT", site.root()));
    };
    let place = scratch();
    // Of a client, of a program, and a bounce.
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("copied"));
    for (name, sender) in [("ordinary", "p@sender.test"), ("bounce", "")] {
        let envelope = place.path().join(name);
        fs::write(&envelope, format!("F{sender}\0Tb@taken.test\0\0")).unwrap();
        inject(envelope.to_str().unwrap());
    }
    site.drained(60);
    let arrived = sink.messages(3, 30);
    let to = |address: &str| arrived.iter().filter(|one| one.rcpts.iter().any(|rcpt| rcpt.starts_with(address))).count();
    assert_eq!((to("<b@taken.test>"), to("<copy@elsewhere.test>")), (3, 1), "{arrived:?}");
    assert!(arrived.iter().all(|one| one.rcpts.iter().all(|rcpt| !rcpt.contains("sender.test"))), "{arrived:?}");
    let said = site.log("send");
    assert_eq!(said.matches("no_log_here").count(), 3, "{said}");
    assert!(!said.contains("bounce msg") && !said.contains("triple bounce"), "{said}");
}
