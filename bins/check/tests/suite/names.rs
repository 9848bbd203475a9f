//! `--dns`, against a name server of the test's own.

use crate::ground::Ground;
use stafett_signing::{Key, pem};
use std::net::{Ipv4Addr, UdpSocket};
use std::os::unix::fs::PermissionsExt;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

const A: u16 = 1;
const PTR: u16 = 12;
const MX: u16 = 15;
const TXT: u16 = 16;

/// What the server knows; a name without records of the kind asked for has no data, another does not exist.
fn records(name: &str) -> Option<Vec<(u16, Vec<u8>)>> {
    let address = |text: &str| (A, text.parse::<Ipv4Addr>().unwrap().octets().to_vec());
    let exchange = |host: &str| (MX, [vec![0, 10], wire(host)].concat());
    Some(match name {
        "relay.example.org" => vec![address("192.0.2.1")],
        "good.example.org" => vec![address("192.0.2.2")],
        "1.2.0.192.in-addr.arpa" => vec![(PTR, wire("relay.example.org"))],
        "2.2.0.192.in-addr.arpa" => vec![(PTR, wire("elsewhere.example.org"))],
        "elsewhere.example.org" => vec![address("192.0.2.9")],
        "mail.example.net" => vec![address("192.0.2.3")],
        "example.org" => vec![exchange("mail.example.net")],
        "null.example" => vec![(MX, vec![0, 0, 0])],
        "ours.example" => vec![exchange("relay.example.org")],
        "empty.example" => vec![],
        "srs.example.org" => vec![exchange("relay.example.org"), (TXT, b"\x0ev=spf1 mx -all".to_vec())],
        "host.example.org" => vec![address("192.0.2.1"), (TXT, b"\x05other".to_vec())],
        name if name.ends_with("._domainkey.example.org") => return published(name),
        _ => return None,
    })
}

/// The records of keys, by selector.
fn published(name: &str) -> Option<Vec<(u16, Vec<u8>)>> {
    let key = |seed| Key::from_pkcs8(&Key::ed25519_from_seed(&[seed; 32])).unwrap().record();
    let text = |text: String| (TXT, [vec![u8::try_from(text.len()).unwrap()], text.into_bytes()].concat());
    Some(match name.split('.').next().unwrap() {
        "good" => vec![text(key(7).replace("p=", "s=email:x; h=sha1:sha256; p= ").replace("v=DKIM1; ", ""))],
        "other" => vec![text(key(8))],
        "test" => vec![text(key(7) + "; t=s:y")],
        "two" => vec![text(key(7)), text("x".to_owned())],
        "web" => vec![text(key(7) + ";s=web")],
        "revoked" => vec![text("v=DKIM1; k=ed25519; p=".to_owned())],
        "kind" => vec![text(key(7).replace("ed25519", "rsa"))],
        _ => return None,
    })
}

struct Server {
    port: u16,
    end: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    fn start() -> Server {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
        let (port, end) = (socket.local_addr().unwrap().port(), Arc::new(AtomicBool::new(false)));
        let ends = Arc::clone(&end);
        let thread = std::thread::spawn(move || {
            let mut packet = [0; 1500];
            while !ends.load(Ordering::Relaxed) {
                if let Ok((length, client)) = socket.recv_from(&mut packet) {
                    let _ = socket.send_to(&reply(&packet[..length]), client);
                }
            }
        });
        Server { port, end, thread: Some(thread) }
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end.store(true, Ordering::Relaxed);
        let _ = self.thread.take().map(JoinHandle::join);
    }
}

fn wire(name: &str) -> Vec<u8> {
    let labels = name.split('.').flat_map(|label| [vec![u8::try_from(label.len()).unwrap()], label.as_bytes().to_vec()].concat());
    labels.chain([0]).collect()
}

fn reply(question: &[u8]) -> Vec<u8> {
    let mut at = 12;
    let mut labels = Vec::new();
    while question[at] != 0 {
        let length = usize::from(question[at]);
        labels.push(String::from_utf8_lossy(&question[at + 1..at + 1 + length]).to_lowercase());
        at += length + 1;
    }
    let kind = u16::from_be_bytes([question[at + 1], question[at + 2]]);
    let known = records(&labels.join("."));
    let code = if known.is_some() { 0x80 } else { 0x83 };
    let fitting: Vec<Vec<u8>> = known.unwrap_or_default().into_iter().filter(|(found, _)| *found == kind).map(|(_, data)| data).collect();
    let count = u8::try_from(fitting.len()).unwrap();
    let mut answer = [&question[..2], &[0x81, code, 0, 1, 0, count, 0, 0, 0, 0], &question[12..at + 5]].concat();
    for data in fitting {
        answer.extend([0xc0, 12]);
        answer.extend(kind.to_be_bytes());
        answer.extend([0, 1, 0, 0, 0, 60, 0, u8::try_from(data.len()).unwrap()]);
        answer.extend(data);
    }
    answer
}

