//! Which clients a line means: networks, those with RELAYCLIENT, those who have said who they are.

use super::network::Network;
use std::net::IpAddr;

/// Some clients.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// In this network.
    Network(Network),
    /// With RELAYCLIENT.
    Relay,
    /// With an account.
    Authenticated,
}

/// What is known of a client.
#[derive(Clone, Copy, Debug, Default)]
pub struct Client<'a> {
    /// Its address; none when a program was started by hand.
    pub ip: Option<IpAddr>,
    /// Whether it has RELAYCLIENT.
    pub relay: bool,
    /// Its account, once it has proved that it is it.
    pub account: Option<&'a str>,
}

impl Who {
    /// Reads a network, `relayclients` or `authenticated`.
    ///
    /// # Errors
    /// A sentence that says what to write.
    pub fn parse(word: &str) -> Result<Who, String> {
        match word {
            "relayclients" => Ok(Who::Relay),
            "authenticated" => Ok(Who::Authenticated),
            _ if word.contains(['.', ':']) => Network::parse(word).map(Who::Network),
            _ => Err(format!("\"{word}\" names no clients; write a network (192.0.2.0/24), relayclients or authenticated")),
        }
    }

    /// Whether a client is one of them.
    pub fn is(&self, client: &Client<'_>) -> bool {
        match self {
            Who::Network(network) => client.ip.is_some_and(|ip| network.contains(ip)),
            Who::Relay => client.relay,
            Who::Authenticated => client.account.is_some(),
        }
    }
}
