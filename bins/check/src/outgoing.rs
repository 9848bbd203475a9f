//! The addresses that connections come from and may go to: are the first ours, and do the second
//! leave a way for every route?

use crate::point::{at_file, at_line};
use crate::ports::is_own_address;
use crate::subject::{Subject, relay};
use stafett_control::form::network::{Network, ip_address};
use stafett_control::form::outgoing;
use stafett_control::{Item, Setting, rows};
use stafett_site::{Findings, Weight};
use std::net::IpAddr;

/// Judges them.
pub fn check(subject: &Subject, findings: &mut Findings) {
    for item in subject.list(&rows::OUTGOINGIP) {
        let address = outgoing::split(&item.value).ok().map(|(_, address)| address);
        ours(subject, &rows::OUTGOINGIP, &item, address, findings);
    }
    for item in subject.lines(&rows::DOMAINBINDINGS) {
        let address = item.value.split_once(':').and_then(|(_, address)| ip_address(address).ok());
        ours(subject, &rows::DOMAINBINDINGS, &item, address, findings);
    }
    ways(subject, findings);
}

/// Whether control/destinations lets mail go to one of these addresses; without the file, to all.
pub fn may_go_to(subject: &Subject, addresses: &[IpAddr]) -> bool {
    let row = &rows::DESTINATIONS;
    let networks: Vec<Network> = subject.list(row).iter().filter_map(|item| Network::parse(&item.value).ok()).collect();
    !subject.control.path(row).exists() || addresses.iter().any(|address| networks.iter().any(|network| network.contains(*address)))
}

fn ours(subject: &Subject, row: &Setting, item: &Item<String>, address: Option<IpAddr>, findings: &mut Findings) {
    let Some(address) = address.filter(|address| !is_own_address(*address)) else { return };
    let text = format!("{address} is not an address of this host, so no connection can come from it");
    let finding = at_line(Weight::Warning, &subject.control, row, item, &address.to_string(), text);
    findings.push(finding.remedy("give the address to an interface, or write one that this host has"));
}

fn ways(subject: &Subject, findings: &mut Findings) {
    let row = &rows::DESTINATIONS;
    if !subject.control.faults(row).is_empty() || !subject.control.path(row).exists() {
        return;
    }
    if subject.list(row).is_empty() {
        let finding = at_file(Weight::Warning, row, "no network is listed, so nothing is sent anywhere");
        return findings.push(finding.remedy("write the networks that mail may go to, or remove the file"));
    }
    for item in subject.routes() {
        let Some(destination) = relay(&item.value.1) else { continue };
        if destination.name.parse().is_ok_and(|address| !may_go_to(subject, &[address])) {
            let text =
                format!("{} is in none of the networks of control/destinations, so mail for this route is never sent", destination.name);
            let finding = at_line(Weight::Error, &subject.control, &rows::SMTPROUTES, &item, &destination.name, text);
            findings.push(finding.remedy(format_args!("add {} to destinations, or name another relay", destination.name)));
        }
    }
}
