//! The resolver against unbound in front of nsd, both on loopback with high ports (Debian packages `unbound`, `nsd`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stafett_dns::{Kind, Outcome, Question, Record, Resolver};

const PATIENCE: Duration = Duration::from_secs(5);

const ZONE: &str = "$ORIGIN stafett.test.
$TTL 60
@       IN SOA ns hostmaster 1 3600 600 86400 60
        IN NS ns
        IN MX 10 mx1
        IN MX 5 mx0
        IN MX 20 alias
ns      IN A 127.0.0.1
mx0     IN A 192.0.2.10
        IN AAAA 2001:db8::10
mx1     IN A 192.0.2.11
alias   IN CNAME mx1
deep    IN CNAME alias
dangle  IN CNAME missing
null    IN MX 0 .
text    IN TXT \"one \" \"two\"
loop-a  IN CNAME loop-b
loop-b  IN CNAME loop-a
";

const REVERSE: &str = "$ORIGIN 2.0.192.in-addr.arpa.
$TTL 60
@       IN SOA ns.stafett.test. hostmaster.stafett.test. 1 3600 600 86400 60
        IN NS ns.stafett.test.
10      IN PTR mx0.stafett.test.
11      IN PTR stranger.stafett.test.
        IN PTR MX1.stafett.test.
12      IN PTR mx1.stafett.test.
13      IN PTR evil\\032name.stafett.test.
";

struct Servers {
    processes: Vec<Child>,
    resolver: Resolver,
    _directory: tempfile::TempDir,
}

impl Drop for Servers {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let _ = process.kill();
            let _ = process.wait();
        }
    }
}

fn free_port() -> u16 {
    UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

fn start(program: &str, arguments: &[&str]) -> Child {
    let started = Command::new(program).args(arguments).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).spawn();
    started.unwrap_or_else(|error| panic!("unable to start {program}: {error}; tests/run installs it"))
}

/// A TXT record set too big for a datagram of 1232 bytes.
fn big_texts() -> String {
    (0..30).map(|number| format!("big IN TXT \"{number:03}{}\"\n", "x".repeat(200))).collect()
}

fn servers() -> Servers {
    let directory = tempfile::tempdir().unwrap();
    let (nsd_port, unbound_port) = (free_port(), free_port());
    let path = |name: &str| directory.path().join(name).to_str().unwrap().to_owned();
    fs::write(path("zone"), format!("{ZONE}{}", big_texts())).unwrap();
    fs::write(path("reverse"), REVERSE).unwrap();
    fs::write(path("nsd.conf"), nsd_configuration(directory.path(), nsd_port)).unwrap();
    fs::write(path("unbound.conf"), unbound_configuration(directory.path(), unbound_port, nsd_port)).unwrap();
    let processes =
        vec![start("/usr/sbin/nsd", &["-d", "-c", &path("nsd.conf")]), start("/usr/sbin/unbound", &["-d", "-c", &path("unbound.conf")])];
    let address: SocketAddr = ([127, 0, 0, 1], unbound_port).into();
    let servers = Servers { processes, resolver: Resolver::new(vec![address]), _directory: directory };
    wait_until_up(&servers.resolver);
    servers
}

fn nsd_configuration(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    format!(
        "server:
  ip-address: 127.0.0.1@{port}
  username: \"\"
  chroot: \"\"
  zonesdir: \"{directory}\"
  database: \"\"
  pidfile: \"{directory}/nsd.pid\"
  xfrdfile: \"{directory}/xfrd.state\"
  zonelistfile: \"{directory}/zone.list\"
  xfrdir: \"{directory}\"
  server-count: 1
remote-control:
  control-enable: no
zone:
  name: stafett.test
  zonefile: zone
zone:
  name: 2.0.192.in-addr.arpa
  zonefile: reverse
"
    )
}

fn unbound_configuration(directory: &Path, port: u16, nsd_port: u16) -> String {
    let directory = directory.display();
    format!(
        "server:
  interface: 127.0.0.1
  port: {port}
  username: \"\"
  chroot: \"\"
  directory: \"{directory}\"
  pidfile: \"{directory}/unbound.pid\"
  use-syslog: no
  do-daemonize: no
  num-threads: 1
  do-not-query-localhost: no
  module-config: \"iterator\"
  local-zone: \"test.\" nodefault
  local-zone: \"2.0.192.in-addr.arpa.\" nodefault
remote-control:
  control-enable: no
stub-zone:
  name: stafett.test
  stub-addr: 127.0.0.1@{nsd_port}
stub-zone:
  name: 2.0.192.in-addr.arpa
  stub-addr: 127.0.0.1@{nsd_port}
"
    )
}

