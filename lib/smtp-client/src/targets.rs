//! From a destination to the hosts to try and the addresses of each, in order.
//!
//! An MX destination: MX hosts by preference, in random order inside one (RFC 5321 §5.1), the domain itself where there
//! are none, nothing from our own preference on (no loop), nothing at all for a null MX; an address literal is its own
//! host. A route: the address itself, /etc/hosts, then the name's addresses; no MX records. The addresses of one host
//! stand with the families in turn (RFC 8305 §4), so that a race among them tries both early.
//!
//! Security stance: who owns a domain names its MX hosts; their number and that of their addresses are capped.
//! Known limits: "our own address" counts on port 25 only, since on another port something else may listen here.

use std::collections::HashSet;
use std::net::{IpAddr, SocketAddr, UdpSocket};

use stafett_dns::{HOSTS_FILE, Kind as RecordKind, Name, Outcome, Question, addresses_in_hosts};
use stafett_wire::delivery::{Destination, Kind};

use crate::judgement::{self, NoSession};
use crate::settings::Settings;

/// MX hosts looked at; more than any honest domain has.
const MOST_HOSTS: usize = 20;
/// Addresses tried for one host.
const MOST_PER_HOST: usize = 8;
/// Addresses tried for one destination; RFC 5321 §5.1 asks for two at least.
const MOST_ADDRESSES: usize = 30;
const SMTP_PORT: u16 = 25;

/// An MX host and its addresses.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exchanger {
    preference: u16,
    is_here: bool,
    addresses: Vec<IpAddr>,
}

/// The hosts of `destination`, best first, each with its addresses; never empty, and no host without an address.
pub fn find(settings: &Settings, destination: &Destination) -> Result<Vec<Vec<IpAddr>>, NoSession> {
    if destination.kind == Kind::Mx {
        let hosts = match literal(&destination.name) {
            Some(address) => vec![vec![address_elsewhere(destination, address)?]],
            None => addresses_of_domain(settings, destination)?,
        };
        return Ok(bounded(hosts));
    }
    if let Ok(address) = destination.name.parse() {
        return Ok(vec![vec![address]]);
    }
    Ok(bounded(vec![addresses_of_host(settings, destination)?]))
}

/// Each host's addresses with the families in turn, and no more of all than are worth a try.
fn bounded(hosts: Vec<Vec<IpAddr>>) -> Vec<Vec<IpAddr>> {
    let mut left = MOST_ADDRESSES;
    let mut kept = Vec::new();
    for mut addresses in hosts.into_iter().map(interleaved) {
        addresses.truncate(left.min(MOST_PER_HOST));
        left -= addresses.len();
        kept.push(addresses);
    }
    kept.retain(|addresses| !addresses.is_empty());
    kept
}

/// The families in turn, the family of the first address first.
fn interleaved(addresses: Vec<IpAddr>) -> Vec<IpAddr> {
    let first_is_six = addresses.first().is_some_and(IpAddr::is_ipv6);
    let (first, second): (Vec<IpAddr>, Vec<IpAddr>) = addresses.into_iter().partition(|address| address.is_ipv6() == first_is_six);
    let (mut first, mut second) = (first.into_iter(), second.into_iter());
    let mut turns = Vec::new();
    loop {
        let before = turns.len();
        turns.extend(first.next());
        turns.extend(second.next());
        if turns.len() == before {
            return turns;
        }
    }
}

/// The address of a literal, without `IPv6:` as the scheduler hands it over.
fn literal(name: &str) -> Option<IpAddr> {
    name.strip_prefix('[')?.strip_suffix(']')?.parse().ok()
}

fn address_elsewhere(destination: &Destination, address: IpAddr) -> Result<IpAddr, NoSession> {
    if destination.port == SMTP_PORT && is_own_address(address) {
        return Err(judgement::literal_is_here(destination));
    }
    Ok(address)
}

fn addresses_of_host(settings: &Settings, destination: &Destination) -> Result<Vec<IpAddr>, NoSession> {
    let hosts = std::fs::read_to_string(HOSTS_FILE).unwrap_or_default();
    let local = addresses_in_hosts(&hosts, &destination.name);
    if !local.is_empty() {
        return Ok(local);
    }
    let name = name_of(destination)?;
    match settings.resolver.addresses(&name, settings.patience.names) {
        Outcome::Answer(addresses) => Ok(addresses),
        Outcome::NoSuchName => Err(judgement::no_such_name(destination)),
        Outcome::NoData => Err(judgement::no_way_there(destination)),
        Outcome::Temporary(failure) => Err(judgement::look_up_failed(&destination.name, &failure)),
    }
}

fn addresses_of_domain(settings: &Settings, destination: &Destination) -> Result<Vec<Vec<IpAddr>>, NoSession> {
    let domain = name_of(destination)?;
    let hosts = match settings.resolver.exchangers(&domain, settings.patience.names) {
        Outcome::Answer(hosts) => hosts,
        Outcome::NoData => return implicit_exchanger(settings, destination, domain),
        Outcome::NoSuchName => return Err(judgement::no_such_name(destination)),
        Outcome::Temporary(failure) => return Err(judgement::look_up_failed(&destination.name, &failure)),
    };
    if hosts.iter().all(|(_, host)| host.is_root()) {
        return Err(judgement::takes_no_mail(destination));
    }
    explicit_exchangers(settings, destination, hosts)
}

