//! Where an instance wants its numbers told: at the socket in run/metrics/, and where control/metricslisten says.
//!
//! The directory belongs to the service; somebody who runs the program by hand as another user listens
//! at the addresses alone.

use crate::options::Place;
use stafett_control::{Control, rows};
use stafett_instance::{Instance, Service};
use stafett_sys::user::Uid;
use std::net::{Ipv4Addr, SocketAddr};

/// What counts without control/metricslisten.
const USUAL: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 9825);

/// All places.
///
/// # Errors
/// When the control file cannot be read or does not parse, or there is no place.
pub fn of(instance: &Instance) -> Result<Vec<Place>, String> {
    let is_ours = instance.owner_of(Service::Metrics).is_ok_and(|owner| owner == Uid::effective());
    let socket = is_ours.then(|| Place::Unix(instance.socket(Service::Metrics)));
    let lines = Control::new(instance.control()).list(&rows::METRICSLISTEN).map_err(|error| error.to_string())?;
    let addresses = match lines {
        None => vec![USUAL],
        Some(lines) => lines.iter().filter_map(|line| line.value.parse().ok()).collect(),
    };
    let places: Vec<Place> = socket.into_iter().chain(addresses.into_iter().map(Place::Tcp)).collect();
    if places.is_empty() {
        return Err("there is nowhere to listen: control/metricslisten has no line; write one, or name a place with --listen".to_owned());
    }
    Ok(places)
}
