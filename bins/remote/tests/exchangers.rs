//! Every case of MX records, as nsd publishes them and unbound resolves them (Debian packages `nsd` and `unbound`).
#![allow(clippy::unwrap_used, clippy::panic, reason = "a test fails by panic")]

mod support;

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use stafett_wire::delivery::{Kind, Report};
use support::receivers::{installed, skip};
use support::server::{self, Action, reply};
use support::{Remote, Scope, Verdict, only};

const MESSAGE: &[u8] = b"Subject: x\r\n\r\nbody\r\n";

/// Hosts good, other and bad are 127.0.0.2, .3 and .4; dead has no server.
const ZONE: &str = "$ORIGIN mx.test.
$TTL 60
@         IN SOA ns hostmaster 1 3600 600 86400 60
          IN NS ns
ns        IN A 127.0.0.1
good      IN A 127.0.0.2
other     IN A 127.0.0.3
bad       IN A 127.0.0.4
dead      IN A 127.0.0.9
both      IN A 127.0.0.2
          IN AAAA ::ffff:127.0.0.9
six       IN AAAA ::1
text      IN TXT \"nothing else\"
order     IN MX 30 bad
          IN MX 10 good
          IN MX 20 other
backup    IN MX 10 dead
          IN MX 20 bad
          IN MX 30 other
implicit  IN A 127.0.0.2
only6     IN AAAA ::1
null      IN MX 0 .
nullplus  IN MX 0 .
          IN MX 10 good
cname     IN CNAME implicit
viacname  IN MX 10 alias
alias     IN CNAME good
loop      IN CNAME pool
pool      IN CNAME loop
mxloop    IN MX 10 loop
mxnone    IN MX 10 missing
mxtext    IN MX 10 text
mxhalf    IN MX 10 missing
          IN MX 20 good
address   IN MX 10 127.0.0.2.
mxours    IN MX 10 relay.test.
          IN MX 20 good
mxthird   IN MX 10 good
          IN MX 20 relay.test.
          IN MX 30 bad
mapped    IN MX 10 both
twice     IN MX 10 dead
          IN MX 20 dead
          IN MX 30 good
*.wild    IN MX 10 good
";

struct Names {
    processes: Vec<Child>,
    line: String,
    _place: tempfile::TempDir,
}

impl Drop for Names {
    fn drop(&mut self) {
        for process in &mut self.processes {
            let pid = stafett_sys::process::Pid(i32::try_from(process.id()).unwrap());
            let _ = stafett_sys::process::kill(pid, stafett_sys::signal::Signal::Terminate);
            let _ = process.wait();
        }
    }
}

/// A hundred MX hosts without addresses, or a hundred with the best one alive.
fn hundreds() -> String {
    let line = |number: usize| {
        format!(
            "hundred IN MX {} {}\ncrowd IN MX 10 none{number}\n",
            10 + number,
            if number == 0 { "good".into() } else { format!("none{number}") }
        )
    };
    (0..100).map(line).collect()
}

fn start(program: &Path, directory: &Path, name: &str) -> Child {
    let log = fs::File::create(directory.join(format!("{name}.log"))).unwrap();
    let mut command = Command::new(program);
    command.arg("-d").arg("-c").arg(directory.join(name)).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log).spawn().unwrap()
}

fn names() -> Option<Names> {
    let (nsd, unbound) = (installed("nsd")?, installed("unbound")?);
    let place = tempfile::tempdir().unwrap();
    let port = || UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let (back, front, directory) = (port(), port(), place.path().display());
    fs::write(place.path().join("zone"), format!("{ZONE}{}", hundreds())).unwrap();
    let common = "username: \"\"\n chroot: \"\"\n";
    let nsd_conf = format!(
        "server:\n ip-address: 127.0.0.1@{back}\n {common} zonesdir: \"{directory}\"\n database: \"\"\n pidfile: \"{directory}/nsd.pid\"\n \
         xfrdfile: \"{directory}/xfrd.state\"\n zonelistfile: \"{directory}/zone.list\"\n xfrdir: \"{directory}\"\n server-count: 1\n\
         remote-control:\n control-enable: no\nzone:\n name: mx.test\n zonefile: zone\n"
    );
    let unbound_conf = format!(
        "server:\n interface: 127.0.0.1\n port: {front}\n {common} directory: \"{directory}\"\n pidfile: \"\"\n use-syslog: no\n num-threads: 1\n \
         do-not-query-localhost: no\n module-config: iterator\n local-zone: . static\n local-zone: mx.test. transparent\nremote-control:\n control-enable: no\n\
         stub-zone:\n name: mx.test\n stub-addr: 127.0.0.1@{back}\n"
    );
    fs::write(place.path().join("nsd.conf"), nsd_conf).unwrap();
    fs::write(place.path().join("unbound.conf"), unbound_conf).unwrap();
    let processes = vec![start(&nsd, place.path(), "nsd.conf"), start(&unbound, place.path(), "unbound.conf")];
    let names = Names { processes, line: format!("127.0.0.1:{front}\n"), _place: place };
    names.wait();
    Some(names)
}

