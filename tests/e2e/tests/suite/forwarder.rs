//! What the forwarder's settings do to the whole relay: LMTP routes, allowed networks, outgoing addresses.

use stafett_test_e2e::{Client, Elsewhere, Sink, Site, Supervisor, has, is_root, message, scratch, skip, transfer, wait_until};
use std::fs;
use std::net::{IpAddr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Child, Command, Stdio};

/// Postfix's sink at a Unix socket, speaking LMTP; ended when dropped.
struct LmtpSink(Child);

impl Drop for LmtpSink {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

#[test]
fn mail_reaches_an_lmtp_server_at_a_unix_socket() {
    let Some(program) = has("smtp-sink") else {
        return skip("mail_reaches_an_lmtp_server_at_a_unix_socket", "needs Postfix's smtp-sink");
    };
    let place = scratch();
    fs::set_permissions(place.path(), PermissionsExt::from_mode(0o755)).unwrap();
    let socket = place.path().join("lmtp");
    let mut command = Command::new(program);
    if is_root() {
        command.args(["-u", "nobody"]);
    }
    let _sink = LmtpSink(command.arg("-L").arg(format!("unix:{}", socket.display())).arg("10").stdout(Stdio::null()).spawn().unwrap());
    assert!(wait_until(10, || socket.exists()));
    fs::set_permissions(&socket, PermissionsExt::from_mode(0o777)).unwrap();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &format!("taken.test:lmtp:unix:{}\n", socket.display()));
    site.start(Supervisor::Runit);
    let mut client = Client::greeted(site.port());
    client.deliver("a@sender.test", &["b@taken.test", "c@taken.test"], &message("lmtp"));
    site.drained(15);
    let words = format!("success: {}_accepted_message.", socket.display());
    assert_eq!(site.log("send").matches(&words).count(), 2, "{}", site.log("send"));
}

#[test]
fn mail_for_a_network_that_is_not_allowed_waits_and_says_why() {
    let sink = Sink::new();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("destinations", "192.0.2.0/24\n");
    site.start(Supervisor::Runit);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("outside"));
    site.logged("send", "outside_of_the_networks_in_control/destinations");
    assert!(site.log("send").contains("deferral: ") && !site.log("send").contains("failure: "), "{}", site.log("send"));
    assert_eq!(site.queue_files().len(), 1);
    assert_eq!(sink.seen().arrived.len(), 0);
}

#[test]
fn mail_comes_from_the_address_of_its_sender() {
    let sink = Sink::new();
    let mut site = Site::new();
    site.control("rcpthosts", "taken.test\n");
    site.control("smtproutes", &sink.route());
    site.control("outgoingip", "192.0.2.77\n");
    site.control("domainbindings", "sender.test:127.0.0.1\n");
    site.start(Supervisor::Runit);
    transfer(site.port(), "a@sender.test", "b@taken.test", &message("bound"));
    sink.messages(1, 15);
    // This host has no 192.0.2.77, and no other address is taken in its place.
    transfer(site.port(), "a@else.test", "c@taken.test", &message("unbound"));
    site.logged("send", "unable_to_come_from_192.0.2.77");
    assert_eq!(sink.seen().arrived.len(), 1);
}

#[test]
fn another_host_sees_the_addresses_that_control_names() {
    if !is_root() {
        return skip("another_host_sees_the_addresses_that_control_names", "needs root (network namespaces)");
    }
    let place = Elsewhere::new([198, 18, 26], &[1, 2, 3]);
    [251, 252, 253].iter().for_each(|last| place.add_here(*last));
    let mut site = Site::new();
    site.control("rcpthosts", ".taken.test\n");
    site.control("smtproutes", "1.taken.test:198.18.26.1\n2.taken.test:198.18.26.2\n3.taken.test:198.18.26.3\n");
    site.control("outgoingip", "198.18.26.253\n198.18.26.3:198.18.26.251\n");
    site.control("domainbindings", "sender.test:198.18.26.252\n");
    site.start(Supervisor::Runit);
    let cases = [(1, "a@else.test", 253), (2, "a@sender.test", 252), (3, "a@sender.test", 251)];
    let listeners: Vec<TcpListener> = cases.iter().map(|(last, ..)| place.listen(*last, 25)).collect();
    for (last, sender, _) in cases {
        transfer(site.port(), sender, &format!("b@{last}.taken.test"), &message("bound"));
    }
    for (listener, (_, _, source)) in listeners.iter().zip(cases) {
        listener.set_nonblocking(true).unwrap();
        let mut from = None;
        wait_until(30, || {
            from = listener.accept().ok().map(|(_, from)| from.ip());
            from.is_some()
        });
        assert_eq!(from, Some(IpAddr::from([198, 18, 26, source])), "{}", site.logs());
    }
}
