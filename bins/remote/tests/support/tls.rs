//! SMTP servers that speak TLS with OpenSSL, and certificates made by it.

use std::collections::HashMap;
use std::fs;
use std::io::{BufRead, BufReader};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

/// Servers for each behaviour, in one process; see `tls_peer.py`.
pub struct Peers {
    process: Child,
    _input: ChildStdin,
    ports: HashMap<String, u16>,
    said: Arc<Mutex<Vec<String>>>,
    directory: tempfile::TempDir,
}

/// Runs a shell script in a directory.
pub fn shell(directory: &Path, script: &str) {
    let output = Command::new("sh").arg("-ec").arg(script).current_dir(directory).stdin(Stdio::null()).output().unwrap();
    assert!(output.status.success(), "{script}: {}", String::from_utf8_lossy(&output.stderr));
}

/// An authority `ca`, and certificates of it: `good` for good.test and localhost, `other` for other.test, `expired`; `self`,
/// which nobody vouches for, and `member`, for a client.
pub fn make_certificates(directory: &Path) {
    shell(
        directory,
        r#"
        new="openssl req -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes"
        $new -x509 -keyout ca.key -out ca.pem -subj /CN=authority -days 30
        for name in self member; do $new -x509 -keyout $name.key -out $name.pem -subj /CN=$name -days 30; done
        sign() {
            $new -keyout $1.key -out $1.csr -subj /CN=$1
            printf 'subjectAltName=%s\n' "$2" > $1.ext; shift 2
            $faketime openssl x509 -req -in ${name}.csr -CA ca.pem -CAkey ca.key -CAcreateserial -extfile ${name}.ext -out ${name}.pem "$@"
        }
        name=good; sign good DNS:good.test,DNS:localhost,DNS:ta.dane.test,IP:127.0.0.1 -days 10
        cat good.pem ca.pem > chain.pem; cp good.key chain.key
        name=other; sign other DNS:other.test,DNS:mail.other.test -days 10
        name=expired; faketime="faketime 2024-01-01"; sign expired DNS:good.test,IP:127.0.0.1 -days 10
        "#,
    );
}

/// The SHA-256 of a certificate's key, in hexadecimal.
pub fn key_digest(certificate: &Path) -> String {
    let script = "openssl x509 -in \"$1\" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1";
    let output = Command::new("sh").args(["-c", script, "sh"]).arg(certificate).output().unwrap();
    String::from_utf8(output.stdout).unwrap().trim().to_owned()
}

/// A certificate in DER, in hexadecimal.
pub fn der(certificate: &Path) -> String {
    let output = Command::new("openssl").args(["x509", "-outform", "DER", "-in"]).arg(certificate).output().unwrap();
    output.stdout.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The SHA-256 fingerprint of a certificate, as control/ has it.
pub fn fingerprint(certificate: &Path) -> String {
    let output = Command::new("openssl").args(["x509", "-fingerprint", "-sha256", "-noout", "-in"]).arg(certificate).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    format!("sha256:{}", text.trim().split_once('=').unwrap().1.replace(':', "").to_lowercase())
}

impl Peers {
    /// Starts them all.
    pub fn start() -> Peers {
        let directory = tempfile::tempdir().unwrap();
        fs::set_permissions(directory.path(), fs::Permissions::from_mode(0o755)).unwrap();
        make_certificates(directory.path());
        let script = concat!(env!("CARGO_MANIFEST_DIR"), "/../remote/tests/support/tls_peer.py");
        let mut process = Command::new("python3")
            .arg(script)
            .arg(directory.path())
            .env("OPENSSL_CONF", "/dev/null")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .unwrap();
        let input = process.stdin.take().unwrap();
        let mut output = BufReader::new(process.stdout.take().unwrap());
        let mut ports = HashMap::new();
        loop {
            let mut line = String::new();
            assert!(output.read_line(&mut line).unwrap() > 0, "the peers did not start");
            let Some((name, port)) = line.trim().split_once(' ') else { break };
            ports.insert(name.to_owned(), port.parse().unwrap());
        }
        let said: Arc<Mutex<Vec<String>>> = Arc::default();
        let heard = Arc::clone(&said);
        std::thread::spawn(move || output.lines().map_while(Result::ok).for_each(|line| heard.lock().unwrap().push(line)));
        Peers { process, _input: input, ports, said, directory }
    }

    /// The SHA-256 digest of a certificate's key, as TLSA records have it.
    pub fn key_digest(&self, name: &str) -> String {
        let script = "openssl x509 -in \"$1\" -noout -pubkey | openssl pkey -pubin -outform DER | sha256sum | cut -d' ' -f1";
        let output = Command::new("sh").args(["-c", script, "sh"]).arg(self.path(&format!("{name}.pem"))).output().unwrap();
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }

    /// Where one listens.
    pub fn port(&self, name: &str) -> u16 {
        self.ports[name]
    }

    /// A file of the certificates.
    pub fn path(&self, name: &str) -> PathBuf {
        self.directory.path().join(name)
    }

    /// What was said to one so far.
    pub fn said(&self, name: &str) -> Vec<String> {
        let prefix = format!("{name} said ");
        self.said.lock().unwrap().iter().filter_map(|line| line.strip_prefix(&prefix)).map(str::to_owned).collect()
    }

    /// Waits until one was told so many things.
    pub fn wait_for(&self, name: &str, count: usize) -> Vec<String> {
        let start = Instant::now();
        while self.said(name).len() < count {
            assert!(start.elapsed() < Duration::from_secs(30), "{name} was told only {:?}", self.said(name));
            std::thread::sleep(Duration::from_millis(5));
        }
        self.said(name)
    }
}

impl Drop for Peers {
    fn drop(&mut self) {
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}