impl Names {
    /// Until the address of good.mx.test is known.
    fn wait(&self) {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(200))).unwrap();
        let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x04good\x02mx\x04test\x00\x00\x01\x00\x01";
        let start = Instant::now();
        loop {
            let _ = socket.send_to(question, self.line.trim_end());
            let mut answer = [0; 512];
            if socket.recv(&mut answer).is_ok_and(|count| answer[..count].ends_with(&[127, 0, 0, 2])) {
                return;
            }
            assert!(start.elapsed() < Duration::from_secs(15), "nsd and unbound do not answer");
            sleep(Duration::from_millis(20));
        }
    }
}

#[test]
fn mx_records_of_every_kind() {
    let Some(names) = names() else { return skip("mx_records_of_every_kind", "needs nsd and unbound") };
    let remote = Remote::start(&[("resolvers", &names.line), ("timeoutconnect", "3\n")]);
    let good = server::start_at("127.0.0.2:0".parse().unwrap(), |_, _| Action::Default);
    let _other = server::start_at(([127, 0, 0, 3], good.port).into(), |_, _| Action::Default);
    let _bad = server::start_at(([127, 0, 0, 4], good.port).into(), |_, _| reply("554 go away"));
    let send = |domain: &str| -> Report { remote.to(Kind::Mx, &format!("{domain}.mx.test"), good.port).send(&["b@to.test"], MESSAGE) };
    for (domain, host) in [
        ("order", "127.0.0.2"),
        ("backup", "127.0.0.3"),
        ("implicit", "127.0.0.2"),
        ("cname", "127.0.0.2"),
        ("viacname", "127.0.0.2"),
        // Not as RFC 7505 has it: the other records count.
        ("nullplus", "127.0.0.2"),
        ("mxhalf", "127.0.0.2"),
        ("mxthird", "127.0.0.2"),
        ("mapped", "127.0.0.2"),
        ("twice", "127.0.0.2"),
        ("any.wild", "127.0.0.2"),
        ("hundred", "127.0.0.2"),
    ] {
        let report = send(domain);
        assert!(only(&report).1.starts_with(&format!("{host} accepted message.")), "{domain}: {report:?}");
    }
    for (domain, status) in [("null", "#5.1.10"), ("absent", "#5.1.2"), ("text", "#5.4.4")] {
        let report = send(domain);
        assert!(only(&report).0 == Verdict::Permanent && report.scope == Scope::Message, "{domain}: {report:?}");
        assert!(only(&report).1.contains(status), "{domain}: {report:?}");
    }
    for (domain, words) in [
        ("loop", "DNS look-up of"),
        ("mxloop", "DNS look-up of"),
        ("mxnone", "None of the MX hosts"),
        ("mxtext", "None of the MX hosts"),
        // An address where a name should be: an owner can mend that.
        ("address", "None of the MX hosts"),
        ("crowd", "None of the MX hosts"),
        ("mxours", "This host is the best MX"),
    ] {
        let report = send(domain);
        assert!(only(&report).0 == Verdict::Temporary && report.scope == Scope::Destination, "{domain}: {report:?}");
        assert!(only(&report).1.contains(words), "{domain}: {report:?}");
    }
}

#[test]
fn a_host_with_ipv6_alone() {
    let Some(names) = names() else { return skip("a_host_with_ipv6_alone", "needs nsd and unbound") };
    if std::net::TcpListener::bind("[::1]:0").is_err() {
        return skip("a_host_with_ipv6_alone", "needs IPv6 on loopback");
    }
    let remote = Remote::start(&[("resolvers", &names.line)]);
    let server = server::start_at("[::1]:0".parse().unwrap(), |_, _| Action::Default);
    let report = remote.to(Kind::Mx, "only6.mx.test", server.port).send(&["b@to.test"], MESSAGE);
    assert!(only(&report).1.starts_with("::1 accepted message."), "{report:?}");
}
