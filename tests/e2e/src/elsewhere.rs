//! A place that is not this host: a network namespace with addresses of its own, joined by a veth pair. Root only.

use crate::ground::run;
use nix::sched::{CloneFlags, setns};
use std::fs::File;
use std::net::{Ipv4Addr, TcpListener};
use std::process::Command;

/// Another host as far as the network is concerned; removed when dropped.
#[derive(Debug)]
pub struct Elsewhere {
    name: String,
    prefix: [u8; 3],
}

impl Elsewhere {
    /// One whose addresses are these (last bytes) of the network `prefix`/24; this host is 254 there.
    pub fn new(prefix: [u8; 3], addresses: &[u8]) -> Elsewhere {
        let [a, b, c] = prefix;
        let name = format!("st{b}x{c}p{}", std::process::id());
        let (here, there) = (format!("sth{b}x{c}"), format!("stt{b}x{c}"));
        let ip = |words: String| run(Command::new("ip").args(words.split(' ')));
        ip(format!("netns add {name}"));
        let place = Elsewhere { name, prefix };
        let name = &place.name;
        ip(format!("link add {here} type veth peer name {there} netns {name}"));
        ip(format!("addr add {a}.{b}.{c}.254/24 dev {here}"));
        ip(format!("link set {here} up"));
        for last in addresses {
            ip(format!("-n {name} addr add {a}.{b}.{c}.{last}/24 dev {there}"));
        }
        ip(format!("-n {name} link set {there} up"));
        place
    }

    /// Gives this host one more address of that network.
    pub fn add_here(&self, last: u8) {
        let [a, b, c] = self.prefix;
        run(Command::new("ip").args(format!("addr add {a}.{b}.{c}.{last}/24 dev sth{b}x{c}").split(' ')));
    }

    /// Listens there.
    pub fn listen(&self, last: u8, port: u16) -> TcpListener {
        let [a, b, c] = self.prefix;
        let file = File::open(format!("/run/netns/{}", self.name)).unwrap();
        // A socket stays where it was made; only this thread goes there.
        let thread = std::thread::spawn(move || {
            setns(file, CloneFlags::CLONE_NEWNET).unwrap();
            TcpListener::bind((Ipv4Addr::new(a, b, c, last), port)).unwrap()
        });
        thread.join().unwrap()
    }
}

impl Drop for Elsewhere {
    fn drop(&mut self) {
        let _ = Command::new("ip").args(["netns", "del", &self.name]).status();
    }
}
