//! The library's own loop: nothing but what a handshake needs.

use rustls::crypto::ring;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::server::NoServerSessionStorage;
use rustls::{ServerConfig, ServerConnection};
use stafett_sys::poll::{Interest, wait_two};
use stafett_sys::socket::{self, Style};
use std::io::Read;
use std::net::TcpStream;
use std::os::fd::{AsFd, OwnedFd};
use std::path::Path;
use std::sync::Arc;

/// Takes handshakes until it is killed, one caller after the other.
pub fn serve(path: &str, certificate: &str, key: &str) {
    let chain = CertificateDer::pem_file_iter(certificate).expect("a certificate").collect::<Result<_, _>>().expect("PEM text");
    let key = PrivateKeyDer::from_pem_file(key).expect("a key");
    let provider = Arc::new(ring::default_provider());
    let builder = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions().expect("versions");
    let mut config = builder.with_no_client_auth().with_single_cert(chain, key).expect("a key that fits");
    // as stafett-tls has it
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.ticketer = ring::Ticketer::new().expect("a ticketer");
    config.send_tls13_tickets = 1;
    let config = Arc::new(config);
    let listener = socket::listen(Path::new(path), Style::Packets, 4).expect("a socket");
    loop {
        wait_two((listener.as_fd(), Interest::Read), None, None).expect("to wait");
        if let Some(caller) = socket::accept(&listener).expect("a caller") {
            while let Some(client) = next(&caller) {
                take(&config, client);
            }
        }
    }
}

fn next(caller: &OwnedFd) -> Option<TcpStream> {
    socket::receive_packet(caller, &mut [0; 64]).ok()?.descriptor.map(TcpStream::from)
}

fn take(config: &Arc<ServerConfig>, mut client: TcpStream) {
    let mut connection = ServerConnection::new(Arc::clone(config)).expect("a connection");
    while connection.is_handshaking() {
        connection.complete_io(&mut client).expect("a handshake");
    }
    connection.send_close_notify();
    while connection.wants_write() {
        connection.write_tls(&mut client).expect("to write");
    }
    client.shutdown(std::net::Shutdown::Write).expect("to end");
    // until the client has ended its side
    while client.read(&mut [0; 64]).is_ok_and(|length| length > 0) {}
}
