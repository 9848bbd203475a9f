//! A real haproxy in front of the listener, with both versions of the PROXY protocol; swaks that says XCLIENT.

use stafett_test_e2e::{Client, Sink, Site, free_port, has, scratch, skip, wait_until};
use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};

/// haproxy with a port for each version.
struct Haproxy {
    process: Child,
    ports: [u16; 2],
    _place: tempfile::TempDir,
}

impl Haproxy {
    fn start(program: &Path, relay: u16) -> Haproxy {
        let (place, ports) = (scratch(), [free_port(), free_port()]);
        let listen = |port: u16, word: &str| {
            format!(
                "listen {word}\n mode tcp\n timeout connect 20s\n timeout client 60s\n timeout server 60s\n bind 127.0.0.1:{port}\n server relay 127.0.0.1:{relay} {word}\n"
            )
        };
        let text = format!("global\n maxconn 100\n{}{}", listen(ports[0], "send-proxy"), listen(ports[1], "send-proxy-v2"));
        fs::write(place.path().join("conf"), text).unwrap();
        let log = fs::File::create(place.path().join("log")).unwrap();
        let mut command = Command::new(program);
        command.arg("-db").arg("-f").arg(place.path().join("conf")).stdin(Stdio::null()).stdout(log.try_clone().unwrap()).stderr(log);
        let haproxy = Haproxy { process: command.spawn().unwrap(), ports, _place: place };
        let listens = || haproxy.ports.iter().all(|port| std::net::TcpStream::connect(("127.0.0.1", *port)).is_ok());
        assert!(wait_until(20, listens), "haproxy does not listen");
        haproxy
    }
}

impl Drop for Haproxy {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn swaks(port: u16, to: &str, further: &[&str]) -> (Option<i32>, String) {
    let mut command = Command::new(has("swaks").unwrap());
    command.args(["--server", &format!("127.0.0.1:{port}"), "--helo", "c.test", "--from", "a@sender.test", "--to", to, "--timeout", "30"]);
    let Output { status, stdout, .. } = command.args(further).stdin(Stdio::null()).output().unwrap();
    (status.code(), String::from_utf8_lossy(&stdout).into_owned())
}

/// 127.0.0.1 may relay itself; of those behind it 127.0.0.2 may, 127.0.0.4 is denied.
fn relay(sink: &Sink, list: &str) -> Site {
    let site = Site::relaying_to(sink);
    site.control("smtproutes", &format!(":127.0.0.1:{}\n", sink.port()));
    site.rules(
        "127.0.0.1:allow,RELAYCLIENT=\"\"\n127.0.0.2:allow,RELAYCLIENT=\"\"\n198.51.100.2:allow,RELAYCLIENT=\"\"\n127.0.0.4:deny\n:allow\n",
    );
    site.control(list, "127.0.0.1\n");
    site
}

#[test]
fn clients_behind_haproxy_are_judged_as_themselves() {
    let test = "clients_behind_haproxy_are_judged_as_themselves";
    let (Some(haproxy), Some(_)) = (has("haproxy"), has("swaks")) else { return skip(test, "haproxy or swaks is not installed") };
    let sink = Sink::new();
    let site = relay(&sink, "proxies");
    let haproxy = Haproxy::start(&haproxy, site.port());
    for (round, port) in haproxy.ports.into_iter().enumerate() {
        let (code, said) = swaks(port, "b@elsewhere.test", &["--local-interface", "127.0.0.3"]);
        assert!(code != Some(0) && said.contains("553 5.7.1"), "{said}\n{}", site.logs());
        let (code, said) = swaks(port, "b@elsewhere.test", &["--local-interface", "127.0.0.2"]);
        assert!(code == Some(0), "{said}\n{}", site.logs());
        let message = sink.messages(2 * round + 1, 30).pop().unwrap();
        let received = message.field("Received").unwrap();
        assert!(received.contains("[127.0.0.2]"), "{received}");
        let (code, said) = swaks(port, "b@taken.test", &["--local-interface", "127.0.0.3"]);
        assert!(code == Some(0), "{said}\n{}", site.logs());
        sink.messages(2 * round + 2, 30);
        let (code, said) = swaks(port, "b@taken.test", &["--local-interface", "127.0.0.4"]);
        assert!(code != Some(0) && said.contains("554 5.7.1"), "{said}\n{}", site.logs());
    }
    site.logged("smtpd", "front 127.0.0.1 client 127.0.0.3 by proxy pid ");
    // who comes without a header, from where the proxy is
    let mut client = Client::connect(site.port());
    client.send(b"EHLO c.test\r\n");
    client.expect(421).saying("4.3.0");
    site.logged("smtpd", "turning away a client of 127.0.0.1, which is in control/proxies or xclient: ");
}

#[test]
fn swaks_names_the_client_by_xclient() {
    let Some(_) = has("swaks") else { return skip("swaks_names_the_client_by_xclient", "swaks is not installed") };
    let sink = Sink::new();
    let site = relay(&sink, "xclient");
    let named =
        |address: &str| ["--xclient-addr".to_owned(), address.to_owned(), "--xclient-name".to_owned(), "mail.behind.test".to_owned()];
    for (address, relays) in [("198.51.100.1", false), ("198.51.100.2", true)] {
        let arguments = named(address);
        let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
        let (code, said) = swaks(site.port(), "b@elsewhere.test", &arguments);
        assert_eq!(code == Some(0), relays, "{said}\n{}", site.logs());
        assert!(relays || said.contains("553 5.7.1"), "{said}");
    }
    let received = sink.messages(1, 30).pop().unwrap().field("Received").unwrap();
    assert!(received.contains("mail.behind.test [198.51.100.2]"), "{received}");
    site.control("xclient", "192.0.2.1\n");
    site.logged("smtpd", "front 127.0.0.1 client 198.51.100.2 by xclient pid ");
    let refused = wait_until(20, || swaks(site.port(), "b@taken.test", &["--xclient-addr", "198.51.100.2"]).0 != Some(0));
    assert!(refused, "{}", site.logs());
}