/// Without MX records the domain itself is its only exchanger (RFC 5321 §5.1).
fn implicit_exchanger(settings: &Settings, destination: &Destination, domain: Name) -> Result<Vec<Vec<IpAddr>>, NoSession> {
    if is_own_name(settings, &domain) {
        return Err(judgement::best_exchanger_is_here(destination));
    }
    match settings.resolver.addresses(&domain, settings.patience.names) {
        Outcome::Answer(addresses) => {
            let only = exchanger(destination.port, 0, addresses);
            in_order(vec![only]).ok_or_else(|| judgement::best_exchanger_is_here(destination))
        }
        Outcome::NoSuchName | Outcome::NoData => Err(judgement::no_way_there(destination)),
        Outcome::Temporary(failure) => Err(judgement::look_up_failed(&destination.name, &failure)),
    }
}

fn explicit_exchangers(settings: &Settings, destination: &Destination, mut hosts: Vec<(u16, Name)>) -> Result<Vec<Vec<IpAddr>>, NoSession> {
    hosts.retain(|(_, host)| !host.is_root());
    // From our own preference on nobody is asked for, nor looked up (RFC 5321 §5.1).
    if let Some(own) = hosts.iter().filter(|(_, host)| is_own_name(settings, host)).map(|(preference, _)| *preference).min() {
        hosts.retain(|(preference, _)| *preference < own);
        if hosts.is_empty() {
            return Err(judgement::best_exchanger_is_here(destination));
        }
    }
    hosts.truncate(MOST_HOSTS);
    let names: Vec<Name> = hosts.iter().map(|(_, host)| host.clone()).collect();
    // They come best first.
    let best = hosts.iter().take_while(|(preference, _)| hosts.first().is_some_and(|(least, _)| least == preference)).count();
    let outcomes = settings.resolver.addresses_of_best(&names, best, settings.patience.names);
    let mut found = Vec::new();
    let mut failure = None;
    for ((preference, host), outcome) in hosts.iter().zip(outcomes) {
        match outcome {
            Outcome::Answer(addresses) => found.push(exchanger(destination.port, *preference, addresses)),
            Outcome::Temporary(reason) => failure = failure.or(Some(judgement::look_up_failed(&host.to_string(), &reason))),
            Outcome::NoSuchName | Outcome::NoData => {}
        }
    }
    if found.is_empty() {
        return Err(failure.unwrap_or_else(|| judgement::exchangers_without_address(destination)));
    }
    // Where we are best, an unanswered look-up of a better host is the likelier explanation.
    in_order(found).ok_or_else(|| failure.unwrap_or_else(|| judgement::best_exchanger_is_here(destination)))
}

fn exchanger(port: u16, preference: u16, addresses: Vec<IpAddr>) -> Exchanger {
    let is_here = port == SMTP_PORT && addresses.iter().any(|address| is_own_address(*address));
    Exchanger { preference, is_here, addresses }
}

/// The addresses of all hosts that are better than we are; `None` where there is none.
fn in_order(mut exchangers: Vec<Exchanger>) -> Option<Vec<Vec<IpAddr>>> {
    if let Some(own) = exchangers.iter().filter(|host| host.is_here).map(|host| host.preference).min() {
        exchangers.retain(|host| host.preference < own);
    }
    shuffle(&mut exchangers);
    exchangers.sort_by_key(|host| host.preference);
    let mut seen: HashSet<IpAddr> = HashSet::new();
    let mut fresh = |host: Exchanger| host.addresses.into_iter().filter(|address| seen.insert(*address)).collect();
    let mut hosts: Vec<Vec<IpAddr>> = exchangers.into_iter().map(&mut fresh).collect();
    hosts.retain(|addresses| !addresses.is_empty());
    (!hosts.is_empty()).then_some(hosts)
}

/// Random order. Without random numbers the order stays: only the spreading of load hangs on it.
fn shuffle<T>(items: &mut [T]) {
    for last in (1..items.len()).rev() {
        let mut random = [0; 4];
        if rustix::rand::getrandom(&mut random, rustix::rand::GetRandomFlags::empty()).is_ok() {
            items.swap(last, u32::from_ne_bytes(random) as usize % (last + 1));
        }
    }
}

fn is_own_name(settings: &Settings, host: &Name) -> bool {
    let name = host.to_string().to_ascii_lowercase();
    settings.own_names.contains(&name)
}

/// An address is ours if the kernel would use it to talk to itself; no packet is sent.
fn is_own_address(address: IpAddr) -> bool {
    let address = address.to_canonical();
    if address.is_loopback() || address.is_unspecified() {
        return true;
    }
    let any: IpAddr = if address.is_ipv4() { [0, 0, 0, 0].into() } else { [0u16; 8].into() };
    let probe = || -> std::io::Result<IpAddr> {
        let socket = UdpSocket::bind(SocketAddr::new(any, 0))?;
        socket.connect(SocketAddr::new(address, SMTP_PORT))?;
        Ok(socket.local_addr()?.ip())
    };
    probe().is_ok_and(|source| source == address)
}

fn name_of(destination: &Destination) -> Result<Name, NoSession> {
    Question::new(&destination.name, RecordKind::A).map(|question| question.name).map_err(|error| judgement::not_a_name(&error))
}

#[cfg(test)]
#[path = "targets_test.rs"]
mod targets_test;