fn asked(ground: &Ground, server: &Server) -> (i32, String) {
    ground.control("resolvers", format!("127.0.0.1:{}\n", server.port));
    let answer = ground.check(&["--dns"]);
    assert_eq!(answer.err, "");
    (answer.code, answer.out)
}

#[test]
fn names_that_are_right_give_no_word() {
    let server = Server::start();
    for ground in Ground::all() {
        assert_eq!(asked(&ground, &server), (0, String::new()));
    }
}

#[test]
fn names_that_lead_nowhere_are_shown() {
    let server = Server::start();
    for ground in Ground::all() {
        ground.control("smtproutes", "example.org:gone.example.net\n");
        assert_eq!(
            asked(&ground, &server),
            (
                100,
                "\
control/smtproutes:1: error: the host gone.example.net does not exist in the DNS
    example.org:gone.example.net
                ^^^^^^^^^^^^^^^^
    name a host that has A or AAAA records; MX records are not asked for
"
                .to_owned()
            )
        );
        ground.control("smtproutes", "example.org:mail.example.net\n");
        ground.control("destinations", "198.51.100.0/24\n");
        assert_eq!(
            asked(&ground, &server),
            (
                100,
                "\
control/smtproutes:1: error: no address of mail.example.net is in the networks of control/destinations, so mail for this route is never sent
    example.org:mail.example.net
                ^^^^^^^^^^^^^^^^
    add its address to destinations, or name another relay
"
                .to_owned()
            )
        );
        ground.remove("control/destinations");
        ground.control("rcpthosts", "example.org\nnull.example\nours.example\nempty.example\ngone.example\n");
        let remedy = |domain: &str| {
            format!("    {domain}\n    {}\n    write {domain}:HOST to smtproutes, or remove the domain here\n", "^".repeat(domain.len()))
        };
        let expected = [
            ("null.example", "2: error: null.example takes no mail (null MX)"),
            ("ours.example", "3: warning: the best MX of ours.example is this host, and no route takes its mail further"),
            ("empty.example", "4: error: empty.example has no MX record, and as a host it has no such record in the DNS"),
            ("gone.example", "5: error: gone.example does not exist in the DNS"),
        ];
        let expected: String = expected.iter().map(|(domain, line)| format!("control/rcpthosts:{line}\n{}", remedy(domain))).collect();
        assert_eq!(asked(&ground, &server), (100, expected));
    }
}

#[test]
fn a_name_of_ours_that_does_not_lead_back_is_a_warning() {
    let server = Server::start();
    for ground in Ground::all() {
        for (me, text, remedy) in [
            (
                "nowhere.example.org",
                "nowhere.example.org does not exist in the DNS, so other hosts may refuse mail from it",
                "give it A and AAAA records",
            ),
            (
                "good.example.org",
                "the address 192.0.2.2 of good.example.org leads back to elsewhere.example.org, which does not lead to 192.0.2.2",
                "have the owner of the address point its PTR record to the name",
            ),
            (
                "elsewhere.example.org",
                "the name of the address 192.0.2.9 of elsewhere.example.org does not exist in the DNS, so other hosts may refuse mail from it",
                "have the owner of the address point its PTR record to the name",
            ),
        ] {
            ground.control("me", format!("{me}\n"));
            let out = format!("control/me:1: warning: {text}\n    {me}\n    {}\n    {remedy}\n", "^".repeat(me.len()));
            assert_eq!(asked(&ground, &server), (1, out));
        }
    }
}

#[test]
fn a_server_that_is_away_is_a_warning() {
    let ground = Ground::all().pop().unwrap();
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let dead = socket.local_addr().unwrap().port();
    drop(socket);
    ground.control("resolvers", format!("127.0.0.1:{dead}\n"));
    let answer = ground.check(&["--dns"]);
    let line = format!("127.0.0.1:{dead}");
    assert!(
        answer.code == 1 && answer.out.starts_with(&format!("control/resolvers:1: warning: the name server {line} does not answer: ")),
        "{answer:?}"
    );
    assert!(
        answer.out.ends_with(&format!(
            "\n    {line}\n    {}\n    name servers that answer, a line each, in control/resolvers\n",
            "^".repeat(line.len())
        )),
        "{answer:?}"
    );
}

