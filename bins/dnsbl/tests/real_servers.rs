//! The service behind unbound in front of nsd, both on loopback with high ports (Debian packages `unbound`, `nsd`).

#![allow(clippy::unwrap_used, clippy::panic)] // a test that cannot go on has failed

mod support;

use std::fs;
use std::net::{SocketAddr, UdpSocket};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use stafett_dns::{Kind, Outcome, Question, Resolver};
use support::{Instance, PATIENCE, found};

const ZONE: &str = "$TTL 300
@ IN SOA ns.lists.test. hostmaster.lists.test. 1 3600 600 86400 300
@ IN NS ns.lists.test.
";

/// Zones with their records.
const ZONES: &[(&str, &str)] = &[
    ("lists.test", "ns IN A 127.0.0.1\n"),
    (
        "bl.lists.test",
        "66.2.0.192 IN A 127.0.0.2\n66.2.0.192 IN A 127.0.0.10\n66.2.0.192 IN TXT \"Blocked, see http://bl.example/?192.0.2.66\"\n\
         6.6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2 IN A 127.0.0.2\n7.2.0.192 IN A 127.0.0.3\n",
    ),
    ("allow.lists.test", "7.2.0.192 IN A 127.0.0.1\n"),
    ("refuse.lists.test", "*.2.0.192 IN A 127.255.255.254\n"),
    ("score.lists.test", "8.2.0.192 IN A 127.0.0.4\n66.2.0.192 IN A 127.0.0.4\n"),
    ("rhs.lists.test", "bad.sender.test IN A 127.0.1.2\nbad.sender.test IN TXT \"bad domain\"\n"),
    ("sender.test", "@ IN MX 10 mx\nmx IN A 192.0.2.25\nnull IN MX 0 .\nhost IN AAAA 2001:db8::25\nonly IN TXT \"text\"\n"),
    ("2.0.192.in-addr.arpa", "25 IN PTR mx.sender.test.\n26 IN PTR mx.sender.test.\n"),
];

struct Servers {
    processes: Vec<Child>,
    address: SocketAddr,
    /// Never answers; held so that nobody else gets its port.
    _dead: UdpSocket,
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

fn start(program: &str, configuration: &Path) -> Child {
    let mut command = Command::new(program);
    command.arg("-d").arg("-c").arg(configuration).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command.spawn().unwrap_or_else(|error| panic!("unable to start {program}: {error}; tests/run installs it"))
}

fn servers() -> Servers {
    let place = tempfile::tempdir().unwrap();
    let directory = place.path().display();
    let dead = UdpSocket::bind("127.0.0.1:0").unwrap();
    let (nsd_port, port, dead_port) = (free_port(), free_port(), dead.local_addr().unwrap().port());
    let mut nsd = format!(
        "server:\n ip-address: 127.0.0.1@{nsd_port}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{directory}\"\n database: \"\"\n \
         pidfile: \"{directory}/nsd.pid\"\n xfrdfile: \"{directory}/xfrd.state\"\n zonelistfile: \"{directory}/zone.list\"\n \
         xfrdir: \"{directory}\"\n server-count: 1\nremote-control:\n control-enable: no\n"
    );
    let mut unbound = format!(
        "server:\n interface: 127.0.0.1\n port: {port}\n username: \"\"\n chroot: \"\"\n directory: \"{directory}\"\n pidfile: \"\"\n \
         use-syslog: no\n do-daemonize: no\n do-not-query-localhost: no\n num-threads: 1\n module-config: iterator\n \
         local-zone: test. nodefault\n local-zone: 2.0.192.in-addr.arpa. nodefault\n outgoing-range: 64\n so-rcvbuf: 0\n so-sndbuf: 0\n\
         remote-control:\n control-enable: no\nstub-zone:\n name: dead.lists.test\n stub-addr: 127.0.0.1@{dead_port}\n"
    );
    for (zone, records) in ZONES {
        fs::write(place.path().join(zone), format!("{ZONE}{records}")).unwrap();
        nsd.push_str(&format!("zone:\n name: {zone}\n zonefile: {zone}\n"));
        unbound.push_str(&format!("stub-zone:\n name: {zone}\n stub-addr: 127.0.0.1@{nsd_port}\n"));
    }
    fs::write(place.path().join("nsd.conf"), nsd).unwrap();
    fs::write(place.path().join("unbound.conf"), unbound).unwrap();
    let processes =
        vec![start("/usr/sbin/nsd", &place.path().join("nsd.conf")), start("/usr/sbin/unbound", &place.path().join("unbound.conf"))];
    let servers = Servers { processes, address: ([127, 0, 0, 1], port).into(), _dead: dead, _directory: place };
    let (resolver, begin) = (Resolver::new(vec![servers.address]), Instant::now());
    let question = Question::new("mx.sender.test", Kind::A).unwrap();
    while !matches!(resolver.ask(&question, Duration::from_secs(1)), Outcome::Answer(_)) {
        assert!(begin.elapsed() < PATIENCE, "unbound and nsd did not come up");
        std::thread::sleep(Duration::from_millis(50));
    }
    servers
}

#[test]
fn zones_of_nsd_behind_unbound() {
    let servers = servers();
    let lists = "+allow.lists.test\nrefuse.lists.test\nbl.lists.test\n-score.lists.test=6\n-score.lists.test=5:scored\ndead.lists.test\n";
    let files = [("dnsbllist", lists), ("rhsbllist", "-rhs.lists.test\n"), ("dnsbltimeout", "4\n")];
    let instance = Instance::started(servers.address, &files);
    let text = "Blocked, see http://bl.example/?192.0.2.66";
    assert_eq!(instance.client("192.0.2.66"), found("Z", "control/dnsbllist:3", text));
    assert_eq!(instance.client("2001:db8::66"), found("Z", "control/dnsbllist:3", "your address is listed by bl.lists.test"));
    assert_eq!(instance.client("192.0.2.7"), found("K", "control/dnsbllist:1", "in the allow list allow.lists.test"));
    let score = found("D", "control/dnsbllist:4,control/dnsbllist:5", "your address is listed by score.lists.test; scored");
    assert_eq!(instance.client("192.0.2.8"), score);
    assert_eq!(instance.client("2001:db8::7"), found("K", "", ""));
    let log = instance.log();
    for words in ["the list refuse.lists.test is left out for now: it refuses", "the list dead.lists.test is left out for now: it does not"]
    {
        assert_eq!(log.matches(words).count(), 1, "{words}: {log}");
    }
    assert_eq!(instance.look("", "", "bad.sender.test", "sender"), found("D", "control/rhsbllist:1", "bad domain"));
    assert_eq!(instance.look("", "bad.sender.test", "", "helo"), found("D", "control/rhsbllist:1", "bad domain"));
    assert_eq!(instance.look("192.0.2.25", "", "", "reverse"), found("K", "confirmed", "mx.sender.test"));
    assert_eq!(instance.look("192.0.2.26", "", "", "reverse"), found("D", "unconfirmed", "mx.sender.test"));
    assert_eq!(instance.look("192.0.2.27", "", "", "reverse"), found("D", "none", ""));
    for (domain, letter, word) in [
        ("sender.test", "K", "mx"),
        ("host.sender.test", "K", "address"),
        ("null.sender.test", "D", "null-mx"),
        ("only.sender.test", "D", "no-host"),
        ("absent.sender.test", "D", "no-domain"),
    ] {
        let (found, rule, _) = instance.look("", "", domain, "domain");
        assert_eq!((found.as_str(), rule.as_str()), (letter, word), "{domain}");
    }
}
