//! unbound with a zone `dane.test` that is signed and trusted, and a zone `open.test` that is not signed.

use std::fs;
use std::net::UdpSocket;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

const UNBOUND: &str = "/usr/sbin/unbound";

/// A running name server.
pub struct Names {
    process: Child,
    directory: tempfile::TempDir,
    /// The line for control/resolvers.
    pub line: String,
}

impl Drop for Names {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
        if std::thread::panicking() {
            eprintln!("--- unbound:\n{}", fs::read_to_string(self.directory.path().join("log")).unwrap_or_default());
        }
    }
}

/// Starts it with these records in each zone; nothing where a program is missing.
pub fn start(signed: &str, open: &str) -> Option<Names> {
    if ![UNBOUND, "/usr/bin/ldns-signzone"].iter().all(|program| Path::new(program).exists()) {
        return None;
    }
    let directory = tempfile::tempdir().unwrap();
    let head = "@ IN SOA ns hostmaster 1 3600 600 86400 60\n@ IN NS ns\nns IN A 127.0.0.1\n";
    fs::write(directory.path().join("dane.zone"), format!("$ORIGIN dane.test.\n$TTL 60\n{head}{signed}")).unwrap();
    fs::write(directory.path().join("open.zone"), format!("$ORIGIN open.test.\n$TTL 60\n{head}{open}")).unwrap();
    let script = "key=$(ldns-keygen -k -a ECDSAP256SHA256 dane.test); ldns-signzone dane.zone \"$key\"; cp \"$key.key\" anchor";
    let signed = Command::new("sh").args(["-ec", script]).current_dir(directory.path()).stdin(Stdio::null()).output().unwrap();
    assert!(signed.status.success(), "{}", String::from_utf8_lossy(&signed.stderr));
    let port = UdpSocket::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    fs::write(directory.path().join("unbound.conf"), configuration(directory.path(), port)).unwrap();
    let log = fs::File::create(directory.path().join("log")).unwrap();
    let mut command = Command::new(UNBOUND);
    command.arg("-d").arg("-c").arg(directory.path().join("unbound.conf"));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
    let names = Names { process: command.spawn().unwrap(), directory, line: format!("127.0.0.1:{port}\n") };
    wait_for(port);
    Some(names)
}

fn configuration(directory: &Path, port: u16) -> String {
    let directory = directory.display();
    format!(
        "server:\n interface: 127.0.0.1\n port: {port}\n username: \"\"\n chroot: \"\"\n directory: \"{directory}\"\n\
         pidfile: \"{directory}/pid\"\n use-syslog: no\n do-daemonize: no\n num-threads: 1\n module-config: \"validator iterator\"\n\
         trust-anchor-file: \"{directory}/anchor\"\n local-zone: \"test.\" nodefault\n\
         remote-control:\n control-enable: no\n\
         auth-zone:\n name: dane.test\n zonefile: \"{directory}/dane.zone.signed\"\n for-downstream: no\n for-upstream: yes\n\
         auth-zone:\n name: open.test\n zonefile: \"{directory}/open.zone\"\n for-downstream: no\n for-upstream: yes\n"
    )
}

fn wait_for(port: u16) {
    // ns.dane.test A, in the form of the wire.
    let question = b"\x12\x34\x01\x00\x00\x01\x00\x00\x00\x00\x00\x00\x02ns\x04dane\x04test\x00\x00\x01\x00\x01";
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_millis(100))).unwrap();
    let start = Instant::now();
    loop {
        let _ = socket.send_to(question, ("127.0.0.1", port));
        let mut answer = [0; 512];
        if socket.recv_from(&mut answer).is_ok() {
            return;
        }
        assert!(start.elapsed() < Duration::from_secs(30), "unbound did not come up");
        std::thread::sleep(Duration::from_millis(20));
    }
}
