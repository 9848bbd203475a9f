//! Where mail goes by DNS: nsd's zones behind unbound, both on loopback. Needs root: an MX has no port, and none of our own
//! addresses is taken for another host, so the sinks listen on port 25 in a network namespace.

use stafett_test_e2e::{
    Act, Client, Elsewhere, Sink, Site, Supervisor, free_port, has, is_root, message, scratch, skip, transfer, wait_until,
};
use std::fs;
use std::io::Write;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Mutex;
use std::time::Duration;

const ZONE: &str = "$ORIGIN zone.test.
$TTL 60
@        IN SOA ns hostmaster 1 3600 600 86400 60
         IN NS ns
ns       IN A 127.0.0.1
first    IN A 198.18.25.1
second   IN A 198.18.25.2
dead     IN A 198.18.25.99
two      IN MX 20 second
two      IN MX 10 first
backup   IN MX 10 dead
backup   IN MX 20 second
implicit IN A 198.18.25.1
null     IN MX 0 .
cname    IN CNAME implicit
viacname IN MX 5 alias
alias    IN CNAME second
empty    IN TXT \"nothing else\"
ours     IN MX 10 here
kept     IN MX 10 third
kept     IN MX 20 here
kept     IN MX 30 second
third    IN A 198.18.25.3
here     IN A 198.18.25.254
broken   IN NS ns.broken
ns.broken IN A 198.18.25.98
";

/// The zone's addresses are one set for the whole machine.
static ADDRESSES: Mutex<()> = Mutex::new(());

/// unbound in front of nsd.
pub struct Resolver {
    children: Vec<Child>,
    port: u16,
    _place: tempfile::TempDir,
}

impl Resolver {
    fn start() -> Resolver {
        Resolver::serving(&[])
    }

    /// One that serves these zones, names and contents, beside our own.
    pub fn serving(zones: &[(&str, String)]) -> Resolver {
        let place = scratch();
        let (nsd_port, port) = (free_port(), free_port());
        let directory = place.path().display();
        fs::write(place.path().join("zone"), ZONE).unwrap();
        fs::write(
            place.path().join("nsd.conf"),
            format!(
                "server:\n ip-address: 127.0.0.1@{nsd_port}\n username: \"\"\n chroot: \"\"\n zonesdir: \"{directory}\"\n database: \"\"\n \
                 pidfile: \"{directory}/nsd.pid\"\n xfrdfile: \"{directory}/xfrd.state\"\n zonelistfile: \"{directory}/zone.list\"\n \
                 xfrdir: \"{directory}\"\n server-count: 1\nremote-control:\n control-enable: no\nzone:\n name: zone.test\n zonefile: zone\n"
            ),
        )
        .unwrap();
        fs::write(
            place.path().join("unbound.conf"),
            format!(
                "server:\n interface: 127.0.0.1\n port: {port}\n username: \"\"\n chroot: \"\"\n directory: \"{directory}\"\n pidfile: \"\"\n \
                 use-syslog: no\n do-not-query-localhost: no\n num-threads: 1\n module-config: iterator\n local-zone: test. nodefault\n \
                 outgoing-range: 64\n so-rcvbuf: 0\n so-sndbuf: 0\nremote-control:\n control-enable: no\n\
                 stub-zone:\n name: zone.test\n stub-addr: 127.0.0.1@{nsd_port}\n"
            ),
        )
        .unwrap();
        for (zone, records) in zones {
            fs::write(place.path().join(zone), records).unwrap();
            append(&place.path().join("nsd.conf"), &format!("zone:\n name: {zone}\n zonefile: {zone}\n"));
            let stub = format!("server:\n local-zone: {zone}. nodefault\nstub-zone:\n name: {zone}\n stub-addr: 127.0.0.1@{nsd_port}\n");
            append(&place.path().join("unbound.conf"), &stub);
        }
        let start = |name: &str, file: &str| {
            let program = has(name).unwrap();
            let mut command = Command::new(program);
            command.arg("-d").arg("-c").arg(place.path().join(file)).stdin(Stdio::null()).stdout(Stdio::null());
            command.stderr(fs::File::create(place.path().join(format!("{name}.log"))).unwrap()).spawn().unwrap()
        };
        let children = vec![start("nsd", "nsd.conf"), start("unbound", "unbound.conf")];
        let resolver = Resolver { children, port, _place: place };
        assert!(wait_until(15, || resolver.answers()), "nsd and unbound do not answer");
        resolver
    }

