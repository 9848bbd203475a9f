//! Hosts of others: HTTPS servers with certificates of an authority of ours, and a name server.
#![allow(dead_code, clippy::unwrap_used, clippy::panic, reason = "a test fails by panic; no test file uses all helpers")]

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::UdpSocket;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread::sleep;
use std::time::{Duration, Instant};

use domain::base::iana::{Rcode, Rtype};
use domain::base::message_builder::AnswerBuilder;
use domain::base::name::ToName;
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::{A, Mx, Txt};

/// Longer than any wait that a test provokes.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// Names of policy hosts that the authority's certificate holds.
const NAMES: &str = "DNS:mta-sts.a.test,DNS:mta-sts.b.test,DNS:mta-sts.c.test,DNS:mta-sts.d.test,DNS:reports.test,DNS:mx.a.test";

type Table = Arc<Mutex<HashMap<String, Vec<String>>>>;

/// All of it.
pub struct World {
    server: Child,
    directory: tempfile::TempDir,
    table: Table,
    /// The line for control/resolvers.
    pub resolvers: String,
    /// The line for control/httpsproxy.
    pub proxy: String,
}

impl World {
    pub fn new() -> World {
        World::reached_by(&[])
    }

    /// Hosts without a proxy, on port 443 of loopback: for a network that the test has for itself.
    pub fn direct() -> World {
        let mut world = World::reached_by(&["direct"]);
        world.proxy.clear();
        world
    }

    fn reached_by(way: &[&str]) -> World {
        let directory = tempfile::tempdir().unwrap();
        make_certificates(&directory.path().join("certs"));
        let program = concat!(env!("CARGO_MANIFEST_DIR"), "/../../bins/mtasts/tests/support/host.py");
        let mut command = Command::new("python3");
        command.arg(program).arg(directory.path()).args(way).stdin(Stdio::null()).stdout(Stdio::piped());
        let mut server = command.spawn().unwrap();
        let mut port = String::new();
        BufReader::new(server.stdout.take().unwrap()).read_line(&mut port).unwrap();
        let table = Table::default();
        let resolvers = name_server(Arc::clone(&table));
        World { server, directory, table, resolvers, proxy: format!("127.0.0.1:{}\n", port.trim()) }
    }

    /// The authority, for control/tlsauthorities.
    pub fn authority(&self) -> String {
        fs::read_to_string(self.path("certs/ca.pem")).unwrap()
    }

    /// Lets an instance that does not serve yet find them, and trust the authority.
    pub fn settle(&self, instance: &Path) {
        let authorities = instance.join("authorities.pem");
        fs::write(&authorities, self.authority()).unwrap();
        let authorities = authorities.to_str().unwrap();
        for (name, text) in [("resolvers", self.resolvers.as_str()), ("httpsproxy", &self.proxy), ("tlsauthorities", authorities)] {
            fs::write(instance.join("control").join(name), text).unwrap();
        }
    }

    /// Gives a name these records: TXT, but `mx 10 host` and `a address` are what they say, `silent` and `servfail` none.
    pub fn text(&self, name: &str, records: &[&str]) {
        self.table.lock().unwrap().insert(name.to_owned(), records.iter().map(|record| (*record).to_owned()).collect());
    }

    /// Lets a host answer so, bytes as they stand.
    pub fn answer(&self, host: &str, bytes: impl AsRef<[u8]>) {
        // Whole or not at all: the host may be reading.
        fs::write(self.path("new"), bytes).unwrap();
        fs::rename(self.path("new"), self.path(host)).unwrap();
    }

    /// Lets the policy host of a domain send this text as text/plain, and announces it under that id.
    pub fn policy(&self, domain: &str, id: &str, policy: &str) {
        self.answer(&format!("mta-sts.{domain}"), text_plain(policy));
        self.text(&format!("_mta-sts.{domain}"), &[&format!("v=STSv1; id={id};")]);
    }

    /// A mark that changes how a host behaves: `slow`, `never`, `deaf`.
    pub fn mark(&self, host: &str, how: &str) {
        fs::write(self.path(&format!("{host}.{how}")), "").unwrap();
    }

    /// Takes the mark back.
    pub fn unmark(&self, host: &str, how: &str) {
        fs::remove_file(self.path(&format!("{host}.{how}"))).unwrap();
    }

    /// Gives a host another of the certificates: `other`, `expired`, `alone`.
    pub fn certificate(&self, host: &str, which: &str) {
        fs::copy(self.path(&format!("certs/{which}.pem")), self.path(&format!("certs/{host}.pem"))).unwrap();
    }

    /// How many lines of the log begin so.
    pub fn requests(&self, begin: &str) -> usize {
        self.log().lines().filter(|line| line.starts_with(begin)).count()
    }

    pub fn log(&self) -> String {
        fs::read_to_string(self.path("log")).unwrap_or_default()
    }

    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }
}

impl Drop for World {
    fn drop(&mut self) {
        let _ = self.server.kill();
        let _ = self.server.wait();
    }
}

