//! The variables of a connection, there and back.

use stafett_ucspi::{Connection, Environment};

fn facts() -> Connection {
    Connection {
        local_ip: Some("::ffff:192.0.2.1".parse().unwrap()),
        local_port: Some(25),
        local_host: Some("0".to_owned()),
        remote_ip: Some("2001:db8::1".parse().unwrap()),
        remote_port: Some(40000),
        remote_host: None,
        remote_info: None,
    }
}

#[test]
fn mapped_addresses_appear_as_ipv4() {
    let mut environment = Environment::new();
    facts().write_to(&mut environment);
    let items: Vec<String> = environment.items().map(|item| String::from_utf8(item).unwrap()).collect();
    assert_eq!(
        items,
        ["PROTO=TCP", "TCPLOCALIP=192.0.2.1", "TCPLOCALPORT=25", "TCPLOCALHOST=0", "TCPREMOTEIP=2001:db8::1", "TCPREMOTEPORT=40000"]
    );
}

#[test]
fn facts_survive_a_handoff() {
    let mut environment = Environment::new();
    facts().write_to(&mut environment);
    environment.set("RELAYCLIENT", "");
    let items: Vec<Vec<u8>> = environment.items().collect();
    let received = Environment::from_items(items.iter().map(Vec::as_slice)).unwrap();
    assert_eq!(received.value("RELAYCLIENT"), Some(&b""[..]));
    assert_eq!(received.value("DATABYTES"), None);
    let read = Connection::read_from(&received).unwrap();
    assert_eq!(read.local_ip, Some("192.0.2.1".parse().unwrap()));
    assert_eq!(read.remote_ip, facts().remote_ip);
    assert_eq!(read.remote_host, None);
}

/// A value in the listener's own environment is not the client's.
#[test]
fn unknown_facts_are_removed() {
    let mut environment = Environment::from_items([&b"TCPREMOTEHOST=trusted.example"[..], b"TCPREMOTEINFO=root"]).unwrap();
    facts().write_to(&mut environment);
    assert_eq!(environment.value("TCPREMOTEHOST"), None);
    assert_eq!(environment.value("TCPREMOTEINFO"), None);
}

#[test]
fn nonsense_is_an_error() {
    assert!(Environment::from_items([&b"NAME"[..]]).is_err());
    assert!(Environment::from_items([&b"=value"[..]]).is_err());
    let environment = Environment::from_items([&b"TCPREMOTEIP=unknown"[..]]).unwrap();
    let error = Connection::read_from(&environment).unwrap_err();
    assert_eq!(error.to_string(), "variable TCPREMOTEIP=unknown is not an IP address");
    assert_eq!(Connection::read_from(&Environment::new()).unwrap(), Connection::default());
}