fn wait_until_up(resolver: &Resolver) {
    let question = Question::new("mx0.stafett.test", Kind::A).unwrap();
    let start = Instant::now();
    while !matches!(resolver.ask(&question, Duration::from_secs(1)), Outcome::Answer(_)) {
        assert!(start.elapsed() < Duration::from_secs(15), "unbound and nsd did not come up");
        sleep(Duration::from_millis(50));
    }
}

#[test]
fn unbound_and_nsd() {
    let servers = servers();
    let resolver = &servers.resolver;
    let ask = |name: &str, kind| resolver.ask(&Question::new(name, kind).unwrap(), PATIENCE);
    let name = |text: &str| Question::new(text, Kind::A).unwrap().name;

    let exchangers = resolver.exchangers(&name("stafett.test"), PATIENCE);
    let expected = [(5, "mx0"), (10, "mx1"), (20, "alias")].map(|(p, host)| (p, name(&format!("{host}.stafett.test"))));
    assert_eq!(exchangers, Outcome::Answer(expected.to_vec()));

    let Outcome::Answer(addresses) = resolver.addresses(&name("mx0.stafett.test"), PATIENCE) else { panic!("no addresses") };
    assert_eq!(addresses, ["2001:db8::10".parse::<std::net::IpAddr>().unwrap(), "192.0.2.10".parse().unwrap()]);

    let Outcome::Answer(answer) = ask("deep.stafett.test", Kind::A) else { panic!("no alias") };
    assert_eq!(answer.owner, name("mx1.stafett.test"));

    assert_eq!(ask("missing.stafett.test", Kind::Mx), Outcome::NoSuchName);
    assert_eq!(ask("dangle.stafett.test", Kind::A), Outcome::NoSuchName);
    assert_eq!(ask("mx1.stafett.test", Kind::Mx), Outcome::NoData);
    assert_eq!(resolver.addresses(&name("text.stafett.test"), PATIENCE), Outcome::NoData);
    assert_eq!(resolver.addresses(&name("missing.stafett.test"), PATIENCE), Outcome::NoSuchName);
    assert!(matches!(ask("loop-a.stafett.test", Kind::A), Outcome::Temporary(_)));

    let Outcome::Answer(nothing) = ask("null.stafett.test", Kind::Mx) else { panic!("no null MX") };
    assert!(matches!(nothing.records.as_slice(), [Record::Mx { preference: 0, exchange }] if exchange.is_root()));

    let Outcome::Answer(text) = ask("text.stafett.test", Kind::Txt) else { panic!("no text") };
    assert_eq!(text.records, [Record::Txt(b"one two".to_vec())]);

    let Outcome::Answer(big) = ask("big.stafett.test", Kind::Txt) else { panic!("no answer over TCP") };
    assert_eq!(big.records.len(), 30);

    reverse_names(resolver);
    lifetimes(resolver);
}

/// unbound counts down what it remembers; nsd gave 60 seconds to all of it, and a minute to what is absent.
fn lifetimes(resolver: &Resolver) {
    let names =
        [("mx0.stafett.test", Kind::A), ("deep.stafett.test", Kind::A), ("absent.stafett.test", Kind::A), ("mx1.stafett.test", Kind::Txt)];
    let questions: Vec<Question> = names.iter().map(|(name, kind)| Question::new(name, *kind).unwrap()).collect();
    for (timed, (name, _)) in resolver.ask_all_timed(&questions, PATIENCE).iter().zip(&names) {
        assert!(timed.lifetime.is_some_and(|life| life <= Duration::from_secs(60)), "{name}: {timed:?}");
    }
    let broken = resolver.ask_all_timed(&[Question::new("loop-a.stafett.test", Kind::A).unwrap()], PATIENCE);
    assert!(broken.iter().all(|timed| timed.lifetime.is_none()), "{broken:?}");
}

fn reverse_names(resolver: &Resolver) {
    let name_of = |address: &str| match resolver.confirmed_name_of(address.parse().unwrap(), PATIENCE) {
        Outcome::Answer(found) => Some((found.name, found.confirmed)),
        _ => None,
    };
    assert_eq!(name_of("192.0.2.10"), Some(("mx0.stafett.test".to_owned(), true)));
    assert_eq!(name_of("::ffff:192.0.2.11"), Some(("mx1.stafett.test".to_owned(), true)));
    assert_eq!(name_of("192.0.2.12"), Some(("mx1.stafett.test".to_owned(), false)));
    assert_eq!(name_of("192.0.2.13"), None);
    assert_eq!(name_of("192.0.2.14"), None);
}
