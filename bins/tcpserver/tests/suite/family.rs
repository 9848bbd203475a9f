//! IPv4 and IPv6.

use crate::harness::{Listener, PATIENCE, Peer, TCPSERVER, command, compile, open_directory};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, TcpStream};

const SHOW: &[&str] = &["sh", "-c", "echo $PROTO $TCPLOCALIP $TCPREMOTEIP"];

fn listen(options: &[&str], host: &str) -> Listener {
    Listener::with(command(TCPSERVER, options, host, SHOW))
}

/// What a client of that address is told; `None` when nobody listens there.
fn ask(listener: &Listener, ip: impl Into<std::net::IpAddr>) -> Option<String> {
    let address = SocketAddr::new(ip.into(), listener.port);
    TcpStream::connect_timeout(&address, PATIENCE).ok()?;
    Some(Peer::connect(address).rest())
}

#[test]
fn each_host_means_its_families() {
    let v4 = Some("TCP 127.0.0.1 127.0.0.1\n".to_owned());
    let v6 = Some("TCP ::1 ::1\n".to_owned());
    for (options, host, on_v4, on_v6) in [
        (&[][..], "0", &v4, &None),
        (&[], "", &v4, &None),
        (&[], "127.0.0.1", &v4, &None),
        (&[], "::", &v4, &v6),
        (&[], "::0", &v4, &v6),
        (&[], "::1", &None, &v6),
        (&["-6"], "0", &None, &v6),
        (&["-6"], "::", &None, &v6),
        (&["-4"], "::", &v4, &None),
        (&["-4", "-6"], "0", &v4, &v6),
        (&["-4"], "localhost", &v4, &None),
    ] {
        let options = [&["-HRl0"], options].concat();
        let listener = listen(&options, host);
        assert_eq!(&ask(&listener, Ipv4Addr::LOCALHOST), on_v4, "{options:?} {host:?} over IPv4");
        assert_eq!(&ask(&listener, Ipv6Addr::LOCALHOST), on_v6, "{options:?} {host:?} over IPv6");
    }
}

#[test]
fn rules_see_mapped_clients_as_ipv4() {
    let directory = open_directory();
    let cdb = directory.path().join("rules.cdb");
    compile("127.0.0.1:allow,SEEN=\"four\"\n::1:allow,SEEN=\"six\"\n:deny\n", &cdb);
    let options = ["-HRl0", "-v", "-x", cdb.to_str().unwrap()];
    let mut listener = Listener::with(command(TCPSERVER, &options, "::", &["sh", "-c", "echo $SEEN"]));
    assert_eq!(ask(&listener, Ipv4Addr::LOCALHOST).unwrap(), "four\n");
    listener.wait_for(" from 127.0.0.1");
    assert_eq!(ask(&listener, Ipv6Addr::LOCALHOST).unwrap(), "six\n");
    listener.wait_for(" from ::1");
    let port = listener.port;
    listener.wait_for(&format!(" 0:::1:{port} :::1::"));
}

#[test]
fn an_interface_is_found_by_name() {
    let listener = listen(&["-HRl0", "-I", "lo"], "::1");
    assert!(ask(&listener, Ipv6Addr::LOCALHOST).is_some());
    let (code, said) = crate::harness::failure(&["-I", "nosuch0"], &["fe80::1", "0", "env"]);
    assert_eq!(code, 111);
    assert!(said.contains("unable to find the interface nosuch0"), "{said}");
}