/// Puts a key where control/ has it.
fn key(ground: &Ground, selector: &str) {
    let directory = ground.root.join("control/dkim/example.org");
    std::fs::create_dir_all(&directory).unwrap();
    let name = format!("dkim/example.org/{selector}");
    ground.control(&name, pem("PRIVATE KEY", &Key::ed25519_from_seed(&[7; 32])));
    std::fs::set_permissions(ground.root.join("control").join(name), std::fs::Permissions::from_mode(0o400)).unwrap();
}

#[test]
fn the_record_of_each_key_is_compared_with_it() {
    let server = Server::start();
    for ground in Ground::all() {
        key(&ground, "good");
        assert_eq!(asked(&ground, &server), (0, String::new()));
        key(&ground, "test");
        let (code, out) = asked(&ground, &server);
        assert_eq!(code, 1, "{out}");
        assert!(
            out.contains("control/dkim/example.org/test: warning: its record test._domainkey.example.org says that it is a test"),
            "{out}"
        );
        for (selector, words) in [
            ("gone", "does not exist in the DNS"),
            ("kind", "names another kind of key"),
            ("other", "is that of another key"),
            ("revoked", "is revoked"),
            ("two", "has 2 records"),
            ("web", "is not for mail"),
        ] {
            key(&ground, selector);
            let (code, out) = asked(&ground, &server);
            let wanted = format!("{selector}._domainkey.example.org {words}");
            assert!(code == 100 && out.contains(&wanted) && out.contains(&format!("example.org {selector} prints")), "{out}");
            ground.remove(&format!("control/dkim/example.org/{selector}"));
        }
    }
}

#[test]
fn the_domain_of_rewritten_senders_must_lead_here() {
    let server = Server::start();
    for ground in Ground::all() {
        let said = |domain: &str| {
            ground.control("srsdomain", format!("{domain}\n"));
            asked(&ground, &server).1
        };
        let out = said("srs.example.org");
        assert!(!out.contains("SPF") && !out.contains("bounces to rewritten"), "{out}");
        let out = said("host.example.org");
        assert!(out.contains("host.example.org has no SPF record") && !out.contains("bounces to rewritten"), "{out}");
        for (domain, why) in [
            ("empty.example", "has no such record in the DNS"),
            ("nowhere.example", "does not exist in the DNS"),
            ("null.example", "takes no mail (null MX)"),
        ] {
            let out = said(domain);
            assert!(out.contains(&format!("error: {domain} {why}, so bounces to rewritten senders are lost")), "{out}");
        }
    }
}

#[test]
fn keys_and_secrets_that_control_asks_for_must_be_there() {
    for ground in Ground::all() {
        let out = |files: &[(&str, &str)]| {
            files.iter().for_each(|(name, text)| ground.control(name, text));
            let answer = ground.check(&[]);
            files.iter().for_each(|(name, _)| ground.remove(&format!("control/{name}")));
            // the service is not part of this instance
            assert_eq!(answer.code, 100, "{answer:?}");
            answer.out
        };
        key(&ground, "ed");
        let said = out(&[("dkimsign", "*example.org:example.org:ed,lost\n")]);
        assert!(said.contains("control/dkimsign:1: error: unable to read ") && said.contains("dkim/example.org/lost: "), "{said}");
        assert!(said.contains("it needs the service dkim") && !said.contains("example.org/ed:"), "{said}");
        // one of several that cannot be used is found, also where the line leaves the domain to the author
        key(&ground, "broken");
        ground.remove("control/dkim/example.org/broken");
        ground.control("dkim/example.org/broken", "rubbish");
        let broken = ground.root.join("control/dkim/example.org/broken");
        std::fs::set_permissions(&broken, std::fs::Permissions::from_mode(0o400)).unwrap();
        for line in ["*example.org:example.org:ed,broken\n", "*::ed,broken\n"] {
            let said = out(&[("dkimsign", line)]);
            assert!(said.contains("dkim/example.org/broken: it is no PEM text") && said.contains("take this selector out"), "{said}");
        }
        let said = out(&[("dkimsign", "example.org::ed\n*::ed,broken\n")]);
        assert!(!said.contains("broken: "), "{said}");
        let said = out(&[("arcseal", "*:example.org:ed\n")]);
        assert!(said.contains("this is no RSA key") && said.contains("nothing is sealed while dmarcbehavior is 0"), "{said}");
        let said = out(&[("srsdomain", "srs.example.org\n")]);
        assert!(said.contains("srssecrets holds no secret"), "{said}");
        let said = out(&[("srsdomain", "srs.example.org\n"), ("srssecrets", "short\nlong enough for anybody\n")]);
        assert!(said.contains("control/srssecrets:1: error: the secret is too short") && !said.contains("    short"), "{said}");
    }
}
