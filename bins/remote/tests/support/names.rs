//! A name server that answers from a table of `(name, record)`; records are `mx 10 host`, `a address`, `tlsa 3 1 1 HEX`,
//! `servfail`, `silent`. It may say that DNSSEC vouches for all of it.

use std::net::UdpSocket;
use std::thread;

use domain::base::iana::{Rcode, Rtype};
use domain::base::name::ToName;
use domain::base::{Message, MessageBuilder, Name, Ttl};
use domain::rdata::{A, Aaaa, Mx, Tlsa};

type Table = Vec<(&'static str, String)>;

/// Starts it; what it returns is the line for control/resolvers.
pub fn start(table: &[(&'static str, &'static str)]) -> String {
    run(table.iter().map(|(name, record)| (*name, (*record).to_owned())).collect(), false)
}

/// As `start`, and DNSSEC vouches for every answer.
pub fn start_signed(table: Vec<(&'static str, String)>) -> String {
    run(table, true)
}

fn run(table: Table, is_signed: bool) -> String {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    let address = socket.local_addr().unwrap();
    thread::spawn(move || {
        let mut buffer = [0; 2048];
        while let Ok((length, peer)) = socket.recv_from(&mut buffer) {
            let query = Message::from_octets(buffer[..length].to_vec()).unwrap();
            if let Some(reply) = answer(&query, &table, is_signed) {
                let _ = socket.send_to(&reply, peer);
            }
        }
    });
    format!("{address}\n")
}

fn answer(query: &Message<Vec<u8>>, table: &Table, is_signed: bool) -> Option<Vec<u8>> {
    let question = query.sole_question().unwrap();
    let name: Name<Vec<u8>> = question.qname().to_name();
    let records: Vec<&str> = table.iter().filter(|(owner, _)| *owner == name.to_string()).map(|(_, record)| record.as_str()).collect();
    if records.contains(&"silent") {
        return None;
    }
    let rcode = match records.as_slice() {
        [] => Rcode::NXDOMAIN,
        some if some.contains(&"servfail") => Rcode::SERVFAIL,
        _ => Rcode::NOERROR,
    };
    let mut reply = MessageBuilder::new_vec().start_answer(query, rcode).unwrap();
    reply.header_mut().set_ad(is_signed);
    for record in records {
        let words: Vec<&str> = record.split(' ').collect();
        let ttl = Ttl::from_secs(1);
        match (words.as_slice(), question.qtype()) {
            (["mx", preference, host], Rtype::MX) => {
                let host: Name<Vec<u8>> = host.parse().unwrap();
                reply.push((&name, ttl, Mx::new(preference.parse().unwrap(), host))).unwrap();
            }
            (["a", address], Rtype::A) if !address.contains(':') => {
                reply.push((&name, ttl, A::new(address.parse().unwrap()))).unwrap();
            }
            (["a", address], Rtype::AAAA) if address.contains(':') => {
                reply.push((&name, ttl, Aaaa::new(address.parse().unwrap()))).unwrap();
            }
            (["tlsa", usage, selector, matching, data], Rtype::TLSA) => {
                let [usage, selector, matching] = [usage, selector, matching].map(|number| number.parse::<u8>().unwrap());
                let data = domain::utils::base16::decode::<Vec<u8>>(data).unwrap();
                reply.push((&name, ttl, Tlsa::new(usage.into(), selector.into(), matching.into(), data))).unwrap();
            }
            _ => {}
        }
    }
    Some(reply.finish())
}