    /// Asks for the A record of first.zone.test.
    fn answers(&self) -> bool {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        socket.set_read_timeout(Some(Duration::from_millis(300))).unwrap();
        let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x05first\x04zone\x04test\x00\x00\x01\x00\x01";
        let _ = socket.send_to(question, ("127.0.0.1", self.port));
        let mut answer = [0; 512];
        socket.recv(&mut answer).is_ok_and(|count| answer[..count].ends_with(&[198, 18, 25, 1]))
    }

    /// The line of control/resolvers.
    pub fn line(&self) -> String {
        format!("127.0.0.1:{}\n", self.port)
    }
}

impl Drop for Resolver {
    fn drop(&mut self) {
        for child in &mut self.children {
            // nsd forks; TERM lets it end its children.
            stafett_test_e2e::signal(i32::try_from(child.id()).unwrap(), stafett_test_e2e::Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

fn append(path: &Path, text: &str) {
    let mut file = fs::OpenOptions::new().append(true).open(path).unwrap();
    file.write_all(text.as_bytes()).unwrap();
}

fn can_run(test: &str) -> bool {
    if !is_root() || has("nsd").is_none() || has("unbound").is_none() {
        skip(test, "needs root (network namespaces), nsd and unbound");
        return false;
    }
    true
}

fn elsewhere() -> Elsewhere {
    Elsewhere::new([198, 18, 25], &[1, 2, 3, 98, 99])
}

fn sink(place: &Elsewhere, last: u8) -> Sink {
    Sink::on(place.listen(last, 25), |_, _| Act::Accept)
}

fn relay(resolvers: &str) -> Site {
    let mut site = Site::new();
    site.control("rcpthosts", ".zone.test\nhome.test\n");
    let _ = fs::remove_file(site.path("control/smtproutes"));
    site.control("resolvers", resolvers);
    site.control("timeoutconnect", "3\n");
    site.start(Supervisor::Runit);
    site
}

#[test]
fn mx_records_lead() {
    if !can_run("mx_records_lead") {
        return;
    }
    let _alone = ADDRESSES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let resolver = Resolver::start();
    let place = elsewhere();
    let (first, second) = (sink(&place, 1), sink(&place, 2));
    let site = relay(&resolver.line());
    let home = Sink::new();
    site.control("smtproutes", &format!("home.test:127.0.0.1:{}\n", home.port()));
    let send = |domain: &str| transfer(site.port(), "a@home.test", &format!("b@{domain}.zone.test"), &message(domain));
    let arrived_at =
        |sink: &Sink, domain: &str| sink.wait(15, |seen| seen.arrived.iter().any(|one| one.field("Subject").as_deref() == Some(domain)));
    for (domain, sink, words) in [
        ("two", &first, "the best MX"),
        ("backup", &second, "the next MX when the best is dead"),
        ("implicit", &first, "the host itself when there is no MX"),
        ("cname", &first, "what a CNAME leads to"),
        ("viacname", &second, "an MX target that is a CNAME"),
    ] {
        send(domain);
        assert!(arrived_at(sink, domain), "{domain}.zone.test does not go to {words}\n{}", site.logs());
    }
    for (domain, words) in [("null", "5.1.10"), ("absent", "5."), ("empty", "5.")] {
        send(domain);
        let bounced = home.wait(15, |seen| {
            seen.arrived.iter().any(|one| {
                String::from_utf8_lossy(&one.data).contains(&format!("b@{domain}.zone.test"))
                    && String::from_utf8_lossy(&one.data).contains(words)
            })
        });
        assert!(bounced, "{domain}.zone.test does not bounce with {words}\n{}", site.logs());
    }
    site.drained(5);
    send("broken");
    assert!(wait_until(40, || site.log("send").contains("deferral: ")), "SERVFAIL does not defer\n{}", site.logs());
    // We are the best MX by our address: neither a loop nor a bounce.
    send("ours");
    assert!(wait_until(10, || site.log("send").contains("best_MX")), "{}", site.logs());
    assert_eq!(site.queue_files().len(), 2, "{}", site.logs());
}

#[test]
fn a_secondary_waits_for_the_primary_and_for_nobody_behind_itself() {
    if !can_run("a_secondary_waits_for_the_primary_and_for_nobody_behind_itself") {
        return;
    }
    let _alone = ADDRESSES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let resolver = Resolver::start();
    let place = elsewhere();
    let behind = sink(&place, 2);
    let site = relay(&resolver.line());
    site.control("holdlifetime", ".zone.test:2592000\n");
    site.control("etrn", ".zone.test:127.0.0.1\n");
    transfer(site.port(), "a@sender.test", "b@kept.zone.test", &message("kept"));
    assert!(wait_until(30, || site.log("send").contains("deferral: ")), "{}", site.logs());
    let primary = sink(&place, 3);
    let code = Client::greeted(site.port()).command("ETRN kept.zone.test").code;
    assert!((250..254).contains(&code), "{code}\n{}", site.logs());
    primary.messages(1, 60);
    site.drained(10);
    assert!(behind.seen().arrived.is_empty());
}

#[test]
fn a_dead_or_lying_resolver_defers() {
    if !can_run("a_dead_or_lying_resolver_defers") {
        return;
    }
    // Nobody listens at the first; the second answers every question with noise; the third says nothing.
    let dead = free_port();
    let liar = UdpSocket::bind("127.0.0.1:0").unwrap();
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let noise = liar.try_clone().unwrap();
    noise.set_read_timeout(Some(Duration::from_secs(60))).unwrap();
    std::thread::spawn(move || {
        let mut question = [0; 1500];
        while let Ok((count, from)) = noise.recv_from(&mut question) {
            let mut answer = question[..count].to_vec();
            answer.iter_mut().skip(2).for_each(|byte| *byte ^= 0x5a);
            let _ = noise.send_to(&answer, from);
            let _ = noise.send_to(b"", from);
        }
    });
    let ports = [dead, liar.local_addr().unwrap().port(), silent.local_addr().unwrap().port()];
    let sites = ports.map(|port| relay(&format!("127.0.0.1:{port}\n")));
    for site in &sites {
        let mut client = Client::greeted(site.port());
        client.deliver("a@sender.test", &["b@two.zone.test"], &message("deferred"));
    }
    for site in &sites {
        assert!(wait_until(60, || site.log("send").contains("deferral: ")), "{}", site.logs());
        assert!(!site.log("send").contains("failure: "), "{}", site.log("send"));
        assert_eq!(site.queue_files().len(), 1);
    }
}

/// A resolver that answers as the true one does, but late.
fn late(port: u16, delay: Duration) -> UdpSocket {
    let front = UdpSocket::bind("127.0.0.1:0").unwrap();
    let socket = front.try_clone().unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    std::thread::spawn(move || {
        let mut bytes = [0; 1500];
        while let Ok((count, from)) = socket.recv_from(&mut bytes) {
            let (question, socket) = (bytes[..count].to_vec(), socket.try_clone().unwrap());
            std::thread::spawn(move || {
                let back = UdpSocket::bind("127.0.0.1:0").unwrap();
                back.set_read_timeout(Some(Duration::from_secs(5))).unwrap();
                back.send_to(&question, ("127.0.0.1", port)).unwrap();
                let mut answer = [0; 1500];
                if let Ok(count) = back.recv(&mut answer) {
                    std::thread::sleep(delay);
                    let _ = socket.send_to(&answer[..count], from);
                }
            });
        }
    });
    front
}

#[test]
fn a_slow_resolver_is_waited_for() {
    if !can_run("a_slow_resolver_is_waited_for") {
        return;
    }
    let _alone = ADDRESSES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let resolver = Resolver::start();
    let place = elsewhere();
    let first = sink(&place, 1);
    let front = late(resolver.port, Duration::from_millis(1200));
    let site = relay(&format!("127.0.0.1:{}\n", front.local_addr().unwrap().port()));
    transfer(site.port(), "a@sender.test", "b@two.zone.test", &message("slow-resolver"));
    first.messages(1, 30);
}

#[test]
fn a_second_resolver_stands_in_for_a_dead_one() {
    if !can_run("a_second_resolver_stands_in_for_a_dead_one") {
        return;
    }
    let _alone = ADDRESSES.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
    let resolver = Resolver::start();
    let place = elsewhere();
    let first = sink(&place, 1);
    let silent = UdpSocket::bind("127.0.0.1:0").unwrap();
    let site = relay(&format!("127.0.0.1:{}\n{}", silent.local_addr().unwrap().port(), resolver.line()));
    transfer(site.port(), "a@sender.test", "b@two.zone.test", &message("second-resolver"));
    first.messages(1, 30);
}