pub fn text_plain(text: &str) -> String {
    format!("HTTP/1.1 200 OK\r\nContent-Type: text/plain; charset=utf-8\r\nContent-Length: {}\r\n\r\n{text}", text.len())
}

/// Waits until it is so.
pub fn wait_until(what: &str, mut is_so: impl FnMut() -> bool) {
    let begin = Instant::now();
    while !is_so() {
        assert!(begin.elapsed() < PATIENCE, "{what}");
        sleep(Duration::from_millis(20));
    }
}

/// ca.pem; default.pem by it for all good names, other.pem for another name, expired.pem, and alone.pem, which nobody vouches for.
fn make_certificates(directory: &Path) {
    fs::create_dir(directory).unwrap();
    let path = |name: &str| directory.join(name).to_str().unwrap().to_owned();
    let (ca, ca_key) = (path("ca.pem"), path("ca.key"));
    let ec = ["req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"];
    openssl(&[&ec[..], &["-days", "9", "-subj", "/CN=Authority", "-keyout", &ca_key, "-out", &ca]].concat());
    for (name, names, is_past) in [("default", NAMES, false), ("other", "DNS:other.test", false), ("expired", NAMES, true)] {
        let (key, certificate, names) = (path("key"), path("cert"), format!("subjectAltName={names}"));
        let signed = ["-CA", &ca, "-CAkey", &ca_key, "-subj", "/CN=Host", "-addext", &names, "-addext", "basicConstraints=CA:FALSE"];
        let all = [&ec[..], &signed, &["-days", "5", "-keyout", &key, "-out", &certificate]].concat();
        if is_past {
            past_openssl(&all)
        } else {
            openssl(&all)
        }
        join(&path(&format!("{name}.pem")), &key, &certificate);
    }
    let (key, certificate, names) = (path("key"), path("cert"), format!("subjectAltName={NAMES}"));
    openssl(&[&ec[..], &["-days", "5", "-subj", "/CN=Host", "-addext", &names, "-keyout", &key, "-out", &certificate]].concat());
    join(&path("alone.pem"), &key, &certificate);
}

fn join(to: &str, key: &str, certificate: &str) {
    fs::write(to, [fs::read(key).unwrap(), fs::read(certificate).unwrap()].concat()).unwrap();
}

fn openssl(arguments: &[&str]) {
    succeed(Command::new("openssl").args(arguments), arguments);
}

/// faketime names a semaphore by the number of its process, and stumbles over one that was left by another of that number.
fn past_openssl(arguments: &[&str]) {
    let run = || Command::new("faketime").args(["2020-01-01", "openssl"]).args(arguments).output().unwrap();
    assert!((0..20).any(|_| run().status.success()), "faketime openssl {arguments:?}: {}", String::from_utf8_lossy(&run().stderr));
}

fn succeed(command: &mut Command, arguments: &[&str]) {
    let output = command.output().unwrap();
    assert!(output.status.success(), "openssl {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
}

fn name_server(table: Table) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    std::thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let query = Message::from_octets(buffer[..length].to_vec()).unwrap();
            if let Some(reply) = reply(&query, &table.lock().unwrap()) {
                let _ = socket.send_to(&reply, peer);
            }
        }
    });
    format!("{address}\n")
}

fn reply(query: &Message<Vec<u8>>, table: &HashMap<String, Vec<String>>) -> Option<Vec<u8>> {
    let question = query.sole_question().unwrap();
    let name: Name<Vec<u8>> = question.qname().to_name();
    let records = table.get(&name.to_string().to_ascii_lowercase());
    let has = |word: &str| records.is_some_and(|records| records.iter().any(|record| record == word));
    let rcode = match records {
        _ if has("silent") => return None,
        _ if has("servfail") => Rcode::SERVFAIL,
        Some(_) => Rcode::NOERROR,
        None => Rcode::NXDOMAIN,
    };
    let mut reply = MessageBuilder::new_vec().start_answer(query, rcode).unwrap();
    for text in records.into_iter().flatten().filter(|_| rcode == Rcode::NOERROR) {
        let ttl = Ttl::from_secs(1);
        match (&text.split(' ').collect::<Vec<_>>()[..], question.qtype()) {
            (["mx", preference, host], Rtype::MX) => {
                let host: Name<Vec<u8>> = host.parse().unwrap();
                reply.push((&name, ttl, Mx::new(preference.parse().unwrap(), host))).unwrap();
            }
            (["a", address], Rtype::A) => reply.push((&name, ttl, A::new(address.parse().unwrap()))).unwrap(),
            (["mx" | "a", ..], _) => {}
            (_, Rtype::TXT) => push_text(&mut reply, &name, ttl, text),
            _ => {}
        }
    }
    Some(reply.finish())
}

fn push_text(reply: &mut AnswerBuilder<Vec<u8>>, name: &Name<Vec<u8>>, ttl: Ttl, text: &str) {
    let data: Vec<u8> = text.as_bytes().chunks(255).flat_map(|part| [&[u8::try_from(part.len()).unwrap()], part].concat()).collect();
    reply.push((name, ttl, Txt::from_octets(data).unwrap())).unwrap();
}
