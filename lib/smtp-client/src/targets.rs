//! From a destination to the hosts to try and the addresses of each, in order, with what DNSSEC says of them.
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

use stafett_dns::{HOSTS_FILE, Host, Kind as RecordKind, Name, Outcome, Question, addresses_in_hosts};
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

/// A host to try.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Target {
    /// Its name in lower case, or an address.
    pub name: String,
    /// Its addresses, in the order in which they are tried.
    pub addresses: Vec<IpAddr>,
    /// The name that was asked for in the DNS, and the one that has the addresses, which is another behind an alias.
    pub names: Option<(Name, Name)>,
    /// Whether DNSSEC vouches for all that led to the addresses: MX records, aliases, address records.
    pub is_secure: bool,
    /// Whether it vouches for the MX records, or none were needed.
    pub has_secure_exchanger: bool,
}

/// An MX host.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Exchanger {
    preference: u16,
    is_here: bool,
    target: Target,
}

impl Target {
    /// An address that needs no look-up.
    fn address(address: IpAddr) -> Target {
        Target { name: address.to_string(), addresses: vec![address], ..Target::default() }
    }

    /// As /etc/hosts has it.
    fn local(name: &str, addresses: Vec<IpAddr>) -> Target {
        Target { name: name.to_owned(), addresses, ..Target::default() }
    }

    /// As the DNS has it.
    fn found(asked: Name, host: Host, has_secure_exchanger: bool) -> Target {
        Target {
            name: asked.to_string().to_ascii_lowercase(),
            addresses: host.addresses,
            names: Some((asked, host.owner)),
            is_secure: host.secure && has_secure_exchanger,
            has_secure_exchanger,
        }
    }
}

/// The hosts of `destination`, best first; never empty, and no host without an address.
pub fn find(settings: &Settings, destination: &Destination) -> Result<Vec<Target>, NoSession> {
    if destination.kind == Kind::Mx {
        let hosts = match literal(&destination.name) {
            Some(address) => vec![Target::address(address_elsewhere(destination, address)?)],
            None => hosts_of_domain(settings, destination)?,
        };
        return Ok(bounded(hosts));
    }
    if let Ok(address) = destination.name.parse() {
        return Ok(vec![Target::address(address)]);
    }
    Ok(bounded(vec![route_host(settings, destination)?]))
}

/// Each host's addresses with the families in turn, and no more of all than are worth a try.
fn bounded(mut hosts: Vec<Target>) -> Vec<Target> {
    let mut left = MOST_ADDRESSES;
    for host in &mut hosts {
        host.addresses = interleaved(std::mem::take(&mut host.addresses));
        host.addresses.truncate(left.min(MOST_PER_HOST));
        left -= host.addresses.len();
    }
    hosts.retain(|host| !host.addresses.is_empty());
    hosts
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

fn route_host(settings: &Settings, destination: &Destination) -> Result<Target, NoSession> {
    let hosts = std::fs::read_to_string(HOSTS_FILE).unwrap_or_default();
    let local = addresses_in_hosts(&hosts, &destination.name);
    if !local.is_empty() {
        return Ok(Target::local(&destination.name, local));
    }
    let name = name_of(destination)?;
    match host_of(settings, &name) {
        Outcome::Answer(host) => Ok(Target::found(name, host, true)),
        Outcome::NoSuchName => Err(judgement::no_such_name(destination)),
        Outcome::NoData => Err(judgement::no_way_there(destination)),
        Outcome::Temporary(failure) => Err(judgement::look_up_failed(&destination.name, &failure)),
    }
}

fn host_of(settings: &Settings, name: &Name) -> Outcome<Host> {
    settings.resolver.hosts(std::slice::from_ref(name), 1, settings.patience.names).pop().unwrap_or(Outcome::NoSuchName)
}

fn hosts_of_domain(settings: &Settings, destination: &Destination) -> Result<Vec<Target>, NoSession> {
    let domain = name_of(destination)?;
    let (hosts, is_secure) = settings.resolver.secured_exchangers(&domain, settings.patience.names);
    let hosts = match hosts {
        Outcome::Answer(hosts) => hosts,
        Outcome::NoData => return implicit_exchanger(settings, destination, domain),
        Outcome::NoSuchName => return Err(judgement::no_such_name(destination)),
        Outcome::Temporary(failure) => return Err(judgement::look_up_failed(&destination.name, &failure)),
    };
    if hosts.iter().all(|(_, host)| host.is_root()) {
        return Err(judgement::takes_no_mail(destination));
    }
    explicit_exchangers(settings, destination, hosts, is_secure)
}

/// Without MX records the domain itself is its only exchanger (RFC 5321 §5.1).
fn implicit_exchanger(settings: &Settings, destination: &Destination, domain: Name) -> Result<Vec<Target>, NoSession> {
    if is_own_name(settings, &domain) {
        return Err(judgement::best_exchanger_is_here(destination));
    }
    match host_of(settings, &domain) {
        Outcome::Answer(host) => {
            let only = exchanger(destination.port, 0, Target::found(domain, host, true));
            in_order(vec![only]).ok_or_else(|| judgement::best_exchanger_is_here(destination))
        }
        Outcome::NoSuchName | Outcome::NoData => Err(judgement::no_way_there(destination)),
        Outcome::Temporary(failure) => Err(judgement::look_up_failed(&destination.name, &failure)),
    }
}

fn explicit_exchangers(
    settings: &Settings,
    destination: &Destination,
    mut hosts: Vec<(u16, Name)>,
    is_secure: bool,
) -> Result<Vec<Target>, NoSession> {
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
    let outcomes = settings.resolver.hosts(&names, best, settings.patience.names);
    let mut found = Vec::new();
    let mut failure = None;
    for ((preference, name), outcome) in hosts.iter().zip(outcomes) {
        match outcome {
            Outcome::Answer(host) => {
                found.push(exchanger(destination.port, *preference, Target::found(name.clone(), host, is_secure)));
            }
            Outcome::Temporary(reason) => failure = failure.or(Some(judgement::look_up_failed(&name.to_string(), &reason))),
            Outcome::NoSuchName | Outcome::NoData => {}
        }
    }
    if found.is_empty() {
        return Err(failure.unwrap_or_else(|| judgement::exchangers_without_address(destination)));
    }
    // Where we are best, an unanswered look-up of a better host is the likelier explanation.
    in_order(found).ok_or_else(|| failure.unwrap_or_else(|| judgement::best_exchanger_is_here(destination)))
}

fn exchanger(port: u16, preference: u16, target: Target) -> Exchanger {
    let is_here = port == SMTP_PORT && target.addresses.iter().any(|address| is_own_address(*address));
    Exchanger { preference, is_here, target }
}

/// All hosts that are better than we are; `None` where there is none.
fn in_order(mut exchangers: Vec<Exchanger>) -> Option<Vec<Target>> {
    if let Some(own) = exchangers.iter().filter(|host| host.is_here).map(|host| host.preference).min() {
        exchangers.retain(|host| host.preference < own);
    }
    shuffle(&mut exchangers);
    exchangers.sort_by_key(|host| host.preference);
    let mut seen: HashSet<IpAddr> = HashSet::new();
    let mut hosts: Vec<Target> = exchangers.into_iter().map(|host| host.target).collect();
    hosts.iter_mut().for_each(|host| host.addresses.retain(|address| seen.insert(*address)));
    hosts.retain(|host| !host.addresses.is_empty());
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
