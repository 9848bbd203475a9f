//! Proofs that are bound to our certificate, which programs of Debian 12 do not know how to make: a client in Python's own
//! ssl and hashlib.

use crate::accounts::{PASSWORD, relay};
use stafett_test_e2e::{Sink, Site};
use std::process::{Command, Output};

/// SCRAM-SHA-256-PLUS under a version of TLS; the certificate that it binds to is the one it saw, or another one.
const CLIENT: &str = r"
import base64, hashlib, hmac, os, smtplib, ssl, sys
port, version, password, honest = sys.argv[1:]
context = ssl.create_default_context()
context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
context.minimum_version = context.maximum_version = getattr(ssl.TLSVersion, version)
client = smtplib.SMTP('127.0.0.1', int(port), timeout=60)
client.starttls(context=context)
client.ehlo()
assert 'SCRAM-SHA-256-PLUS' in client.esmtp_features['auth'].split(), client.esmtp_features
seen = client.sock.getpeercert(True)
channel = hashlib.sha256(seen if honest == '1' else seen + b'x').digest()
encode = lambda bytes: base64.b64encode(bytes).decode()
header, bare = 'p=tls-server-end-point,,', 'n=alice,r=' + os.urandom(12).hex()
code, challenge = client.docmd('AUTH SCRAM-SHA-256-PLUS ' + encode((header + bare).encode()))
assert code == 334, (code, challenge)
first = base64.b64decode(challenge).decode()
nonce, salt, rounds = (part[2:] for part in first.split(','))
salted = hashlib.pbkdf2_hmac('sha256', password.encode(), base64.b64decode(salt), int(rounds))
mac = lambda key, text: hmac.new(key, text.encode(), 'sha256').digest()
key = mac(salted, 'Client Key')
without = 'c=' + encode(header.encode() + channel) + ',r=' + nonce
messages = bare + ',' + first + ',' + without
proof = bytes(a ^ b for a, b in zip(key, mac(hashlib.sha256(key).digest(), messages)))
code, last = client.docmd(encode((without + ',p=' + encode(proof)).encode()))
if code != 334:
    sys.exit('%d %s' % (code, last.decode()))
assert base64.b64decode(last).decode() == 'v=' + encode(mac(mac(salted, 'Server Key'), messages))
code, last = client.docmd('')
assert code == 235, (code, last)
client.sendmail('alice@taken.test', ['x@elsewhere.test'], 'From: alice@taken.test\r\n\r\ntext\r\n')
";

fn client(site: &Site, version: &str, password: &str, honest: &str) -> Output {
    Command::new("python3").args(["-c", CLIENT, &site.port().to_string(), version, password, honest]).output().unwrap()
}

#[test]
fn a_proof_is_bound_to_our_certificate_under_both_versions_of_tls() {
    let sink = Sink::new();
    let site = relay(&sink, &[("authmechanisms", "SCRAM-SHA-256-PLUS\nSCRAM-SHA-256\n")]);
    for version in ["TLSv1_2", "TLSv1_3"] {
        let output = client(&site, version, PASSWORD, "1");
        assert!(output.status.success(), "{version} {output:?}\n{}", site.logs());
        for (password, honest) in [("guess", "1"), (PASSWORD, "0")] {
            let refused = client(&site, version, password, honest);
            assert!(String::from_utf8_lossy(&refused.stderr).contains("535 5.7.8 "), "{version} {refused:?}\n{}", site.logs());
        }
    }
    sink.messages(2, 60);
    site.logged("smtpd", "auth alice mechanism SCRAM-SHA-256-PLUS client 127.0.0.1");
    site.logged("smtpd", "account alice mechanism SCRAM-SHA-256-PLUS reason binding client 127.0.0.1");
}
