//! Block lists and names of a whole relay: nsd's zones behind unbound, asked by stafett-dnsbl as a service and in front of smtpd.

use crate::dns::Resolver;
use stafett_test_e2e::{Client, Reply, Sink, Site, Supervisor, free_port, has, message, program, signal, skip, transfer, wait_until};
use std::process::{Child, Command, Stdio};

const SOA: &str = "$TTL 300\n@ IN SOA ns.zone.test. hostmaster.zone.test. 1 3600 600 86400 300\n@ IN NS ns.zone.test.\n";

fn resolver() -> Resolver {
    let zones = [
        (
            "bl.test",
            "66.2.0.192 IN A 127.0.0.2\n66.2.0.192 IN TXT \"Blocked, see http://bl.test/\"\n\
             6.6.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.0.8.b.d.0.1.0.0.2 IN A 127.0.0.2\n7.2.0.192 IN A 127.0.0.2\n",
        ),
        ("allow.test", "7.2.0.192 IN A 127.0.0.1\n"),
        ("rhs.test", "bad.sender.test IN A 127.0.1.2\n"),
        ("sender.test", "@ IN MX 10 mx\nmx IN A 192.0.2.7\nmx IN A 192.0.2.25\nbad IN MX 10 mx\nnull IN MX 0 .\n"),
        ("2.0.192.in-addr.arpa", "7 IN PTR mx.sender.test.\n25 IN PTR mx.sender.test.\n26 IN PTR mx.sender.test.\n"),
    ];
    Resolver::serving(&zones.map(|(zone, records)| (zone, format!("{SOA}{records}"))))
}

/// The relay takes its next clients for this address.
fn clients_are(site: &Site, address: &str) {
    site.rules(&format!("127.:allow,TCPREMOTEIP=\"{address}\"\n:deny\n"));
}

fn rcpt(port: u16, sender: &str) -> Reply {
    let mut client = Client::greeted(port);
    client.command(&format!("MAIL FROM:<{sender}>")).must(250);
    client.command("RCPT TO:<b@taken.test>")
}

/// Ended when the test is over.
struct Ended(Child);

impl Drop for Ended {
    fn drop(&mut self) {
        signal(i32::try_from(self.0.id()).unwrap(), stafett_test_e2e::Signal::SIGTERM);
        let _ = self.0.wait();
    }
}

#[test]
fn lists_and_names_decide_about_clients_and_senders() {
    if has("nsd").is_none() || has("unbound").is_none() {
        return skip("lists_and_names_decide_about_clients_and_senders", "nsd or unbound is not installed");
    }
    let (resolver, sink) = (resolver(), Sink::new());
    let mut site = Site::new();
    let with = site.setup(&["--with", "dnsbl"]);
    assert!(with.status.success(), "{}", String::from_utf8_lossy(&with.stderr));
    for (name, content) in [
        ("rcpthosts", "taken.test\n"),
        ("smtproutes", &*sink.route()),
        ("resolvers", &*resolver.line()),
        ("dnsbllist", "+allow.test\nbl.test\n"),
        ("rhsbllist", "-rhs.test:%DOMAIN% is listed\n"),
        ("dnsbltimeout", "30\n"),
        ("reversedns", "confirm\n"),
        ("senderdomain", "require\n"),
    ] {
        site.control(name, content);
    }
    clients_are(&site, "192.0.2.25");
    site.start(Supervisor::Runit);
    assert!(wait_until(30, || site.path("run/dnsbl/socket").exists()), "{}", site.logs());
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("named"));
    rcpt(site.port(), "a@bad.sender.test").must(553).saying("bad.sender.test is listed");
    rcpt(site.port(), "a@null.sender.test").must(553).saying("5.7.27");
    rcpt(site.port(), "a@absent.sender.test").must(553).saying("5.1.8");
    rcpt(site.port(), "").must(250);
    for (address, code, words) in [
        ("192.0.2.66", 451, "4.7.1 Blocked, see http://bl.test/"),
        ("2001:db8::66", 451, "4.7.1 your address is listed by bl.test"),
        ("192.0.2.26", 550, "5.7.25 the sending host needs a name-server entry that leads back"),
        ("192.0.2.27", 550, "5.7.25 the sending host needs a name-server entry (#5.7.25)"),
    ] {
        clients_are(&site, address);
        rcpt(site.port(), "a@sender.test").must(code).saying(words);
    }
    clients_are(&site, "192.0.2.7");
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("allowed"));
    sink.messages(2, 30);
    site.logged("smtpd", "refuse control/dnsbllist:2 from <a@sender.test> to <b@taken.test> client 192.0.2.66 ");
    in_front_of_smtpd(&site);
}

/// As rblsmtpd, under the listener of djb; what it finds is said to each recipient.
fn in_front_of_smtpd(site: &Site) {
    let Some(tcpserver) = has("tcpserver") else {
        return skip("lists_and_names_decide_about_clients_and_senders (djb's tcpserver)", "ucspi-tcp is not installed");
    };
    clients_are(site, "192.0.2.66");
    let port = free_port();
    let mut command = Command::new(tcpserver);
    command.args(["-H", "-R", "-l", "relay.test", "-x"]).arg(site.path("control/tcp.smtp.cdb")).args(["127.0.0.1", &port.to_string()]);
    command.arg(program("stafett-dnsbl")).args(["-b", "-r", "bl.test"]).arg(program("stafett-smtpd"));
    command.env("STAFETT", site.root()).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let _listener = Ended(command.spawn().unwrap());
    assert!(wait_until(30, || std::net::TcpStream::connect(("127.0.0.1", port)).is_ok()));
    rcpt(port, "a@sender.test").must(553).saying("5.7.1 Blocked, see http://bl.test/");
}
